"""The dense layer of every family."""

from __future__ import annotations

from typing import Any

import keras

from mlmzoo.kit.layers.initializers import kernel_initializer
from mlmzoo.kit.layers.kernels import product


class Dense(keras.layers.Dense):
    """`keras.layers.Dense`, by the kernel that suits the backend."""

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        outputs = product(inputs, self.kernel, self.bias)
        return outputs if self.activation is None else self.activation(outputs)

    def quantize(self, mode: Any = None, type_check: bool = True, config: Any = None) -> None:
        # Keras refuses subclasses, whose `call` it would replace: here that is as it should be.
        super().quantize(mode, type_check=False, config=config)


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
    return Dense(
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
