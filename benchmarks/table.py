"""The run as a page of Markdown."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from typing import Any

from benchmarks.comparing import Comparison

HEADINGS = (
    "row",
    "what",
    "ours",
    "against",
    "ratio (least to most)",
    "asked",
    "verdict",
    "figures",
    "of the peak",
)


def page(report: dict[str, Any], comparisons: list[Comparison]) -> str:
    """Machine, versions, table, times of warming up."""
    lines = ["# Benchmarks", "", *_opening(report), "", *_table(comparisons), ""]
    lines += [*_warm_ups(report["prepared"]), *_notes(report)]
    return "\n".join(lines) + "\n"


def _opening(report: dict[str, Any]) -> Iterable[str]:
    if report["smoke"]:
        yield "A short run that only shows that everything runs: **its figures mean nothing**.\n"
    for name, share in report["void"].items():
        yield (
            f"**Void**: around the experiment `{name}` the machine's own matrix-multiplication "
            f"peak moved by {share:.0%}, more than 10 %. Something else was running.\n"
        )
    machine = {
        key: ", ".join(value) if isinstance(value, list) else value
        for key, value in report["machine"].items()
        if value != {}
    }
    yield "- machine: " + "; ".join(f"{key} {value}" for key, value in machine.items())
    yield "- versions: " + ", ".join(f"{k} {v}" for k, v in report["versions"].items())
    for numerics in ("float32", "bfloat16"):
        found = [peak[numerics] for peak in report["peaks"]]
        yield (
            f"- matrix-multiplication peak in {numerics} (best of PyTorch and oneDNN), GFLOP/s: "
            f"{found[0]:.0f} before, {found[-1]:.0f} after; {min(found):.0f} to {max(found):.0f} "
            "in between"
        )
    yield f"- {report['rounds']} rounds, {report['minutes']:.1f} minutes; began {report['began']}"


def _table(comparisons: list[Comparison]) -> Iterable[str]:
    yield f"| {' | '.join(HEADINGS)} |"
    yield "|" + "---|" * len(HEADINGS)
    for each in comparisons:
        spread = f" ({min(each.ratios):.{_digits(each)}f} to {max(each.ratios):.{_digits(each)}f})"
        cells = (
            f"`{each.row}`",
            each.title,
            each.ours,
            each.peer,
            f"**{each.ratio:.{_digits(each)}f}×**" + (spread if len(each.ratios) > 1 else ""),
            asked(each),
            each.verdict,
            f"{shown(each.our_figure)} : {shown(each.peer_figure)} {each.metric}",
            "" if each.our_share is None else shares(each),
        )
        yield f"| {' | '.join(cells)} |"


def asked(comparison: Comparison) -> str:
    """The floor, with its sign."""
    if comparison.floor is None:
        return "–"
    return f"{'≤' if comparison.at_most else '≥'} {comparison.floor:g}×"


def shares(comparison: Comparison) -> str:
    """How near both come to the machine's peak."""
    assert comparison.our_share is not None
    theirs = f" : {comparison.peer_share:.0%}" if comparison.peer_share is not None else ""
    return f"{comparison.our_share:.0%}{theirs}"


def shown(value: float) -> str:
    """Three digits."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _digits(comparison: Comparison) -> int:
    return 3 if comparison.metric in ("loss", "s") else 2


def _warm_ups(prepared: list[dict[str, Any]]) -> Iterable[str]:
    found = [each for each in prepared if "warm_up" in each]
    if not found:
        return
    yield "First slice, tracing and compiling included, seconds (not part of the ratios):\n"
    yield "| experiment | contestant | s |\n|---|---|---|"
    for each in found:
        name = f"{each['library']} {each['backend']} {each['dtype']}"
        yield f"| {each['experiment']} | {name} | {each['warm_up']:.1f} |"
    yield ""


def _notes(report: dict[str, Any]) -> Iterable[str]:
    padding = [m["slots_per_token"] for m in report["measurements"] if "slots_per_token" in m]
    if padding:
        yield f"Slots a token in our batches of `pipeline`: {statistics.median(padding):.2f}.\n"
    quality = [m for m in report["measurements"] if m["experiment"] == "quality"]
    if quality:
        yield "| held-out loss | seed | before | after |\n|---|---|---|---|"
        for each in sorted(quality, key=lambda m: (m["library"], m["round"])):
            yield (
                f"| {each['library']} {each['backend']} | {each['round'] + 1} "
                f"| {each['before']:.4f} | {each['loss']:.4f} |"
            )
        yield ""
