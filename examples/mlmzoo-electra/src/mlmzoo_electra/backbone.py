"""ELECTRA's encoder (Clark et al., 2020, https://arxiv.org/abs/2003.10555)."""

from typing import Any

import keras

from mlmzoo import Backbone
from mlmzoo.kit.layers import Dropout, TransformerEncoder, dense, embed


class ElectraBackbone(Backbone):
    """BERT's encoder, whose embeddings have a width of their own and no pooled output.

    Generators are narrow where their embeddings, shared with the discriminator, are as wide as it
    (section 3.2 of the paper); a projection stands between the two.

    Args:
        vocabulary_size: Number of token ids ``V``.
        num_layers: Number of encoder blocks.
        num_heads: Attention heads in each block.
        embedding_dim: Width ``E`` of the embeddings.
        hidden_dim: Width ``D``, a multiple of `num_heads`.
        intermediate_dim: Width inside the feed-forward networks.
        dropout: Dropout rate, in attention too.
        max_sequence_length: Longest row, in tokens.
        num_segments: Number of segment ids.
        activation: ``"gelu"``, ``"gelu_tanh"``, ``"relu"``, ``"silu"`` or ``"tanh"``.
        layer_norm_epsilon: Added to the variance in every normalisation.
        dtype: Keras dtype or dtype policy.

    Inputs: ``token_ids``, ``segment_ids`` and ``padding_mask``, integers of shape ``(B, L)``.
    Output: ``sequence_output`` ``(B, L, D)``.
    """

    def __init__(
        self,
        vocabulary_size: int,
        num_layers: int,
        num_heads: int,
        embedding_dim: int,
        hidden_dim: int,
        intermediate_dim: int,
        dropout: float = 0.1,
        max_sequence_length: int = 512,
        num_segments: int = 2,
        activation: str = "gelu",
        layer_norm_epsilon: float = 1e-12,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        inputs = {
            name: keras.Input((None,), dtype="int32", name=name)
            for name in ("token_ids", "segment_ids", "padding_mask")
        }
        hidden = embed(
            **inputs,
            vocabulary_size=vocabulary_size,
            max_sequence_length=max_sequence_length,
            dim=embedding_dim,
            layer_norm_epsilon=layer_norm_epsilon,
            num_segments=num_segments,
            dtype=dtype,
        )
        hidden = Dropout(dropout, dtype=dtype, name="embeddings_dropout")(hidden)
        if embedding_dim != hidden_dim:
            hidden = dense(hidden_dim, "embeddings_projection", dtype=dtype)(hidden)

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
            )(hidden, inputs["padding_mask"])
            hidden_states.append(hidden)

        super().__init__(
            inputs=inputs,
            outputs={"sequence_output": hidden},
            hidden_states=hidden_states,
            settings={
                "vocabulary_size": vocabulary_size,
                "num_layers": num_layers,
                "num_heads": num_heads,
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
