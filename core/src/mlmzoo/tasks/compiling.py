"""Whether the shapes of batches matter to how a task is run."""

from __future__ import annotations

from typing import Any

import keras


def compiles_every_shape(task: Any) -> bool:
    """Whether a batch of a new shape first costs seconds of compilation.

    Args:
        task: A compiled `keras.Model`.
    """
    if task.run_eagerly:
        return False
    return keras.backend.backend() == "jax" or bool(task.jit_compile)
