"""Training progress: a bar on a terminal, a line an epoch in any case. On standard error."""

from __future__ import annotations

import time
from typing import Any, Self

import keras
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from mlmzoo.cli.output import console
from mlmzoo.tasks.epoch_log import ACCURACY, Epoch


class ProgressBar(keras.callbacks.Callback):
    """A bar over the steps of all epochs, with loss and accuracy of the epoch so far.

    As a context it goes away in the end, also where training was interrupted.
    """

    def __init__(self) -> None:
        super().__init__()
        self._screen = console(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=self._screen,
            disable=not self._screen.is_terminal,
            transient=True,
        )
        self._bar: Any = None
        self._before = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._progress.stop()

    def log(self, epoch: Epoch) -> None:
        """Print an epoch's line above the bar."""
        self._screen.print(str(epoch))

    def on_train_begin(self, logs: Any = None) -> None:
        total = self.params["epochs"] * (self.params["steps"] or 0) or None
        self._bar = self._progress.add_task("training", total=total)
        self._progress.start()

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._before = epoch * (self.params["steps"] or 0)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        logs = logs or {}
        shown = [("loss", logs.get("loss"), ".3f"), ("accuracy", logs.get(ACCURACY), ".1%")]
        text = ", ".join(f"{name} {float(v):{form}}" for name, v, form in shown if v is not None)
        # Not one more than before: a run that goes on begins in the middle.
        self._progress.update(self._bar, completed=self._before + batch + 1, description=text)

    def on_train_end(self, logs: Any = None) -> None:
        self._progress.stop()


class StopsAfter(keras.callbacks.Callback):
    """Ends training after a number of seconds, in the middle of an epoch if need be.

    Args:
        seconds: Seconds since training began.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds
        self._begin = 0.0

    def on_train_begin(self, logs: Any = None) -> None:
        self._begin = time.monotonic()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if time.monotonic() - self._begin > self.seconds:
            self.model.stop_training = True
