"""Activations by the names a preset uses, so that a checkpoint's choice is data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from mlmzoo.contract.errors import UnsupportedSettingError


def _gelu(x: Any) -> Any:
    if keras.backend.backend() == "torch":
        # Keeps one tensor for the gradient, not three.
        return keras.activations.gelu(x, approximate=False)
    # Written with erf: TensorFlow's own exact GELU lowers to erfc, which ONNX does not have.
    half = ops.cast(0.5, x.dtype)
    return half * x * (1 + ops.erf(x * ops.cast(2**-0.5, x.dtype)))


def _gelu_tanh(x: Any) -> Any:
    return keras.activations.gelu(x, approximate=True)


ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "gelu": _gelu,
    "gelu_tanh": _gelu_tanh,
    "relu": keras.activations.relu,
    "silu": keras.activations.silu,
    "tanh": keras.activations.tanh,
}
"""``gelu`` is the exact one (Hendrycks and Gimpel, 2016), ``gelu_tanh`` its tanh approximation."""


def activation(name: str) -> Callable[[Any], Any]:
    """The activation called `name`.

    Raises:
        UnsupportedSettingError: There is none of that name.
    """
    if name not in ACTIVATIONS:
        raise UnsupportedSettingError(
            f"Activation {name!r} was asked for, which is not one of {', '.join(ACTIVATIONS)}."
        )
    return ACTIVATIONS[name]
