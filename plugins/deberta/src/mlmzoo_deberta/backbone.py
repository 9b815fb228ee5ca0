"""DeBERTaV3's encoder (He et al., 2021, https://arxiv.org/abs/2111.09543).

The architecture is DeBERTa's (He et al., 2020, https://arxiv.org/abs/2006.03654); V3 trains it
differently.
"""

from __future__ import annotations

from typing import Any

import keras

from mlmzoo import Backbone
from mlmzoo.kit.layers import Dropout, TransformerEncoder, token_embedding
from mlmzoo_deberta.attention import DisentangledAttention
from mlmzoo_deberta.relative_positions import RelativePositions


class DisentangledEncoder(TransformerEncoder):
    """The Transformer's encoder block, with disentangled attention. Arguments are those there.

    Call: hidden states ``(B, L, D)`` and the other arguments of `DisentangledAttention`
    ``-> (B, L, D)``.
    """

    attention_class = DisentangledAttention

    def call(
        self,
        hidden: Any,
        padding_mask: Any,
        positions: Any,
        vector_of: Any,
        training: bool | None = None,
    ) -> Any:
        attended = self.attention(hidden, padding_mask, positions, vector_of, training=training)
        return self.after_attention(hidden, attended, training)


class DebertaV3Backbone(Backbone):
    """Bidirectional Transformer encoder that attends to content and relative position apart.

    Positions are relative only, so rows can be longer than `max_sequence_length`: from there on
    distances are not told apart. What comes out at padding is of no use.

    Defaults are those of the paper's code (https://github.com/microsoft/DeBERTa): exact GELU,
    epsilon 1e-7.

    Args:
        vocabulary_size: Number of token ids ``V``.
        num_layers: Number of encoder blocks.
        num_heads: Attention heads in each block.
        hidden_dim: Width ``D``, a multiple of `num_heads`.
        intermediate_dim: Width inside the feed-forward networks.
        dropout: Dropout rate, in attention too.
        max_sequence_length: Length in tokens of the rows it is meant for; greater distances share
            a bucket.
        bucket_size: Number of buckets of distances, in either direction.
        activation: ``"gelu"``, ``"gelu_tanh"``, ``"relu"``, ``"silu"`` or ``"tanh"``.
        layer_norm_epsilon: Added to the variance in every normalisation.
        dtype: Keras dtype or dtype policy.

    Raises:
        InputError: There are fewer than two buckets.

    Inputs: ``token_ids`` and ``padding_mask``, integers of shape ``(B, L)``.
    Outputs: ``sequence_output`` ``(B, L, D)``.

    Example:
        >>> import numpy as np
        >>> backbone = DebertaV3Backbone(
        ...     vocabulary_size=100, num_layers=2, num_heads=2, hidden_dim=8, intermediate_dim=16
        ... )
        >>> inputs = {name: np.ones((1, 12), "int32") for name in ("token_ids", "padding_mask")}
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
        bucket_size: int = 256,
        activation: str = "gelu",
        layer_norm_epsilon: float = 1e-7,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        token_ids = keras.Input((None,), dtype="int32", name="token_ids")
        padding_mask = keras.Input((None,), dtype="int32", name="padding_mask")

        # Only what the token is: where it stands enters in the attention.
        hidden = token_embedding(vocabulary_size, hidden_dim, dtype=dtype)(token_ids)
        hidden = keras.layers.LayerNormalization(
            epsilon=layer_norm_epsilon, dtype=dtype, name="embeddings_layer_norm"
        )(hidden)
        hidden = Dropout(dropout, dtype=dtype, name="embeddings_dropout")(hidden)

        positions, vector_of = RelativePositions(
            hidden_dim,
            bucket_size,
            max_sequence_length,
            layer_norm_epsilon,
            dtype=dtype,
            name="relative_embedding",
        )(hidden)
        hidden_states = [hidden]
        for i in range(num_layers):
            hidden = DisentangledEncoder(
                hidden_dim,
                num_heads,
                intermediate_dim,
                activation,
                dropout,
                layer_norm_epsilon,
                dtype=dtype,
                name=f"layer_{i}",
            )(hidden, padding_mask, positions, vector_of)
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
                "bucket_size": bucket_size,
                "activation": activation,
                "layer_norm_epsilon": layer_norm_epsilon,
            },
            dtype=dtype,
            **kwargs,
        )
