"""`EpochLog`: what each epoch of a run reached, on the texts it trained on and on held-out ones."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import keras
import numpy as np

ACCURACY = "sparse_categorical_accuracy"


@dataclass(frozen=True)
class Epoch:
    """One line of the log.

    Args:
        epoch: Counted from 1.
        loss: Mean over the masked tokens of the epoch, while the model was changing.
        accuracy: The same.
        held_out_loss: On the held-out texts, at the end of the epoch.
        held_out_accuracy: The same.
        seconds: Since training began.
        saved: Whether the model was saved then, being the best so far.
    """

    epoch: int
    loss: float
    accuracy: float
    held_out_loss: float
    held_out_accuracy: float
    seconds: float
    saved: bool = False

    def __str__(self) -> str:
        return (
            f"epoch {self.epoch}: loss {self.loss:.4f}, accuracy {self.accuracy:.4f}; held out: "
            f"loss {self.held_out_loss:.4f}, accuracy {self.held_out_accuracy:.4f}; "
            f"{self.seconds:.0f} s" + ("; saved" if self.saved else "")
        )


class EpochLog(keras.callbacks.Callback):
    """Keeps an `Epoch` for each epoch of a `fit` with validation data.

    Args:
        on_epoch: Called with each.
        save: Called with the model whenever its held-out loss is the lowest so far.
    """

    def __init__(
        self,
        on_epoch: Callable[[Epoch], None] | None = None,
        save: Callable[[Any], None] | None = None,
    ) -> None:
        super().__init__()
        self.epochs: list[Epoch] = []
        self._on_epoch, self._save = on_epoch, save
        self._begin = time.monotonic()

    @property
    def seconds(self) -> float:
        """From the beginning to the end of the last epoch."""
        return self.epochs[-1].seconds if self.epochs else 0.0

    @property
    def best(self) -> Epoch | None:
        """The epoch that was saved last."""
        return next((epoch for epoch in reversed(self.epochs) if epoch.saved), None)

    def state_dict(self) -> dict[str, Any]:
        """What a `mlmzoo.TrainingCheckpoint` keeps of it: plain data."""
        seconds = time.monotonic() - self._begin
        return {"epochs": [asdict(epoch) for epoch in self.epochs], "seconds": seconds}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` gave."""
        self.epochs = [Epoch(**epoch) for epoch in state["epochs"]]
        self._begin = time.monotonic() - state["seconds"]

    def on_train_begin(self, logs: Any = None) -> None:
        self._begin = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        assert logs is not None
        loss = float(logs["val_loss"])
        lowest = self.best.held_out_loss if self.best else np.inf
        saved = self._save is not None and loss < lowest
        if self._save is not None and saved:
            self._save(self.model)
        line = Epoch(
            epoch=epoch + 1,
            loss=float(logs["loss"]),
            accuracy=float(logs[ACCURACY]),
            held_out_loss=loss,
            held_out_accuracy=float(logs[f"val_{ACCURACY}"]),
            seconds=round(time.monotonic() - self._begin, 1),
            saved=saved,
        )
        self.epochs.append(line)
        if self._on_epoch is not None:
            self._on_epoch(line)
