"""FNet's encoder (Lee-Thorp et al., 2021, https://arxiv.org/abs/2105.03824)."""

from __future__ import annotations

from typing import Any

import keras

from mlmzoo import Backbone
from mlmzoo.kit.layers import Dropout, FeedForward, dense, embed, pooled_output
from mlmzoo_fnet.fourier import mix


class FourierEncoder(keras.layers.Layer):
    """Fourier mixing, then a feed-forward network, each added to its input and normalised.

    Figure 1 of the paper: the Transformer's encoder block with `mix` in place of attention.

    Args:
        dim: Width ``D``.
        intermediate_dim: Width of the feed-forward network.
        activation: Name in `mlmzoo.kit.layers.ACTIVATIONS`.
        dropout: Dropout rate of the feed-forward network's output.
        layer_norm_epsilon: Added to the variance in both normalisations.

    Call: hidden states ``(B, L, D) -> (B, L, D)``.
    """

    def __init__(
        self,
        dim: int,
        intermediate_dim: int,
        activation: str,
        dropout: float,
        layer_norm_epsilon: float,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        policy = self.dtype_policy
        self.feedforward = FeedForward(
            dim, intermediate_dim, activation, dtype=policy, name="feedforward"
        )
        self.mixing_layer_norm = keras.layers.LayerNormalization(
            epsilon=layer_norm_epsilon, dtype=policy, name="mixing_layer_norm"
        )
        self.feedforward_layer_norm = keras.layers.LayerNormalization(
            epsilon=layer_norm_epsilon, dtype=policy, name="feedforward_layer_norm"
        )
        self.feedforward_dropout = Dropout(dropout, dtype=policy)

    def build(self, hidden_shape: Any) -> None:
        self.mixing_layer_norm.build(hidden_shape)
        self.feedforward.build(hidden_shape)
        self.feedforward_layer_norm.build(hidden_shape)

    def call(self, hidden: Any, training: bool | None = None) -> Any:
        hidden = self.mixing_layer_norm(hidden + mix(hidden))
        forwarded = self.feedforward(hidden, training=training)
        forwarded = self.feedforward_dropout(forwarded, training=training)
        return self.feedforward_layer_norm(hidden + forwarded)

    def compute_output_shape(self, hidden_shape: Any) -> Any:
        return hidden_shape


class FNetBackbone(Backbone):
    """Encoder that mixes tokens by Fourier transforms instead of attention.

    It has no attention mask: padding is mixed with everything else, so what it answers depends
    on the length that rows are padded to. Give it the one it was trained with.

    Defaults are those of the paper's code
    (https://github.com/google-research/google-research/tree/master/f_net): tanh GELU, epsilon
    1e-12, four segment ids.

    Args:
        vocabulary_size: Number of token ids ``V``.
        num_layers: Number of encoder blocks.
        hidden_dim: Width ``D``.
        intermediate_dim: Width inside the feed-forward networks.
        dropout: Dropout rate.
        max_sequence_length: Longest row, in tokens.
        num_segments: Number of segment ids.
        activation: ``"gelu"``, ``"gelu_tanh"``, ``"relu"``, ``"silu"`` or ``"tanh"``.
        layer_norm_epsilon: Added to the variance in every normalisation.
        dtype: Keras dtype or dtype policy.

    Inputs: ``token_ids`` and ``segment_ids``, integers of shape ``(B, L)``.
    Outputs: ``sequence_output`` ``(B, L, D)`` and ``pooled_output`` ``(B, D)``.

    Example:
        >>> import numpy as np
        >>> backbone = FNetBackbone(
        ...     vocabulary_size=100, num_layers=2, hidden_dim=8, intermediate_dim=16
        ... )
        >>> inputs = {name: np.ones((1, 12), "int32") for name in ("token_ids", "segment_ids")}
        >>> tuple(backbone(inputs)["sequence_output"].shape)
        (1, 12, 8)
    """

    lora_targets = ("intermediate", "output")

    def __init__(
        self,
        vocabulary_size: int,
        num_layers: int,
        hidden_dim: int,
        intermediate_dim: int,
        dropout: float = 0.1,
        max_sequence_length: int = 512,
        num_segments: int = 4,
        activation: str = "gelu_tanh",
        layer_norm_epsilon: float = 1e-12,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        token_ids = keras.Input((None,), dtype="int32", name="token_ids")
        segment_ids = keras.Input((None,), dtype="int32", name="segment_ids")

        hidden = embed(
            token_ids,
            segment_ids,
            vocabulary_size=vocabulary_size,
            max_sequence_length=max_sequence_length,
            dim=hidden_dim,
            layer_norm_epsilon=layer_norm_epsilon,
            num_segments=num_segments,
            dtype=dtype,
        )
        hidden = dense(hidden_dim, "embeddings_projection", dtype=dtype)(hidden)
        hidden = Dropout(dropout, dtype=dtype, name="embeddings_dropout")(hidden)

        hidden_states = [hidden]
        for i in range(num_layers):
            hidden = FourierEncoder(
                hidden_dim,
                intermediate_dim,
                activation,
                dropout,
                layer_norm_epsilon,
                dtype=dtype,
                name=f"layer_{i}",
            )(hidden)
            hidden_states.append(hidden)

        # Trained to tell whether one text follows the other.
        pooled = pooled_output(hidden, hidden_dim, dtype=dtype)

        super().__init__(
            inputs={"token_ids": token_ids, "segment_ids": segment_ids},
            outputs={"sequence_output": hidden, "pooled_output": pooled},
            hidden_states=hidden_states,
            settings={
                "vocabulary_size": vocabulary_size,
                "num_layers": num_layers,
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
