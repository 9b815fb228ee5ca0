"""The dense layer of every family."""

from __future__ import annotations

from typing import Any

import keras

from mlmzoo.kit.layers.initializers import kernel_initializer


def dense(
    units: int, name: str, activation: str | None = None, dtype: Any = None
) -> keras.layers.Dense:
    """A dense layer that starts, or skips starting, as `kernel_initializer` says.

    Args:
        units: Width of the output.
        name: What the layer is called in its family's weight table.
        activation: Name in `keras.activations`; none by default.
        dtype: Keras dtype or dtype policy.
    """
    return keras.layers.Dense(
        units,
        activation=activation,
        kernel_initializer=kernel_initializer(),
        dtype=dtype,
        name=name,
    )


def pooled_output(hidden: Any, dim: int, dtype: Any = None) -> Any:
    """What was trained to stand for a whole row, read from its first token (Devlin et al., 2018).

    Args:
        hidden: Symbolic hidden states ``(B, L, D)``.
        dim: Width ``D``.
        dtype: Keras dtype or dtype policy.

    Returns:
        ``(B, D)``, each between -1 and 1. The layer is called ``pooled_dense``.
    """
    return dense(dim, "pooled_dense", activation="tanh", dtype=dtype)(hidden[:, 0])
