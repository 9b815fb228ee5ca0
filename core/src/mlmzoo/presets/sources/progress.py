"""The progress of a transfer: files grow, or bytes are sent, or it is given up; a line shows it."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

_SHOWN_AFTER = 1.0  # seconds; what is quicker needs no line


class Stalled(Exception):
    """There was no progress for the time that was given."""


class Progress:
    """Looks at a directory from time to time, or is told what was sent.

    Use as a context manager. Where standard error is a terminal or a notebook, and unless
    ``HF_HUB_DISABLE_PROGRESS_BARS`` is set, a line there shows what has arrived after a second.

    Args:
        directory: Where the files are written; need not exist yet. ``None`` where none are.
        patience: Seconds without a change after which the wait is over.
        label: What is transferred, for the line.
        total: Number of bytes that will be sent, for the line.
    """

    def __init__(
        self,
        directory: Path | None,
        patience: float,
        label: str = "download",
        total: int | None = None,
    ):
        self._directory = directory
        self._patience = patience
        self._label = label
        self._total = total
        self._sent = 0
        self._line: Any = None
        self._task: Any = None
        self.every = min(0.5, patience / 4)
        """Seconds between two looks."""
        self.restart()

    def restart(self) -> None:
        """Count the patience from now."""
        self._state = self._measure()
        self._before = self._state[0]
        self._start = self._since = time.monotonic()

    def note(self, sent: int) -> None:
        """Take down how many bytes were sent so far, and look."""
        self._sent = sent
        self.look()

    def look(self) -> None:
        """Note a change, or raise `Stalled` where there has been none for too long."""
        state, now = self._measure(), time.monotonic()
        if state != self._state:
            self._state, self._since = state, now
        elif now - self._since >= self._patience:
            raise Stalled(f"no progress for {self._patience:g} s")
        if self._line is None and now - self._start > _SHOWN_AFTER and _somebody_looks():
            from rich.console import Console
            from rich.progress import DownloadColumn, TextColumn, TimeElapsedColumn
            from rich.progress import Progress as Line

            columns = TextColumn("{task.description}"), DownloadColumn(), TimeElapsedColumn()
            self._line = Line(*columns, console=Console(stderr=True), transient=True)
            self._task = self._line.add_task(self._label, total=self._total)
            self._line.start()
        if self._line is not None:
            self._line.update(self._task, completed=max(state[0] - self._before, 0))

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._line is not None:
            self._line.stop()

    def _measure(self) -> tuple[int, int]:
        """Sizes and times of change: a file can have its size from the start."""
        sizes, times = self._sent, 0
        for path in self._directory.rglob("*") if self._directory else ():
            try:
                stat = path.lstat()
            except OSError:  # renamed or removed between the listing and the look
                continue
            sizes += stat.st_size
            times += stat.st_mtime_ns
        return sizes, times


def _somebody_looks() -> bool:
    if os.environ.get("HF_HUB_DISABLE_PROGRESS_BARS", "").lower() in ("1", "on", "yes", "true"):
        return False
    return "ipykernel" in sys.modules or (sys.stderr is not None and sys.stderr.isatty())
