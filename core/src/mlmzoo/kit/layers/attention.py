"""Multi-head self-attention (Vaswani et al., 2017)."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from mlmzoo.kit.layers.dropout import Dropout
from mlmzoo.kit.layers.kernels import HIDDEN, attend
from mlmzoo.kit.layers.linear import dense
from mlmzoo.kit.layers.packing import visible_tokens


class SelfAttention(keras.layers.Layer):
    """Attention of every token to the tokens of its text.

    Kernels are plain ``(D, D)`` matrices, so that a checkpoint needs no reshaping and LoRA and
    int8 quantisation are those of `keras.layers.Dense`.

    Args:
        dim: Width ``D`` of the model.
        num_heads: Number of heads ``H``, a divisor of `dim`.
        dropout: Share of attention weights dropped in training.

    Call: hidden states ``(B, L, D)`` and padding mask ``(B, L)`` (0 hides a token, the numbers of
    several texts in a row hide them from each other) ``-> (B, L, D)``.
    """

    def __init__(self, dim: int, num_heads: int, dropout: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.head_dim = dim // num_heads
        self.query = dense(dim, "query", dtype=self.dtype_policy)
        self.key = dense(dim, "key", dtype=self.dtype_policy)
        self.value = dense(dim, "value", dtype=self.dtype_policy)
        self.output_projection = dense(dim, "output", dtype=self.dtype_policy)
        self.dropout = Dropout(dropout, dtype=self.dtype_policy, name="dropout")

    def build(self, hidden_shape: Any, padding_mask_shape: Any = None) -> None:
        for layer in (self.query, self.key, self.value, self.output_projection):
            layer.build(hidden_shape)

    def call(self, hidden: Any, padding_mask: Any, training: bool | None = None) -> Any:
        query, key, value = (
            self._split(layer(hidden)) for layer in (self.query, self.key, self.value)
        )
        rate = self.dropout.rate if training else 0.0
        visible = visible_tokens(padding_mask)
        seed = self.dropout.seed_generator if rate else None
        context = attend(query, key, value, visible, rate, seed)
        length = ops.shape(hidden)[1]
        context = ops.reshape(context, (-1, length, self.num_heads * self.head_dim))
        return self.output_projection(context)

    def attention_weights(self, hidden: Any, padding_mask: Any) -> Any:
        """How much each token attends to each other one, without dropout.

        The fused kernels keep no weights, so they are computed here for those who ask.

        Args:
            hidden: See the call.
            padding_mask: See the call.

        Returns:
            ``(B, H, L, L)``: of each head, queries and keys; float32, each row sums to 1.
        """
        query, key = (self._split(layer(hidden)) for layer in (self.query, self.key))
        scores = ops.einsum("bqhd,bkhd->bhqk", query, key) * self.head_dim**-0.5
        scores = ops.cast(scores, "float32")
        return ops.softmax(ops.where(visible_tokens(padding_mask), scores, HIDDEN), axis=-1)

    def compute_output_shape(self, hidden_shape: Any, padding_mask_shape: Any = None) -> Any:
        return hidden_shape

    def _split(self, x: Any) -> Any:
        return ops.reshape(x, (-1, ops.shape(x)[1], self.num_heads, self.head_dim))
