"""SIGINT and SIGTERM that wait until a training step is done."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from typing import Any, NoReturn, Self

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interruption:
    """Remembers the first SIGINT or SIGTERM within a ``with`` block, and acts on the second.

    The handlers that were there come back when the block ends, and what was asked for and not done
    is done then, if an error ends the block as well. Outside of the main thread, where
    Python takes no signals, and for signals that are ignored (``nohup``) nothing changes.
    """

    def __init__(self) -> None:
        self.signal: int | None = None
        self._previous: dict[int, Any] = {}
        self._handler: Callable[[int, Any], Any] | int = signal.SIG_DFL

    def __enter__(self) -> Self:
        if threading.current_thread() is not threading.main_thread():
            return self
        for number in SIGNALS:
            previous = signal.getsignal(number)
            # None: somebody set it who is not written in Python, and it could not be put back.
            if previous not in (None, signal.SIG_IGN):
                self._previous[number] = previous
                signal.signal(number, self._remember)
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: Any) -> None:
        self._give_back()
        if self.asked and (kind is None or issubclass(kind, Exception)):
            self.end()

    @property
    def asked(self) -> bool:
        """Whether a signal came that was not obeyed yet."""
        return self.signal is not None

    def end(self) -> NoReturn:
        """Do now what the signal asked for.

        Raises:
            KeyboardInterrupt: It was SIGINT.
            SystemExit: It was SIGTERM; the exit code is 143.
        """
        assert self.signal is not None
        number, self.signal = self.signal, None
        self._give_back()
        if callable(self._handler):
            self._handler(number, None)
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        raise SystemExit(128 + number)

    def _remember(self, number: int, frame: Any) -> None:
        if self.asked:
            self._give_back()
            signal.raise_signal(number)
            return
        self.signal, self._handler = number, self._previous.get(number, signal.SIG_DFL)

    def _give_back(self) -> None:
        while self._previous:
            signal.signal(*self._previous.popitem())
