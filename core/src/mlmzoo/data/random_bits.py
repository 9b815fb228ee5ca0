"""Random bits that are a function of a number: no state, so no order they must be drawn in."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

# SplitMix64: https://doi.org/10.1145/2660193.2660195 (Steele, Lea, Flood, 2014), figures 15 and 16.
GAMMA = np.uint64(0x9E3779B97F4A7C15)
FINALISER = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB))
LAST_SHIFT = np.uint64(31)


def stream_key(seed: Sequence[int], stream: int) -> np.uint64:
    """The key of one of a seed's streams of random bits; streams are independent."""
    words = np.random.SeedSequence([*seed, stream]).generate_state(1, np.uint64)
    return np.uint64(words[0])


def random_bits(key: np.uint64, numbers: np.ndarray) -> np.ndarray:
    """64 random bits for each number: the output of SplitMix64 after that many steps from `key`.

    Args:
        key: See `stream_key`.
        numbers: int64 or uint64 of any shape, not negative.

    Returns:
        uint64 of the same shape. The same number and key give the same bits, whatever else is
        asked for.
    """
    bits = numbers.astype(np.uint64)
    shifted = np.empty_like(bits)
    bits *= GAMMA
    bits += key
    for shift, factor in FINALISER:
        np.right_shift(bits, np.uint64(shift), out=shifted)
        bits ^= shifted
        bits *= np.uint64(factor)
    np.right_shift(bits, LAST_SHIFT, out=shifted)
    bits ^= shifted
    return bits


def share_of(bits: np.ndarray) -> np.ndarray:
    """float64 of the same shape, from 0 to below 1: what 64 random bits say as a share."""
    return (bits >> np.uint64(11)) * 2.0**-53
