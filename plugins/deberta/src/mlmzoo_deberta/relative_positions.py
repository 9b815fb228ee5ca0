"""How far one token stands from another: distances in buckets, and what is learned of each."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from mlmzoo.errors import InputError
from mlmzoo.kit.layers import kernel_initializer

FARTHEST = 2**15
"""Tokens this far apart share a bucket with all that are farther, whatever the settings are."""


def buckets(bucket_size: int, max_distance: int) -> np.ndarray:
    """The bucket of each distance, one token wide up to half the buckets, then ever wider.

    Widths grow so that the logarithm of the distance is cut evenly, and the last bucket ends at
    `max_distance` (https://github.com/microsoft/DeBERTa, ``make_log_bucket_position``). There is
    as much behind a token as before it, so bucket ``-b`` holds distance ``-n`` where ``b`` holds
    ``n``.

    Args:
        bucket_size: Number of buckets ``K`` in either direction, at least 2.
        max_distance: Distance in tokens from which on all share the last bucket.

    Returns:
        Integers from 0 to ``K``, one for each distance from 0 on; what is farther than they reach
        is in the last one's bucket.

    Raises:
        InputError: There are too few buckets.
    """
    if bucket_size < 2:
        raise InputError(
            f"bucket_size={bucket_size} was asked for, and half of the buckets are one token wide. "
            "Give 2 or more; DeBERTaV3 has 256."
        )
    middle = bucket_size // 2
    distance = np.arange(FARTHEST)
    far = np.maximum(distance, middle) / middle
    with np.errstate(divide="ignore", invalid="ignore"):
        steps = np.log(far) / np.log((max_distance - 1) / middle) * (middle - 1)
    # Where rows are so short that no distance is beyond the middle, there is nothing to cut.
    steps = np.nan_to_num(np.ceil(steps), nan=0, posinf=bucket_size)
    bucket = np.where(distance <= middle, distance, steps + middle)
    bucket = np.clip(bucket, -bucket_size, bucket_size).astype("int32")
    changes = np.flatnonzero(np.diff(bucket))
    return bucket[: changes[-1] + 2]


class RelativePositions(keras.layers.Layer):
    """Learned vectors of the buckets, normalised, and where a pair of tokens finds its own.

    Shared by all blocks. A row of ``L`` tokens meets only the ``R <= 2 * K`` buckets nearest to
    distance 0, and only their vectors are returned.

    Args:
        dim: Width ``D`` of the model.
        bucket_size: Number of buckets ``K`` in either direction.
        max_distance: Distance in tokens from which on all share the last bucket.
        layer_norm_epsilon: Added to the variance in the normalisation.

    Call: hidden states ``(B, L, D)`` (only their length is read) ``->`` vectors ``(R, D)`` and,
    for the query of each row and the key of each column, the number of their vector ``(L, L)``.
    """

    def __init__(
        self,
        dim: int,
        bucket_size: int,
        max_distance: int,
        layer_norm_epsilon: float,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.dim = dim
        self.bucket_size = bucket_size
        ahead = buckets(bucket_size, max_distance)
        # There is no vector for bucket +K: the vectors are those of -K up to K - 1.
        both = np.concatenate([-ahead[:0:-1], ahead]).clip(-bucket_size, bucket_size - 1)
        self.buckets = both.astype("int32")
        self.reach = len(ahead) - 1
        # With a bucket for each token or less, the buckets of L tokens are the L nearest. Wider
        # steps than tokens come from settings with more buckets than distances.
        self.stride = int(np.max(-(-np.abs(ahead[1:]) // np.arange(1, len(ahead)))))
        self.layer_norm = keras.layers.LayerNormalization(
            epsilon=layer_norm_epsilon, dtype=self.dtype_policy, name="layer_norm"
        )

    def build(self, hidden_shape: Any) -> None:
        self.embeddings = self.add_weight(
            shape=(2 * self.bucket_size, self.dim),
            initializer=kernel_initializer(),
            name="embeddings",
        )
        self.layer_norm.build((None, self.dim))

    def call(self, hidden: Any) -> tuple[Any, Any]:
        length = ops.shape(hidden)[1]
        near = length * self.stride
        embeddings = ops.convert_to_tensor(self.embeddings)
        # A slice ends where its tensor does, so that long rows take all.
        behind = embeddings[: self.bucket_size][-near:]
        ahead = embeddings[self.bucket_size :][:near]
        vectors = self.layer_norm(ops.concatenate([behind, ahead]))
        place = ops.arange(length, dtype="int32")
        distance = ops.clip(place[:, None] - place[None, :], -self.reach, self.reach)
        vector = ops.take(self.buckets, distance + self.reach, axis=0) + ops.shape(behind)[0]
        return vectors, vector

    def compute_output_spec(self, hidden: Any) -> tuple[keras.KerasTensor, keras.KerasTensor]:
        length = hidden.shape[1]
        return (
            keras.KerasTensor((None, self.dim), dtype=self.compute_dtype),
            keras.KerasTensor((length, length), dtype="int32"),
        )
