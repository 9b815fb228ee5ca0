"""Plain-Python text processing inside `tf.data`, without importing TensorFlow first."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any


def on_symbolic_strings(x: Any, function: Callable[[Any], Any], types: Any) -> Any:
    """Run `function` on symbolic TensorFlow strings, as inside `tf.data.Dataset.map`.

    Args:
        x: A tensor, or a tuple of tensors.
        function: Called with NumPy values of the same structure.
        types: Structure of ``(dtype, last dimension)`` that `function` returns.

    Returns:
        Symbolic tensors in the structure of `types`, or ``None`` where `x` is not symbolic.
    """
    tf = sys.modules.get("tensorflow")
    parts = x if isinstance(x, tuple) else (x,)
    if tf is None or not all(isinstance(p, tf.Tensor) for p in parts):
        return None
    if all(hasattr(p, "numpy") for p in parts):
        return None
    flat_types = tf.nest.flatten(types, expand_composites=False)
    pairs = [tuple(flat_types[i : i + 2]) for i in range(0, len(flat_types), 2)]

    def run(*values: Any) -> list[Any]:
        result = function(tuple(values) if isinstance(x, tuple) else values[0])
        return tf.nest.flatten(result)

    outputs = tf.numpy_function(run, list(parts), [dtype for dtype, _ in pairs])
    for output, (_, dimension) in zip(outputs, pairs, strict=True):
        output.set_shape([*parts[0].shape, dimension])
    structure = _replace_pairs(types)
    return tf.nest.pack_sequence_as(structure, outputs)


def _replace_pairs(types: Any) -> Any:
    if isinstance(types, dict):
        return {name: _replace_pairs(value) for name, value in types.items()}
    if isinstance(types[0], str):
        return 0
    return tuple(_replace_pairs(part) for part in types)
