"""A deadline for a call that has none of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

T = TypeVar("T")

_LOOK_EVERY = 1.0  # seconds between two looks at the directory


class Stalled(Exception):
    """The call made no progress for the time it was given."""


class _Call(threading.Thread, Generic[T]):
    """One call in a thread that does not keep the process alive."""

    def __init__(self, function: Callable[[], T]):
        super().__init__(name="mlmzoo-download", daemon=True)
        self._function = function
        self.result: T | None = None
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self.result = self._function()
        except BaseException as error:
            self.error = error


def while_growing(function: Callable[[], T], directory: Path, patience: float) -> T:
    """Call `function` for as long as the files under `directory` grow.

    A thread cannot be stopped: a call that stalls stays behind, holding its connection, until the
    server closes it or the process ends. Only a child process could be ended.

    Args:
        function: The call, which writes what it downloads under `directory`.
        directory: Where to look for progress; need not exist yet.
        patience: Seconds without progress after which the call is given up.

    Raises:
        Stalled: `patience` is over.
        BaseException: What `function` raised.
    """
    call = _Call(function)
    call.start()
    size, since = _size(directory), time.monotonic()
    while True:
        call.join(min(_LOOK_EVERY, patience))
        if not call.is_alive():
            break
        now = _size(directory)
        if now != size:
            size, since = now, time.monotonic()
        elif time.monotonic() - since >= patience:
            raise Stalled(f"no progress for {patience:g} s")
    if call.error is not None:
        raise call.error
    return call.result  # type: ignore[return-value]


def _size(directory: Path) -> int:
    total = 0
    for path in directory.rglob("*"):
        try:
            total += path.stat().st_size
        except OSError:  # renamed or removed between the listing and the look
            continue
    return total
