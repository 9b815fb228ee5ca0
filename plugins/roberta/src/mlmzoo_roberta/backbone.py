"""RoBERTa's encoder (Liu et al., 2019, https://arxiv.org/abs/1907.11692)."""

from __future__ import annotations

from typing import Any

import keras

from mlmzoo import Backbone
from mlmzoo.kit.layers import Dropout, TransformerEncoder, embed


class RobertaBackbone(Backbone):
    """BERT's bidirectional Transformer encoder, without segments and without a pooler.

    Defaults are those of the paper and of the reference implementation
    (https://github.com/facebookresearch/fairseq/tree/main/examples/roberta): exact GELU, epsilon
    1e-5. Positions are counted from the start of the row, so rows are padded on the right.

    Args:
        vocabulary_size: Number of token ids ``V``.
        num_layers: Number of encoder blocks.
        num_heads: Attention heads in each block.
        hidden_dim: Width ``D``, a multiple of `num_heads`.
        intermediate_dim: Width inside the feed-forward networks.
        dropout: Dropout rate, in attention too.
        max_sequence_length: Longest row, in tokens.
        activation: ``"gelu"``, ``"gelu_tanh"``, ``"relu"``, ``"silu"`` or ``"tanh"``.
        layer_norm_epsilon: Added to the variance in every normalisation.
        dtype: Keras dtype or dtype policy.

    Inputs: ``token_ids`` and ``padding_mask``, integers of shape ``(B, L)``.
    Outputs: ``sequence_output`` ``(B, L, D)``.

    Example:
        >>> import numpy as np
        >>> backbone = RobertaBackbone(
        ...     vocabulary_size=100, num_layers=2, num_heads=2, hidden_dim=8, intermediate_dim=16
        ... )
        >>> inputs = {
        ...     "token_ids": np.ones((1, 12), "int32"),
        ...     "padding_mask": np.ones((1, 12), "int32"),
        ... }
        >>> tuple(backbone(inputs)["sequence_output"].shape)
        (1, 12, 8)
    """

    def __init__(
        self,
        vocabulary_size: int,
        num_layers: int,
        num_heads: int,
        hidden_dim: int,
        intermediate_dim: int,
        dropout: float = 0.1,
        max_sequence_length: int = 512,
        activation: str = "gelu",
        layer_norm_epsilon: float = 1e-5,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        token_ids = keras.Input((None,), dtype="int32", name="token_ids")
        padding_mask = keras.Input((None,), dtype="int32", name="padding_mask")

        hidden = embed(
            token_ids,
            padding_mask=padding_mask,
            vocabulary_size=vocabulary_size,
            max_sequence_length=max_sequence_length,
            dim=hidden_dim,
            layer_norm_epsilon=layer_norm_epsilon,
            dtype=dtype,
        )
        hidden = Dropout(dropout, dtype=dtype, name="embeddings_dropout")(hidden)

        hidden_states = [hidden]
        for i in range(num_layers):
            hidden = TransformerEncoder(
                hidden_dim,
                num_heads,
                intermediate_dim,
                activation,
                dropout,
                layer_norm_epsilon,
                dtype=dtype,
                name=f"layer_{i}",
            )(hidden, padding_mask)
            hidden_states.append(hidden)

        super().__init__(
            inputs={"token_ids": token_ids, "padding_mask": padding_mask},
            outputs={"sequence_output": hidden},
            hidden_states=hidden_states,
            settings={
                "vocabulary_size": vocabulary_size,
                "num_layers": num_layers,
                "num_heads": num_heads,
                "hidden_dim": hidden_dim,
                "intermediate_dim": intermediate_dim,
                "dropout": dropout,
                "max_sequence_length": max_sequence_length,
                "activation": activation,
                "layer_norm_epsilon": layer_norm_epsilon,
            },
            dtype=dtype,
            **kwargs,
        )
