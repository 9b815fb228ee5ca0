"""Whether a download makes progress: the files it writes grow, or it is given up."""

from __future__ import annotations

import time
from pathlib import Path


class Stalled(Exception):
    """There was no progress for the time that was given."""


class Progress:
    """Looks at a directory from time to time.

    Args:
        directory: Where the files are written; need not exist yet.
        patience: Seconds without a change after which the wait is over.
    """

    def __init__(self, directory: Path, patience: float):
        self._directory = directory
        self._patience = patience
        self.every = min(0.5, patience / 4)
        """Seconds between two looks."""
        self.restart()

    def restart(self) -> None:
        """Count the patience from now."""
        self._size, self._since = self._measure(), time.monotonic()

    def look(self) -> None:
        """Note a change, or raise `Stalled` where there has been none for too long."""
        size = self._measure()
        if size != self._size:
            self._size, self._since = size, time.monotonic()
        elif time.monotonic() - self._since >= self._patience:
            raise Stalled(f"no progress for {self._patience:g} s")

    def _measure(self) -> int:
        total = 0
        for path in self._directory.rglob("*"):
            try:
                total += path.lstat().st_size
            except OSError:  # renamed or removed between the listing and the look
                continue
        return total
