"""Token, position and segment embeddings."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from mlmzoo.kit.layers.initializers import kernel_initializer


def token_embedding(
    vocabulary_size: int, dim: int, dtype: Any = None, **kwargs: Any
) -> keras.layers.ReversibleEmbedding:
    """The embedding a masked-LM head is tied to: ``(B, L) -> (B, L, dim)`` and back to ``V``."""
    policy = keras.dtype_policies.get(dtype or keras.config.dtype_policy())
    return keras.layers.ReversibleEmbedding(
        vocabulary_size,
        dim,
        tie_weights=True,
        embeddings_initializer=kernel_initializer(),
        # An embedding takes integers, so Keras casts nothing in it, and the way back would be
        # computed in float32 whatever the policy.
        reverse_dtype=policy.compute_dtype,
        dtype=policy,
        name="token_embedding",
        **kwargs,
    )


def segment_embedding(num_segments: int, dim: int, **kwargs: Any) -> keras.layers.Embedding:
    """Which of two texts a token belongs to: ``(B, L) -> (B, L, dim)``."""
    return keras.layers.Embedding(
        num_segments,
        dim,
        embeddings_initializer=kernel_initializer(),
        name="segment_embedding",
        **kwargs,
    )


class PositionEmbedding(keras.layers.Layer):
    """Learned absolute positions, counted from the start of the row.

    Args:
        max_length: Number of positions, the longest row it takes.
        dim: Width of the embedding.

    Call: ``(B, L, dim)`` (only its length is read) ``-> (L, dim)``, to be added.
    """

    def __init__(self, max_length: int, dim: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.max_length = max_length
        self.dim = dim

    def build(self, input_shape: Any) -> None:
        self.embeddings = self.add_weight(
            shape=(self.max_length, self.dim),
            initializer=kernel_initializer(),
            name="embeddings",
        )

    def call(self, inputs: Any) -> Any:
        length = ops.shape(inputs)[1]
        return ops.expand_dims(ops.convert_to_tensor(self.embeddings)[:length], 0)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (1, input_shape[1], self.dim)
