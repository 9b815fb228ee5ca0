"""Weight initialisation, and how to skip it where weights are about to be loaded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import keras
import numpy as np

from mlmzoo.kit.layers.kernels import unfilled

_skipping: ContextVar[bool] = ContextVar("mlmzoo_skip_initialization", default=False)


@keras.saving.register_keras_serializable(package="mlmzoo")
class Unfilled(keras.initializers.Initializer):
    """Memory as it is, inside `skip_initialization`.

    Elsewhere, for a layer made anew from the config of one built there, what it stands for. It is
    made there only: making it draws a seed, and what is not drawn must not move what is.

    Args:
        stddev: Of the truncated normal it stands for.
    """

    def __init__(self, stddev: float) -> None:
        self.stddev = stddev

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        if _skipping.get():
            return unfilled(shape, keras.backend.standardize_dtype(dtype))
        return keras.initializers.TruncatedNormal(stddev=self.stddev)(shape, dtype)

    def get_config(self) -> dict[str, Any]:
        return {"stddev": self.stddev}


@contextmanager
def skip_initialization() -> Iterator[None]:
    """Inside, kit layers are built with whatever is in memory: values are about to be loaded.

    Drawing random values for a large model takes longer than reading its weights, and even zeros
    take a fifth of that.
    """
    token = _skipping.set(True)
    try:
        yield
    finally:
        _skipping.reset(token)


def kernel_initializer(stddev: float = 0.02) -> keras.initializers.Initializer:
    """Truncated normal as in BERT (Devlin et al., 2018), or nothing in `skip_initialization`."""
    kind = Unfilled if _skipping.get() else keras.initializers.TruncatedNormal
    return kind(stddev=stddev)


def fresh_values(path: str, shape: tuple[int, ...], stddev: float = 0.02) -> np.ndarray:
    """Initial values of one variable, for weights that a checkpoint lacks.

    Args:
        path: Path of the variable; its last part says what it is (``gamma``, ``kernel``, …).
        shape: Shape of the variable.
        stddev: Standard deviation of matrices.
    """
    if path.endswith("gamma"):
        return np.ones(shape, "float32")
    if len(shape) < 2:
        return np.zeros(shape, "float32")
    values: Any = keras.initializers.TruncatedNormal(stddev=stddev)(shape, dtype="float32")
    return keras.ops.convert_to_numpy(values)
