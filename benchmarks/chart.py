"""The run as a picture: every ratio beside what is asked of it."""

from __future__ import annotations

from pathlib import Path

from benchmarks.comparing import Comparison
from benchmarks.table import asked

COLOURS = {True: "#2e7d5b", False: "#c2573a", None: "#7a8794"}


def draw(path: Path, comparisons: list[Comparison], title: str) -> None:
    """Write a PNG: one bar a comparison, a line from the least to the most, a mark at the floor."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot
    from matplotlib.ticker import FuncFormatter, NullFormatter

    height = 0.36 * len(comparisons) + 1.6
    figure, axes = pyplot.subplots(figsize=(11, height), layout="constrained")
    for place, each in enumerate(comparisons):
        axes.barh(place, each.ratio - 1, left=1, color=COLOURS[each.passes], height=0.62)
        axes.plot([min(each.ratios), max(each.ratios)], [place, place], color="black", lw=1.2)
        if each.floor is not None:
            axes.plot([each.floor] * 2, [place - 0.42, place + 0.42], color="black", lw=2.4)
        right = max(each.ratio, 1, max(each.ratios), each.floor or 0)
        axes.annotate(
            f"{each.ratio:.3g}×  {'' if each.floor is None else asked(each)}",
            (right, place),
            (6, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
        )
    axes.set_yticks(
        range(len(comparisons)),
        [f"{each.row}: {each.ours} / {each.peer}" for each in comparisons],
        fontsize=8,
    )
    axes.invert_yaxis()
    axes.set_xscale("log")
    low = min((min(*each.ratios, each.ratio, 1) for each in comparisons), default=1)
    high = max((max(*each.ratios, each.ratio, 1) for each in comparisons), default=1)
    axes.set_xlim(low / 1.5, high * 3)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}×"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.axvline(1, color="black", lw=0.8)
    axes.set_xlabel(
        "ours over the peer's: lines a second; seconds, bytes or loss where ≤ is asked "
        "(thick mark)",
        fontsize=8,
    )
    axes.set_title(title, fontsize=10, loc="left")
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.tick_params(axis="y", length=0)
    figure.savefig(path, dpi=150)
    pyplot.close(figure)
