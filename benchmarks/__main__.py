"""``python -m benchmarks``: see ``docs/benchmarks.md``."""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import json
import signal
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import chart, machine, table
from benchmarks.comparing import Comparison, compare, unsteady
from benchmarks.experiments import plan
from benchmarks.rows import BACKENDS, KERAS_HUB, ROWS, TRANSFORMERS
from benchmarks.running import Runner, tell
from benchmarks.sizes import SMOKE, Sizes

SHORT, VOID = 1, 2
"""Exit codes: a row falls short; the machine was not steady."""
PAGE = "benchmarks.md"


def read_options(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="mlmzoo beside keras-hub and transformers, alternately, on the same work.",
    )
    names = [row.name for row in ROWS]
    parser.add_argument("--rows", nargs="+", choices=names, default=names, metavar="ROW",
                        help=f"by default all: {', '.join(names)}")  # fmt: skip
    parser.add_argument("--backends", nargs="+", choices=BACKENDS, default=list(BACKENDS))
    parser.add_argument("--rounds", type=int, help="by default 3")
    parser.add_argument("--out", type=Path, default=Path("benchmark-results"), metavar="DIR")
    parser.add_argument("--whole", action="store_true",
                        help="give the slower contestants as many short lines a slice")  # fmt: skip
    parser.add_argument("--smoke", action="store_true",
                        help="tiny sizes, no verdicts: only shows that all runs")  # fmt: skip
    return parser.parse_args(arguments)


def main() -> int:
    options = read_options()
    # So that the contestants, stopped as they are, end with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    rows = [row for row in ROWS if row.name in options.rows]
    peers = set().union(*(row.peers() for row in rows))
    parts = {
        *options.backends,
        "torch",  # the machine's peak
        *(["keras-hub"] if KERAS_HUB in peers else []),
        *(["transformers"] if TRANSFORMERS in peers else []),
    }
    try:
        versions = machine.versions(parts)
    except machine.MissingError as error:
        sys.exit(f"error: {error}")
    rounds = options.rounds or (1 if options.smoke else 3)
    sizes = SMOKE if options.smoke else Sizes()
    options.out.mkdir(parents=True, exist_ok=True)
    began, start = datetime.datetime.now(datetime.UTC), time.perf_counter()
    described = machine.describe()
    tell(f"{described}\n{versions}")

    def report() -> list[Comparison]:
        """Write what there is by now."""
        comparisons = compare(rows, runner.measurements, runner.peaks, not options.smoke)
        found = {
            "began": began.isoformat(timespec="seconds"),
            "minutes": (time.perf_counter() - start) / 60,
            "machine": described,
            "versions": versions,
            "smoke": options.smoke,
            "rounds": rounds,
            "sizes": dataclasses.asdict(sizes),
            "void": {} if options.smoke else unsteady(runner.peaks),
            "peaks": runner.peaks,
            "prepared": runner.prepared,
            "measurements": runner.measurements,
            "comparisons": [{"ratio": c.ratio, **dataclasses.asdict(c)} for c in comparisons],
        }
        write(options.out, found, comparisons)
        return comparisons

    comparisons: list[Comparison] = []
    with tempfile.TemporaryDirectory() as made:
        runner = Runner(options.out, rounds, sizes.matrix, options.smoke)
        try:
            backends = tuple(options.backends)
            for each in plan(rows, backends, Path(made), sizes, options.whole, options.smoke):
                runner.run(each)
                comparisons = report()
        finally:
            runner.close()
    print((options.out / PAGE).read_text(encoding="utf-8"))
    if not options.smoke and unsteady(runner.peaks):
        return VOID
    return SHORT if any(each.passes is False for each in comparisons) else 0


def write(directory: Path, report: dict, comparisons: list[Comparison]) -> None:
    """The table, the measurements, the picture."""
    page = table.page(report, comparisons)
    (directory / PAGE).write_text(page, encoding="utf-8")
    (directory / "benchmarks.json").write_text(json.dumps(report, indent=1), encoding="utf-8")
    title = f"{report['machine']['processor']}, {report['machine']['cores']} cores"
    smoke = " (smoke test: figures mean nothing)" if report["smoke"] else ""
    chart.draw(directory / "benchmarks.png", comparisons, title + smoke)


if __name__ == "__main__":
    sys.exit(main())
