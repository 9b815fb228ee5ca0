"""Rounds of an experiment: every contestant once in each, the machine's peak before and after."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.experiments import Experiment, Part, run_command
from benchmarks.turns import Contestant


class Runner:
    """Runs experiments; keeps what was measured.

    Args:
        directory: For logs.
        rounds: Rounds an experiment.
        matrix: Size of the matrices of the machine's peak.
        share: Whether a process takes one job after another, rather than one.
    """

    def __init__(self, directory: Path, rounds: int, matrix: int, share: bool) -> None:
        self._directory, self._rounds, self._share = directory, rounds, share
        self._shared: dict[Part, Contestant] = {}
        self._peak = Contestant("matmul", "torch", directory / "logs" / "matmul.log")
        self._peak.prepare("peak", {"matrix": matrix})
        self.measurements: list[dict[str, Any]] = []
        self.prepared: list[dict[str, Any]] = []
        self.peaks: list[dict[str, Any]] = []

    def close(self) -> None:
        """End all processes."""
        for contestant in (self._peak, *self._shared.values()):
            contestant.close()

    def run(self, experiment: Experiment) -> None:
        """Measure one experiment."""
        self._measure_peak(experiment.name, "before")
        if experiment.job is None:
            self._run_commands(experiment)
        elif experiment.fresh:
            self._run_fresh(experiment)
        else:
            self._run_prepared(experiment)
        self._measure_peak(experiment.name, "after")

    def _run_prepared(self, experiment: Experiment) -> None:
        ready: dict[Part, Contestant] = {}
        try:
            for part in experiment.parts:  # all at once: they begin with their imports
                ready[part] = self._contestant(experiment, part)
            for part in experiment.parts:
                self._prepare(ready[part], experiment, part)
            for number, part in self._turns(experiment):
                given = {"seed": number + 1} if experiment.seeds else {}
                if not experiment.seeds:
                    # The system may have taken back its memory while it was stopped: up to three
                    # times as long, for one slice.
                    ready[part].measure()
                self._keep(experiment, part, number, ready[part].measure(**given))
            for contestant in ready.values():
                contestant.finish()
        finally:
            if not self._share:
                for contestant in ready.values():
                    contestant.close()

    def _run_fresh(self, experiment: Experiment) -> None:
        for number, part in self._turns(experiment):
            contestant = self._start(experiment, part)
            try:
                self._prepare(contestant, experiment, part)
                figures = contestant.measure()
            finally:
                contestant.close()
            self._keep(experiment, part, number, figures)

    def _run_commands(self, experiment: Experiment) -> None:
        for part in experiment.parts:
            run_command(part)  # what it reads is in memory after that
        for number, part in self._turns(experiment):
            self._keep(experiment, part, number, run_command(part))

    def _turns(self, experiment: Experiment) -> Iterator[tuple[int, Part]]:
        """Everybody once a round; who begins changes with the rounds."""
        parts = experiment.parts
        for number in range(experiment.rounds or self._rounds):
            first = number % len(parts)
            for part in parts[first:] + parts[:first]:
                yield number, part

    def _contestant(self, experiment: Experiment, part: Part) -> Contestant:
        if not self._share:
            return self._start(experiment, part)
        if part not in self._shared:
            self._shared[part] = self._start(experiment, part)
        return self._shared[part]

    def _start(self, experiment: Experiment, part: Part) -> Contestant:
        log = self._directory / "logs" / f"{experiment.name} {part}.log".replace(" ", "-")
        return Contestant(part.library, part.backend, log)

    def _prepare(self, contestant: Contestant, experiment: Experiment, part: Part) -> None:
        info = contestant.prepare(str(experiment.job), experiment.work_for(part))
        self.prepared.append({"experiment": experiment.name, **part._asdict(), **info})
        if "warm_up" in info:
            tell(f"{experiment.name}: {part} is ready after {info['warm_up']:.1f} s")

    def _keep(
        self, experiment: Experiment, part: Part, number: int, figures: dict[str, Any]
    ) -> None:
        units, operations = experiment.units(part), experiment.operations(part)
        kept = {
            "experiment": experiment.name,
            **part._asdict(),
            "round": number,
            **figures,
            "units": units,
            "operations": operations,
            "weights": experiment.weights,
        }
        self.measurements.append(kept)
        shown = [f"{figures['seconds']:.2f} s"] if "seconds" in figures else []
        shown += [f"held-out loss {figures['loss']:.4f}"] if experiment.seeds else []
        tell(f"{experiment.name}, round {number + 1}: {part}: {', '.join(shown)}")

    def _measure_peak(self, experiment: str, when: str) -> None:
        figures = self._peak.measure()
        self.peaks.append({"experiment": experiment, "when": when, **figures})


def tell(text: str) -> None:
    """Progress, for whoever waits."""
    print(text, file=sys.stderr, flush=True)
