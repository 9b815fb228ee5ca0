"""ALBERT's encoder (Lan et al., 2019, https://arxiv.org/abs/1909.11942)."""

from __future__ import annotations

from typing import Any

import keras

from mlmzoo import Backbone
from mlmzoo.errors import InputError
from mlmzoo.kit.layers import Dropout, TransformerEncoder, dense, embed, pooled_output


class AlbertBackbone(Backbone):
    """Bidirectional Transformer encoder with narrow embeddings, whose layers share their weights.

    Each layer runs the `num_inner_repetitions` blocks of one of `num_groups` groups; consecutive
    layers use the same group. So the number of parameters does not depend on `num_layers`.

    Defaults are those of the paper's published models (version 2,
    https://github.com/google-research/albert): tanh GELU, epsilon 1e-12, no dropout.

    Args:
        vocabulary_size: Number of token ids ``V``.
        num_layers: Number of layers, a multiple of `num_groups`.
        num_heads: Attention heads in each block.
        embedding_dim: Width ``E`` of the embeddings.
        hidden_dim: Width ``D``, a multiple of `num_heads`.
        intermediate_dim: Width inside the feed-forward networks.
        num_groups: Number of groups of layers that share their weights.
        num_inner_repetitions: Blocks in each layer.
        dropout: Dropout rate, in attention too.
        max_sequence_length: Longest row, in tokens.
        num_segments: Number of segment ids.
        activation: ``"gelu"``, ``"gelu_tanh"``, ``"relu"``, ``"silu"`` or ``"tanh"``.
        layer_norm_epsilon: Added to the variance in every normalisation.
        dtype: Keras dtype or dtype policy.

    Raises:
        InputError: `num_groups` does not divide `num_layers`.

    Inputs: ``token_ids``, ``segment_ids`` and ``padding_mask``, integers of shape ``(B, L)``.
    Outputs: ``sequence_output`` ``(B, L, D)`` and ``pooled_output`` ``(B, D)``.

    Example:
        >>> sizes = {"num_heads": 2, "embedding_dim": 4, "hidden_dim": 8, "intermediate_dim": 16}
        >>> shallow = AlbertBackbone(vocabulary_size=100, num_layers=2, **sizes)
        >>> deep = AlbertBackbone(vocabulary_size=100, num_layers=12, **sizes)
        >>> deep.count_params() == shallow.count_params()
        True
    """

    def __init__(
        self,
        vocabulary_size: int,
        num_layers: int,
        num_heads: int,
        embedding_dim: int,
        hidden_dim: int,
        intermediate_dim: int,
        num_groups: int = 1,
        num_inner_repetitions: int = 1,
        dropout: float = 0.0,
        max_sequence_length: int = 512,
        num_segments: int = 2,
        activation: str = "gelu_tanh",
        layer_norm_epsilon: float = 1e-12,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        if num_layers % num_groups:
            raise InputError(
                f"num_layers={num_layers} and num_groups={num_groups} were asked for, and layers "
                "are shared out evenly. Give a number of layers that is a multiple of the groups."
            )
        token_ids = keras.Input((None,), dtype="int32", name="token_ids")
        segment_ids = keras.Input((None,), dtype="int32", name="segment_ids")
        padding_mask = keras.Input((None,), dtype="int32", name="padding_mask")

        # Section 3.1, factorized embedding parameterization: V x E and E x D instead of V x D.
        hidden = embed(
            token_ids,
            segment_ids,
            padding_mask,
            vocabulary_size=vocabulary_size,
            max_sequence_length=max_sequence_length,
            dim=embedding_dim,
            layer_norm_epsilon=layer_norm_epsilon,
            num_segments=num_segments,
            dtype=dtype,
        )
        hidden = Dropout(dropout, dtype=dtype, name="embeddings_dropout")(hidden)
        hidden = dense(hidden_dim, "embeddings_projection", dtype=dtype)(hidden)

        # Section 3.1, cross-layer parameter sharing.
        groups = [
            [
                TransformerEncoder(
                    hidden_dim,
                    num_heads,
                    intermediate_dim,
                    activation,
                    dropout,
                    layer_norm_epsilon,
                    dtype=dtype,
                    name=f"group_{g}_layer_{j}",
                )
                for j in range(num_inner_repetitions)
            ]
            for g in range(num_groups)
        ]
        hidden_states = [hidden]
        for i in range(num_layers):
            for layer in groups[i * num_groups // num_layers]:
                hidden = layer(hidden, padding_mask)
            hidden_states.append(hidden)

        # Trained to tell whether two texts are in their order.
        pooled = pooled_output(hidden, hidden_dim, dtype=dtype)

        super().__init__(
            inputs={
                "token_ids": token_ids,
                "segment_ids": segment_ids,
                "padding_mask": padding_mask,
            },
            outputs={"sequence_output": hidden, "pooled_output": pooled},
            hidden_states=hidden_states,
            settings={
                "vocabulary_size": vocabulary_size,
                "num_layers": num_layers,
                "num_heads": num_heads,
                "num_groups": num_groups,
                "num_inner_repetitions": num_inner_repetitions,
                "embedding_dim": embedding_dim,
                "hidden_dim": hidden_dim,
                "intermediate_dim": intermediate_dim,
                "dropout": dropout,
                "max_sequence_length": max_sequence_length,
                "num_segments": num_segments,
                "activation": activation,
                "layer_norm_epsilon": layer_norm_epsilon,
            },
            dtype=dtype,
            **kwargs,
        )
