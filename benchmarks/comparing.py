"""From measurements to ratios, and from ratios to verdicts."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from benchmarks.experiments import Part
from benchmarks.rows import BFLOAT16, NAMES, OURS, WEIGHTS, Row

STEADY = 0.1
"""How far the machine's peak may move around an experiment, as a share of it."""
HIGHER_IS_BETTER = ("lines/s", "lines/s, later epochs")


@dataclass(frozen=True)
class Comparison:
    """One line of the table.

    Args:
        row: Name of the row.
        title: What was measured.
        ours: Which of ours.
        peer: Which peer.
        metric: Unit of `our_figure` and `peer_figure`, medians over the rounds.
        ratios: Ours over the peer's, one a round.
        floor: What their median has to reach, or to stay below.
        at_most: Which of both.
        verdict: Whether it does, in words.
        passes: `None` where nothing is asked.
        our_figure: See `metric`.
        peer_figure: See `metric`.
        our_share: Operations needed for the real tokens, as a share of what the machine's peak
            does in that time; `None` where nobody trains.
        peer_share: Of the peer.
    """

    row: str
    title: str
    ours: str
    peer: str
    metric: str
    ratios: tuple[float, ...]
    floor: float | None
    at_most: bool
    verdict: str
    passes: bool | None
    our_figure: float
    peer_figure: float
    our_share: float | None
    peer_share: float | None

    @property
    def ratio(self) -> float:
        """Median over the rounds."""
        return statistics.median(self.ratios)


def unsteady(peaks: Iterable[dict[str, Any]]) -> dict[str, float]:
    """Experiments around which the machine's peak moved too far, and how far."""
    peaks = list(peaks)
    moved = {}
    for name in dict.fromkeys(peak["experiment"] for peak in peaks):
        found = [peak["float32"] for peak in peaks if peak["experiment"] == name]
        moved[name] = 1 - min(found) / max(found)
    return {name: share for name, share in moved.items() if share > STEADY}


def compare(
    rows: Iterable[Row],
    measurements: list[dict[str, Any]],
    peaks: list[dict[str, Any]],
    judged: bool,
) -> list[Comparison]:
    """All comparisons that the measurements allow."""
    void = unsteady(peaks)
    return [
        comparison
        for row in rows
        for comparison in _compare_row(row, measurements, peaks, judged, row.experiment in void)
    ]


def _compare_row(
    row: Row,
    measurements: list[dict[str, Any]],
    peaks: list[dict[str, Any]],
    judged: bool,
    void: bool,
) -> Iterable[Comparison]:
    by_part: dict[Part, list[dict[str, Any]]] = {}
    for found in sorted(measurements, key=lambda each: each["round"]):
        if found["experiment"] == row.experiment:
            part = Part(found["library"], found["backend"], found["dtype"])
            by_part.setdefault(part, []).append(found)
    peer_metric = row.peer_metric or row.metric
    mine = [p for p in by_part if p.library == OURS and p.dtype == row.dtype]
    for floor in row.floors:
        best = _best(mine, by_part, row.metric)
        chosen = {"best": [best], "each": mine}.get(
            floor.ours, [part for part in mine if part.backend == floor.ours]
        )
        for ours in chosen:
            theirs = _peer(floor.peer, floor.on, ours, by_part, peer_metric)
            if theirs is None and floor.peer != WEIGHTS:
                continue
            our_values = [figure(each, row.metric) for each in by_part[ours]]
            if theirs is None:
                their_values = [each["weights"] / 1e6 for each in by_part[ours]]
            else:
                their_values = [figure(each, peer_metric) for each in by_part[theirs]]
            ratios = tuple(a / b for a, b in zip(our_values, their_values, strict=True))
            asked = floor.floor if judged else None
            passes, verdict = judge(ratios, asked, row.at_most, row.metric == "loss")
            yield Comparison(
                row=row.name,
                title=row.title,
                ours=f"{NAMES[OURS]} {_on(ours, row)}",
                peer=_peer_name(theirs, row),
                metric=row.metric,
                ratios=ratios,
                floor=asked,
                at_most=row.at_most,
                verdict=f"void ({verdict})" if void and judged else verdict,
                passes=None if void else passes,
                our_figure=statistics.median(our_values),
                peer_figure=statistics.median(their_values),
                our_share=_share(by_part[ours], ours, peaks, row),
                peer_share=theirs and _share(by_part[theirs], theirs, peaks, row),
            )


def figure(measurement: dict[str, Any], metric: str) -> float:
    """One figure of a measurement, in the unit that the metric names."""
    if metric == "lines/s":
        return measurement["units"] / measurement["seconds"]
    if metric == "lines/s, later epochs":
        return measurement["units"] / measurement["seconds_later"]
    if metric == "s":
        return measurement["seconds"]
    if metric == "MB":
        return measurement["peak"] / 1e6
    return measurement[metric]


def judge(
    ratios: tuple[float, ...], floor: float | None, at_most: bool, of_seeds: bool
) -> tuple[bool | None, str]:
    """Whether ratios reach what is asked, and in words."""
    if floor is None:
        return None, "recorded"
    if of_seeds:
        # A difference between seeds that the spread of the seeds explains is none.
        mean = statistics.mean(ratios)
        error = statistics.stdev(ratios) / len(ratios) ** 0.5 if len(ratios) > 1 else 0.0
        if mean <= floor:
            return True, "passes"
        if mean <= floor + 2 * error:
            return True, f"passes ({mean - floor:.1%} worse, within 2 standard errors of the seeds)"
        return False, f"{mean - floor:.1%} worse"
    ratio = statistics.median(ratios)
    if ratio <= floor if at_most else ratio >= floor:
        return True, "passes"
    share = ratio / floor - 1
    return False, f"{share:.0%} above" if at_most else f"{-share:.0%} short"


def _best(parts: list[Part], by_part: dict[Part, list[dict[str, Any]]], metric: str) -> Part | None:
    """The part with the best median."""
    if not parts:
        return None
    sign = 1 if metric in HIGHER_IS_BETTER else -1
    return max(
        parts, key=lambda p: sign * statistics.median(figure(each, metric) for each in by_part[p])
    )


def _peer(
    library: str | None, on: str, ours: Part | None, by_part: dict[Part, Any], metric: str
) -> Part | None:
    parts = [p for p in by_part if p.library == library and p.dtype == "float32"]
    if on == "best":
        return _best(parts, by_part, metric)
    backend = ours.backend if on == "same" and ours else on
    return next((part for part in parts if part.backend == backend), None)


def _on(part: Part, row: Row) -> str:
    if row.experiment == "start-up":
        return "presets"
    return f"{part.backend}, bfloat16" if part.dtype == BFLOAT16 else part.backend


def _peer_name(part: Part | None, row: Row) -> str:
    if part is None:
        return "its weights"
    name = NAMES[part.library] if part.library != OURS else "our own"
    if row.experiment == "start-up":
        return name
    what = ", first epoch" if row.peer_metric else ", float32" if part.library == OURS else ""
    return f"{name} {part.backend}{what}"


def _share(
    measurements: list[dict[str, Any]], part: Part, peaks: list[dict[str, Any]], row: Row
) -> float | None:
    """Needed operations a second, over the machine's peak around the experiment."""
    if not measurements[0]["operations"]:
        return None
    numerics = "bfloat16" if part.dtype == BFLOAT16 else "float32"
    peak = max(each[numerics] for each in peaks if each["experiment"] == row.experiment) * 1e9
    return statistics.median(each["operations"] / each["seconds"] for each in measurements) / peak
