"""How a contestant and the benchmark talk: lines of JSON, one turn at a time.

Both ends are here. A contestant is a process of its own that prepares a job (loads, compiles, warms
up), says that it is ready, and then measures one slice whenever it is told to. While others have
their turn it is stopped (SIGSTOP): none of its threads can spin on the cores they need.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


class Turns:
    """The contestant's end.

    Args:
        reader: Where orders come from, a text file.
        writer: Where answers go.
    """

    def __init__(self, reader: Any, writer: Any) -> None:
        self._reader, self._writer = reader, writer

    def next_order(self) -> dict[str, Any] | None:
        """The next order, or ``None`` where the benchmark has gone."""
        line = self._reader.readline()
        return json.loads(line) if line else None

    def ready(self, **info: Any) -> None:
        """Say that measuring may begin."""
        self._answer({"ready": info})

    def wait(self) -> dict[str, Any] | None:
        """Wait for a turn: its arguments, or ``None`` when the job is over."""
        order = self.next_order()
        return None if order is None or "end" in order else order["go"]

    def report(self, **figures: Any) -> None:
        """Hand in what was measured in this turn."""
        self._answer({"figures": figures})

    def done(self) -> None:
        """Say that a job is over and another may come."""
        self._answer({"done": True})

    def _answer(self, answer: dict[str, Any]) -> None:
        self._writer.write(json.dumps(answer) + "\n")
        self._writer.flush()


class ContestantError(RuntimeError):
    """A contestant failed; no row is reported without it."""


class Contestant:
    """The benchmark's end: one process, stopped but for its turns.

    Args:
        library: Name of a module of `benchmarks.contestants`.
        backend: Keras' backend in that process.
        log: File for all it prints.
    """

    def __init__(self, library: str, backend: str, log: Path) -> None:
        self.name, self.log = f"{library} on {backend}", log
        reader, writer = os.pipe()
        environment = {
            **os.environ,
            "KERAS_BACKEND": backend,
            "KERAS_HOME": str(log.parent / "keras"),
            "HF_HUB_OFFLINE": "1",
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "PYTHONWARNINGS": "ignore",
        }
        log.parent.mkdir(parents=True, exist_ok=True)
        with open(log, "ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.contestants", library, str(writer)],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                pass_fds=[writer],
                text=True,
            )
        os.close(writer)
        self._answers = open(reader, encoding="utf-8")

    def prepare(self, job: str, work: dict[str, Any]) -> dict[str, Any]:
        """Have it prepare a job. Returns what it says of itself, e.g. seconds of warming up."""
        return self._ask({"job": job, "work": work})["ready"]

    def measure(self, **arguments: Any) -> dict[str, Any]:
        """Give it a turn. Returns its figures."""
        return self._ask({"go": arguments})["figures"]

    def finish(self) -> None:
        """End the job; the process may take another."""
        self._ask({"end": True})

    def close(self) -> None:
        """End the process."""
        self._process.kill()  # also where it is stopped
        self._process.wait()
        for pipe in (self._process.stdin, self._answers):
            if pipe is not None:
                try:
                    pipe.close()
                except BrokenPipeError:
                    pass  # it died with an order unread

    def _ask(self, order: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.send_signal(signal.SIGCONT)
        try:
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()
            line = self._answers.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            self._process.wait()
            tail = self.log.read_text(encoding="utf-8", errors="replace")[-3000:]
            raise ContestantError(
                f"{self.name} ended with code {self._process.returncode} in the middle of "
                f"{json.dumps(order)[:200]}. The end of {self.log}:\n{tail}"
            )
        self._process.send_signal(signal.SIGSTOP)
        return json.loads(line)
