"""The Transformer's encoder block, normalised after each half (Vaswani et al., 2017)."""

from __future__ import annotations

from typing import Any, ClassVar

import keras

from mlmzoo.kit.layers.activations import activation as activation_named
from mlmzoo.kit.layers.attention import SelfAttention
from mlmzoo.kit.layers.dropout import Dropout
from mlmzoo.kit.layers.kernels import in_one_pass
from mlmzoo.kit.layers.linear import dense


class FeedForward(keras.layers.Layer):
    """Two dense layers with an activation between: ``(B, L, D) -> (B, L, D)``.

    Args:
        dim: Width ``D``.
        intermediate_dim: Width between the two.
        activation: Name in `ACTIVATIONS`.
    """

    def __init__(self, dim: int, intermediate_dim: int, activation: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.intermediate_dim = intermediate_dim
        self.activation = activation_named(activation)
        self.intermediate = dense(intermediate_dim, "intermediate", dtype=self.dtype_policy)
        self.output_projection = dense(dim, "output", dtype=self.dtype_policy)

    def build(self, input_shape: Any) -> None:
        self.intermediate.build(input_shape)
        self.output_projection.build((*input_shape[:-1], self.intermediate_dim))

    def call(self, hidden: Any, training: bool | None = None) -> Any:
        hidden = self.intermediate(hidden)
        hidden = in_one_pass(self.activation, hidden) if training else self.activation(hidden)
        return self.output_projection(hidden)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape


class TransformerEncoder(keras.layers.Layer):
    """Self-attention, then a feed-forward network, each added to its input and normalised.

    Args:
        dim: Width ``D``.
        num_heads: Attention heads.
        intermediate_dim: Width of the feed-forward network.
        activation: Name in `ACTIVATIONS`.
        dropout: Dropout rate of attention weights and of both halves' outputs.
        layer_norm_epsilon: Added to the variance in both normalisations.

    Call: hidden states ``(B, L, D)`` and padding mask ``(B, L)`` ``-> (B, L, D)``. A subclass
    with another `attention_class` passes on in `call` what that takes.
    """

    attention_class: ClassVar[Any] = SelfAttention
    """Made of `dim`, `num_heads` and `dropout`."""

    def __init__(
        self,
        dim: int,
        num_heads: int,
        intermediate_dim: int,
        activation: str,
        dropout: float,
        layer_norm_epsilon: float,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        policy = self.dtype_policy
        self.attention = self.attention_class(
            dim, num_heads, dropout, dtype=policy, name="attention"
        )
        self.feedforward = FeedForward(
            dim, intermediate_dim, activation, dtype=policy, name="feedforward"
        )
        self.attention_layer_norm = keras.layers.LayerNormalization(
            epsilon=layer_norm_epsilon, dtype=policy, name="attention_layer_norm"
        )
        self.feedforward_layer_norm = keras.layers.LayerNormalization(
            epsilon=layer_norm_epsilon, dtype=policy, name="feedforward_layer_norm"
        )
        self.attention_dropout = Dropout(dropout, dtype=policy)
        self.feedforward_dropout = Dropout(dropout, dtype=policy)

    def build(self, hidden_shape: Any, padding_mask_shape: Any = None) -> None:
        self.attention.build(hidden_shape, padding_mask_shape)
        self.attention_layer_norm.build(hidden_shape)
        self.feedforward.build(hidden_shape)
        self.feedforward_layer_norm.build(hidden_shape)

    def call(self, hidden: Any, padding_mask: Any, training: bool | None = None) -> Any:
        attended = self.attention(hidden, padding_mask, training=training)
        return self.after_attention(hidden, attended, training)

    def after_attention(self, hidden: Any, attended: Any, training: bool | None) -> Any:
        """What follows the attention: ``(B, L, D)`` of its input and its output."""
        attended = self.attention_dropout(attended, training=training)
        hidden = self.attention_layer_norm(hidden + attended)
        forwarded = self.feedforward(hidden, training=training)
        forwarded = self.feedforward_dropout(forwarded, training=training)
        return self.feedforward_layer_norm(hidden + forwarded)

    def compute_output_shape(self, hidden_shape: Any, padding_mask_shape: Any = None) -> Any:
        return hidden_shape
