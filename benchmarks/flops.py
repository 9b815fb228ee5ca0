"""Floating-point operations a training step needs, counted over real tokens only.

What every implementation has to do, padding and waste left out: matrix products of the layers, the
two products of attention within each row's real tokens, and the head at the masked tokens; three
times the forward pass (Kaplan et al., 2020, "Scaling laws for neural language models", section
2.1). Embeddings, normalisation, activations, dropout, FNet's Fourier transforms and the optimizer
are not counted, so no implementation reaches the peak.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

BUCKETS = 256
"""DeBERTaV3's relative positions on either side."""


def training(
    family: str,
    settings: Mapping[str, Any],
    lengths: Sequence[int],
    masked: float,
    batches: int,
) -> float:
    """Operations of training steps on rows of these lengths.

    Args:
        family: ``"Bert"``, ``"DebertaV3"`` or ``"FNet"``.
        settings: Of the backbone.
        lengths: Real tokens of each row.
        masked: Masked tokens of all rows.
        batches: Batches they are trained in.
    """
    D, F, V = (settings[x] for x in ("hidden_dim", "intermediate_dim", "vocabulary_size"))
    tokens = sum(map(float, lengths))
    pairs = sum(float(length) ** 2 for length in lengths)
    layer = 4 * D * F * tokens
    if family != "FNet":
        layer += 8 * D * D * tokens + 4 * D * pairs
    if family == "DebertaV3":
        # Queries and keys of the relative positions, and their products with all tokens.
        layer += 2 * (2 * D * D * 2 * BUCKETS) * batches + 2 * (2 * D * 2 * BUCKETS) * tokens
    head = (2 * D * D + 2 * D * V) * masked
    return 3 * (settings["num_layers"] * layer + head)
