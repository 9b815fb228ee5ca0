"""What a query and a key make of their distance, out of what each token makes of all vectors.

A table ``(B, H, L, R)`` holds a number for each token and each vector of relative positions; in
``vector_of`` ``(L, L)`` a query and a key find the vector of their distance.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import keras
from keras import ops


def look_up(table: Any, vector_of: Any, by_key: bool = False) -> Any:
    """For each query and key, what one of the two makes of the vector of their distance.

    Args:
        table: Numbers ``(B, H, L, R)``, a row for each token.
        vector_of: Integers ``(L, L)`` of queries and keys, from 0 to ``R - 1``. They depend on the
            distance only, and grow with it from ``R / 2`` at distance 0.
        by_key: The table's rows are those of the keys, not of the queries.

    Returns:
        ``(B, H, L, L)`` of queries and keys.
    """
    return _look_up(table, vector_of, by_key)


def _gather(table: Any, vector_of: Any, by_key: bool) -> Any:
    shape = ops.shape(table)
    starts = ops.arange(shape[2], dtype="int32") * shape[3]
    places = vector_of + (starts[None, :] if by_key else starts[:, None])
    # Counted row by row, one index serves all texts and heads.
    return ops.take(ops.reshape(table, (-1, shape[1], shape[2] * shape[3])), places, axis=-1)


if keras.backend.backend() == "jax":
    # XLA adds up the gradient of a gather element by element, on one core, and takes longer for it
    # than for all else in the attention. But the pairs of one distance are a diagonal, and what
    # reshapes diagonals to columns is cheap; of the columns, only the far ones share vectors.
    import jax
    from jax import numpy as jnp

    def _by_distance(pairs: Any) -> Any:
        """``(H, L, L) -> (H, L, 2 * L - 1)``: by row less column, from ``1 - L`` on, else 0."""
        heads, length, _ = pairs.shape
        padded = jnp.pad(pairs[:, :, ::-1], ((0, 0), (0, 0), (0, length)))
        # In rows one column shorter, each begins one column later than the one before it.
        flat = padded.reshape(heads, -1)[:, :-length]
        return flat.reshape(heads, length, 2 * length - 1)

    def _by_vector(pairs: Any, vector_of: Any, count: int) -> Any:
        """``(B, H, L, L) -> (B, H, L, R)``: in each row, the sum of the pairs of each vector."""
        length = pairs.shape[-1]
        vectors = jnp.concatenate([vector_of[0, ::-1], vector_of[1:, 0]])
        # The nearer half of the buckets are one token wide, but for the last where they are few.
        near = min(max(count // 4 - 1, 0), length - 1)
        first, last = length - 1 - near, length + near
        lower, upper = count // 2 - near, count // 2 + near + 1
        behind = jax.nn.one_hot(vectors[:first], lower, dtype=pairs.dtype)
        ahead = jax.nn.one_hot(vectors[last:] - upper, count - upper, dtype=pairs.dtype)

        def of_text(pairs: Any) -> Any:
            x = _by_distance(pairs)
            parts = [x[:, :, :first] @ behind, x[:, :, first:last], x[:, :, last:] @ ahead]
            return jnp.concatenate(parts, axis=-1)

        # One text at a time: distances are twice as many as keys.
        return jax.lax.map(of_text, pairs)

    @partial(jax.custom_vjp, nondiff_argnums=(2,))
    def _look_up(table: Any, vector_of: Any, by_key: bool) -> Any:
        return _gather(table, vector_of, by_key)

    def _forward(table: Any, vector_of: Any, by_key: bool) -> Any:
        return _gather(table, vector_of, by_key), (vector_of, table.shape[-1])

    def _backward(by_key: bool, kept: tuple[Any, int], grad: Any) -> Any:
        vector_of, count = kept
        if by_key:
            # With the last key first and the last query first, distances are what they were.
            grad = grad.swapaxes(2, 3)[:, :, ::-1, ::-1]
        total = _by_vector(grad, vector_of, count)
        return total[:, :, ::-1] if by_key else total, None

    _look_up.defvjp(_forward, _backward)

else:

    def _look_up(table: Any, vector_of: Any, by_key: bool) -> Any:
        return _gather(table, vector_of, by_key)
