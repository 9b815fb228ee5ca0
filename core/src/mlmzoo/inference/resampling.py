"""Confidence intervals by resampling texts (the bootstrap; Efron, 1979)."""

from __future__ import annotations

import numpy as np

RESAMPLES = 1000


def interval_of_mean(
    sums: np.ndarray, counts: np.ndarray, seed: int, confidence: float = 0.95
) -> tuple[float, float]:
    """Interval of a mean over all tokens of some texts, had other texts of their kind been drawn.

    Texts are resampled, not tokens, as tokens of one text have much in common.

    Args:
        sums: float64 of shape ``(N,)``: the sum over the tokens of each text.
        counts: Integers of shape ``(N,)``: how many these are.
        seed: Non-negative integer.
        confidence: Share of the resamples that lie within.
    """
    rng = np.random.default_rng(seed)
    share = np.full(len(sums), 1 / len(sums))
    means = np.empty(RESAMPLES)
    for n in range(RESAMPLES):
        times = rng.multinomial(len(sums), share)
        # A resample of empty texts alone has no mean; the whole has one.
        tokens = (times * counts).sum() or np.nan
        means[n] = (times * sums).sum() / tokens
    low, high = np.nanquantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)
