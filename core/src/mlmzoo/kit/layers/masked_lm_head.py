"""The head that predicts masked tokens (Devlin et al., 2018, section 3.1)."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from mlmzoo.kit.layers.activations import activation as activation_named
from mlmzoo.kit.layers.linear import dense


class MaskedLMHead(keras.layers.Layer):
    """Hidden states at the masked positions, to logits over the vocabulary.

    Runs on the masked positions only. The projection onto the vocabulary is the token embedding
    itself, transposed; the head owns a dense layer, a normalisation and the bias of the output.

    Args:
        vocabulary_size: ``V``.
        embedding_dim: Width of the token embedding.
        activation: Name in `ACTIVATIONS`.
        epsilon: Added to the variance in the normalisation.

    Call: hidden states ``(B, L, D)``, positions ``(B, M)`` and the token embedding
    ``-> (B, M, V)``.
    """

    def __init__(
        self,
        vocabulary_size: int,
        embedding_dim: int,
        activation: str,
        epsilon: float,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.vocabulary_size = vocabulary_size
        self.embedding_dim = embedding_dim
        self.activation = activation_named(activation)
        self.dense = dense(embedding_dim, "dense", dtype=self.dtype_policy)
        self.layer_norm = keras.layers.LayerNormalization(
            epsilon=epsilon, dtype=self.dtype_policy, name="layer_norm"
        )

    def build(self, hidden_shape: Any, mask_positions_shape: Any = None) -> None:
        self.dense.build(hidden_shape)
        self.layer_norm.build((*hidden_shape[:-1], self.embedding_dim))
        self.output_bias = self.add_weight(
            shape=(self.vocabulary_size,), initializer="zeros", name="output_bias"
        )

    def call(
        self,
        hidden: Any,
        mask_positions: Any,
        token_embedding: keras.layers.ReversibleEmbedding,
    ) -> Any:
        masked = ops.take_along_axis(hidden, mask_positions[:, :, None], axis=1)
        masked = self.layer_norm(self.activation(self.dense(masked)))
        return token_embedding(masked, reverse=True) + ops.cast(
            self.output_bias, self.compute_dtype
        )

    def compute_output_shape(self, hidden_shape: Any, mask_positions_shape: Any = None) -> Any:
        return (*(mask_positions_shape or (None, None)), self.vocabulary_size)
