"""A training run in a process of its own: ``python training_to_kill.py FOLDER [OPTION=VALUE …]``.

Writes ``FOLDER/result.npz``: all that is left of the run, in bits. Kills itself, or is told to
stop, where the options say. With ``and_whole=1`` the same run follows without a checkpoint, and
leaves ``FOLDER/whole.npz``.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from pathlib import Path

import keras
import numpy as np
from mlmzoo_toy import model as toy

import mlmzoo
from mlmzoo.kit.layers import Dropout
from mlmzoo.plugins import registry
from mlmzoo.tasks import run_state
from mlmzoo.tasks.seeding import set_seed
from mlmzoo.testing import tiny_task

WORDS = "in the beginning god created heaven and earth light day night evening morning".split()
TEXTS = [" ".join(WORDS[i % 7 : i % 7 + 1 + (i * 5) % 9]) for i in range(45)]


class Mix(toy.Mix):
    """The toy's layer, with dropout."""

    def build(self, hidden_shape, padding_mask_shape=None):
        super().build(hidden_shape, padding_mask_shape)
        self.dropout = Dropout(0.3)

    def call(self, hidden, padding_mask, training=None):
        return self.dropout(super().call(hidden, padding_mask), training=training)


class Sends(keras.callbacks.Callback):
    """Sends this process a signal after so many of its steps."""

    def __init__(self, number, steps):
        super().__init__()
        self.number, self.left = number, steps

    def on_train_batch_end(self, batch, logs=None):
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), self.number)


def die_while_writing(count):
    """Die in the middle of the checkpoint of that number."""
    replacing = run_state.replacing

    @contextlib.contextmanager
    def replaces(path):
        nonlocal count
        count -= 1
        with replacing(path) as staging:
            yield staging
            if count == 0:
                os.truncate(staging, staging.stat().st_size // 2)
                os.kill(os.getpid(), signal.SIGKILL)

    run_state.replacing = replaces


def main(folder, kill=0, stop=0, die_writing=0, every=2, accumulate=2, epochs=3, plain=False):
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
    if die_writing:
        die_while_writing(die_writing)
    set_seed(1)
    toy.Mix = Mix
    task = tiny_task(registry().family("toy"))
    task.preprocessor.seed = None  # as where nobody gave one
    schedule = keras.optimizers.schedules.CosineDecay(0.01, 18)
    task.compile(
        keras.optimizers.AdamW(
            schedule,
            global_clipnorm=1.0,
            gradient_accumulation_steps=accumulate if accumulate > 1 else None,
        )
    )
    callbacks = [Sends(signal.SIGKILL, kill), Sends(signal.SIGTERM, stop)]
    if not plain:
        callbacks.append(mlmzoo.TrainingCheckpoint(folder / "run.checkpoint", every))
    history = task.fit(
        TEXTS,
        batch_size=8,
        epochs=epochs,
        callbacks=callbacks,
        validation_data=TEXTS[:9],
        mask_rate_schedule=mlmzoo.linear_rate(0.4, 0.2),
        verbose=0,
    )
    variables = [*task.variables, *task.optimizer.variables]
    arrays = [keras.ops.convert_to_numpy(variable.value) for variable in variables]
    told = {
        "history": history.history,
        "epochs": history.epoch,
        "next seed": task.preprocessor.new_seed(),
        "head": task.head_state,
    }
    name = "whole.npz" if plain else "result.npz"
    np.savez(folder / name, *arrays, told=np.frombuffer(json.dumps(told).encode(), "u1"))


if __name__ == "__main__":
    options = dict(option.split("=") for option in sys.argv[2:])
    given = {name: int(value) for name, value in options.items()}
    and_whole = given.pop("and_whole", 0)
    main(Path(sys.argv[1]), **given)
    if and_whole:
        main(Path(sys.argv[1]), plain=True)
