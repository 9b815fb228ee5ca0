"""Reading and writing the values of Keras variables, a few rows at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any

import keras
import numpy as np


class VariableTarget:
    """A Keras variable as the weight engine sees it: a shape, and rows to be written.

    Writing row by row keeps one copy of a large embedding in memory instead of two or three.

    Args:
        variable: The variable.
    """

    def __init__(self, variable: keras.Variable) -> None:
        self.variable = variable
        self.shape = tuple(int(n) for n in variable.shape)

    def assign(self, start: int, block: np.ndarray) -> None:
        """Write `block` at rows ``start : start + len(block)`` of axis 0.

        The variable may go on using the block's own memory, as JAX does: do not change it later.
        """
        # The backends disagree on what NumPy's bfloat16 is; all of them take float32.
        block = np.asarray(block, dtype="float32")
        if block.shape == self.shape:
            self.variable.assign(block)
        else:
            _write_rows(self.variable, start, block)


def _write_rows(variable: keras.Variable, start: int, block: np.ndarray) -> None:
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        # Not `value[start:stop].assign`: to slice is to read, and what was read is kept as it
        # was by copying the whole variable.
        tf.raw_ops.ResourceStridedSliceAssign(
            ref=variable.value.handle,
            begin=[start],
            end=[start + len(block)],
            strides=[1],
            value=keras.ops.cast(block, variable.dtype),
        )
    elif backend == "jax":
        variable.assign(_jax_update()(variable.value, block, start))
    elif backend == "torch":
        variable.value.data[start : start + len(block)] = keras.ops.convert_to_tensor(
            block, dtype=variable.dtype
        )
    else:
        values = keras.ops.convert_to_numpy(variable.value).copy()
        values[start : start + len(block)] = block
        variable.assign(values)


@cache
def _jax_update() -> Callable[..., Any]:
    import jax

    def update(value: Any, block: Any, start: Any) -> Any:
        return jax.lax.dynamic_update_slice_in_dim(value, block.astype(value.dtype), start, axis=0)

    # Donating the old array makes the update happen in place.
    return jax.jit(update, donate_argnums=0)


def is_quantized(model: keras.Model) -> bool:
    """Whether a layer of a model holds its weights as integers."""
    return any(getattr(layer, "quantization_mode", None) for layer in model._flatten_layers())


def effective_values(model: keras.Model) -> Mapping[str, Callable[[], np.ndarray]]:
    """How to read every weight of a model, by path, with LoRA updates merged in.

    Args:
        model: A built model.

    Returns:
        Path -> a function that gives the values as float32.
    """
    readers = {weight.path: partial(_numpy, weight) for weight in model.weights}
    for layer in model._flatten_layers(include_self=False):
        if getattr(layer, "lora_enabled", False):
            weight = next(w for w in layer.weights if w.path.endswith(("/kernel", "/embeddings")))
            # The layer's attribute of that name is the weight with the update added to it.
            readers[weight.path] = partial(_attribute, layer, weight.path.rpartition("/")[2])
    return readers


def _attribute(layer: keras.layers.Layer, name: str) -> np.ndarray:
    return _numpy(getattr(layer, name))


def _numpy(value: Any) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(value), dtype="float32")
