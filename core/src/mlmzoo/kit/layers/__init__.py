"""Layers shared by the families. Numerics (activation, epsilon) are arguments of each."""

from mlmzoo.kit.layers.activations import ACTIVATIONS, activation
from mlmzoo.kit.layers.attention import SelfAttention
from mlmzoo.kit.layers.dropout import Dropout
from mlmzoo.kit.layers.embeddings import (
    PositionEmbedding,
    embed,
    segment_embedding,
    token_embedding,
)
from mlmzoo.kit.layers.initializers import (
    fresh_values,
    kernel_initializer,
    skip_initialization,
)
from mlmzoo.kit.layers.linear import dense, pooled_output
from mlmzoo.kit.layers.masked_lm_head import MaskedLMHead
from mlmzoo.kit.layers.packing import positions_in_text, visible_tokens
from mlmzoo.kit.layers.transformer import FeedForward, TransformerEncoder

__all__ = [
    "ACTIVATIONS",
    "Dropout",
    "FeedForward",
    "MaskedLMHead",
    "PositionEmbedding",
    "SelfAttention",
    "TransformerEncoder",
    "activation",
    "dense",
    "embed",
    "fresh_values",
    "kernel_initializer",
    "pooled_output",
    "positions_in_text",
    "segment_embedding",
    "skip_initialization",
    "token_embedding",
    "visible_tokens",
]
