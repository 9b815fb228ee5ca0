"""Disentangled attention (He et al., 2020, https://arxiv.org/abs/2006.03654, section 3.1)."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from mlmzoo.kit.layers import Dropout, dense, visible_tokens
from mlmzoo_deberta.pairs import look_up

attend: Any = None
if keras.backend.backend() == "torch":
    import torch

    from mlmzoo_deberta.torch_attention import attend


class DisentangledAttention(keras.layers.Layer):
    """Attention by what two tokens are, and by what each is and how far the other stands.

    Equation 4 of the paper: a score is the sum of content to content, content to position and
    position to content, divided by ``sqrt(3 * d)`` with ``d`` the width of a head. As in V3,
    positions are projected by the query and key matrices of the content.

    A token meets each of the ``R`` position vectors once, ``(B, H, L, R)``; what a pair of tokens
    makes of them is looked up there. Nothing else grows with the square of the length.

    Args:
        dim: Width ``D`` of the model.
        num_heads: Number of heads ``H``, a divisor of `dim`.
        dropout: Share of attention weights, and of position vectors, dropped in training.

    Call: hidden states ``(B, L, D)``, padding mask ``(B, L)`` (0 hides a token), and the position
    vectors ``(R, D)`` and their numbers ``(L, L)`` of `RelativePositions` ``-> (B, L, D)``.
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
        self.position_dropout = Dropout(dropout, dtype=self.dtype_policy, name="position_dropout")

    def build(self, hidden_shape: Any, *others: Any) -> None:
        for layer in (self.query, self.key, self.value, self.output_projection):
            layer.build(hidden_shape)

    def call(
        self,
        hidden: Any,
        padding_mask: Any,
        positions: Any,
        vector_of: Any,
        training: bool | None = None,
    ) -> Any:
        projections = self._project(hidden, self.position_dropout(positions, training=training))
        visible = visible_tokens(padding_mask)
        if attend is None or torch.compiler.is_compiling():
            context = self._attend(*projections, vector_of, visible, training)
        else:
            context = self._attend_by_text(*projections, vector_of, visible, training)
        context = ops.reshape(context, (-1, ops.shape(hidden)[1], self.num_heads * self.head_dim))
        return self.output_projection(context)

    def compute_output_shape(self, hidden_shape: Any, *others: Any) -> Any:
        return hidden_shape

    def attention_weights(
        self, hidden: Any, padding_mask: Any, positions: Any, vector_of: Any
    ) -> Any:
        """How much each token attends to each other one, ``(B, H, L, L)``, without dropout.

        For arguments see the call.
        """
        query, key, _, *of_positions = self._project(hidden, positions)
        visible = visible_tokens(padding_mask)
        return ops.softmax(self._scores(query, key, *of_positions, vector_of, visible), axis=-1)

    def _project(self, hidden: Any, positions: Any) -> tuple[Any, ...]:
        """Query, key and value of the tokens, query and key of the positions; queries scaled."""
        query, key, value = (
            self._split(layer(hidden)) for layer in (self.query, self.key, self.value)
        )
        position_query, position_key = (
            self._split(layer(positions)) for layer in (self.query, self.key)
        )
        scale = ops.cast((3 * self.head_dim) ** -0.5, query.dtype)
        return query * scale, key, value, position_query * scale, position_key

    def _scores(
        self,
        query: Any,
        key: Any,
        position_query: Any,
        position_key: Any,
        vector_of: Any,
        visible: Any,
    ) -> Any:
        scores = ops.einsum("bqhd,bkhd->bhqk", query, key)
        content_to_position = ops.einsum("bqhd,rhd->bhqr", query, position_key)
        scores = scores + look_up(content_to_position, vector_of)
        position_to_content = ops.einsum("bkhd,rhd->bhkr", key, position_query)
        scores = scores + look_up(position_to_content, vector_of, by_key=True)
        # Far below any score, and still finite in float16.
        return ops.where(visible, scores, ops.cast(-3e4, scores.dtype))

    def _attend(
        self,
        query: Any,
        key: Any,
        value: Any,
        position_query: Any,
        position_key: Any,
        vector_of: Any,
        visible: Any,
        training: bool | None,
    ) -> Any:
        scores = self._scores(query, key, position_query, position_key, vector_of, visible)
        weights = ops.softmax(scores, axis=-1)
        return ops.einsum("bhqk,bkhd->bqhd", self.dropout(weights, training=training), value)

    def _attend_by_text(self, *arguments: Any) -> Any:
        """The same, with the kernel for PyTorch."""
        *projections, vector_of, visible, training = arguments
        heads_first = (x.transpose(-3, -2) for x in projections)
        rate = self.dropout.rate if training else 0.0
        seed = int(self.dropout.seed_generator.next().sum()) if rate else 0
        return attend(*heads_first, vector_of, visible, rate, seed).transpose(1, 2)

    def _split(self, x: Any) -> Any:
        """``(..., D) -> (..., H, d)``."""
        return ops.reshape(x, (*ops.shape(x)[:-1], self.num_heads, self.head_dim))
