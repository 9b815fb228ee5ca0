"""Plain-Python text processing inside `tf.data`, without importing TensorFlow."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any


def in_graph(function: Callable[..., Any], values: Sequence[Any], example: Any) -> Any:
    """Call `function` in a TensorFlow graph, as inside ``tf.data.Dataset.map``.

    Args:
        function: From NumPy values to a structure of NumPy arrays.
        values: What it is called with: symbolic tensors, all of the same shape.
        example: What it returns for values without a batch axis: structure, types and shapes.

    Returns:
        Symbolic tensors in the structure of `example`, of the shape of the values followed by
        that of the example.
    """
    tf: Any = sys.modules["tensorflow"]  # where there are symbolic tensors, it is imported
    arrays = tf.nest.flatten(example)
    outputs = tf.numpy_function(
        lambda *given: tf.nest.flatten(function(*given)), values, [array.dtype for array in arrays]
    )
    for output, array in zip(outputs, arrays, strict=True):
        output.set_shape([*values[0].shape, *array.shape])
    return tf.nest.pack_sequence_as(example, outputs)
