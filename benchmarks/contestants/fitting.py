"""`fit` one epoch at a time, for both libraries on Keras: the same callback measures both."""

from __future__ import annotations

import time
from typing import Any

import keras

from benchmarks import judge
from benchmarks.turns import Turns

EPOCHS = 100
"""More than are ever asked for. So many epochs of 512 lines are as many lines as one over a corpus
of fifty thousand, in case a library weighs compiling against that."""


class Slices(keras.callbacks.Callback):
    """Stops between epochs until the next is asked for; reports how long each took.

    Tracing and compiling happen in the first epochs, which warm up and are reported apart.

    Args:
        turns: Who asks.
        warm_up: Epochs before the first that counts.
    """

    def __init__(self, turns: Turns, warm_up: int = 1) -> None:
        super().__init__()
        self._turns, self._warm_up = turns, warm_up
        self._start = self._begin = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        loss = float(logs["loss"])  # waits for the last step where steps run ahead
        now = time.perf_counter()
        if epoch + 1 >= self._warm_up:
            if epoch + 1 == self._warm_up:
                self._turns.ready(warm_up=now - self._begin)
            else:
                self._turns.report(seconds=now - self._start, loss=loss)
            if epoch + 2 > EPOCHS:
                raise RuntimeError(f"more than {EPOCHS} epochs were asked for")
            if self._turns.wait() is None:
                self.model.stop_training = True
        self._start = time.perf_counter()


def adapting_optimizer() -> keras.optimizers.Optimizer:
    """Adam, of the rate and epsilon that `benchmarks.judge` names."""
    return keras.optimizers.Adam(judge.LEARNING_RATE, epsilon=judge.EPSILON)


def options(turns: Turns) -> dict[str, Any]:
    """Arguments of both libraries' `fit`."""
    return {"epochs": EPOCHS, "verbose": 0, "callbacks": [Slices(turns)]}
