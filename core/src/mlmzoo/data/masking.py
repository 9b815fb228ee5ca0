"""Which tokens are masked, and what stands in their place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mlmzoo.contract.errors import InputError
from mlmzoo.data.random_bits import random_bits, stream_key
from mlmzoo.data.rows import TokenRows, offsets_of, places

RANDOM_BITS = 32
ROWS_AT_ONCE = 1 << 10
"""Rows whose tokens are sorted together: few enough to stay in the processor's cache."""


@dataclass(frozen=True)
class MaskingRule:
    """How tokens are chosen and replaced (BERT, https://arxiv.org/abs/1810.04805, section 3.1).

    Args:
        rate: Share of a text's ordinary tokens to predict, 0 to 1.
        mask_token_rate: Share of those that become the mask token.
        random_token_rate: Share of those that become a random ordinary token. The rest stay.
        mask_id: Id of the mask token.
        vocabulary_size: Number of token ids.
        special_ids: Ids that are never chosen and never stand in as random tokens.
        limit_per_row: Most masks a text, or ``None``.

    Raises:
        InputError: A rate is outside of 0 to 1, the two replacement rates sum to more than 1, or
            another value makes no sense.
    """

    rate: float
    mask_token_rate: float
    random_token_rate: float
    mask_id: int
    vocabulary_size: int
    special_ids: tuple[int, ...]
    limit_per_row: int | None = None

    def __post_init__(self) -> None:
        rates = {
            "mask_selection_rate": self.rate,
            "mask_token_rate": self.mask_token_rate,
            "random_token_rate": self.random_token_rate,
        }
        for name, value in rates.items():
            if not 0 <= value <= 1:  # NaN fails here too
                raise InputError(
                    f"Asked for {name}={value!r}; a rate is a share. Give a number from 0 to 1."
                )
        if self.mask_token_rate + self.random_token_rate > 1 + 1e-9:
            raise InputError(
                f"Asked for mask_token_rate={self.mask_token_rate!r} and "
                f"random_token_rate={self.random_token_rate!r}; together they are more than 1. "
                "They share out the chosen tokens (the rest stay as they are): lower one."
            )
        if self.limit_per_row is not None and self.limit_per_row < 1:
            raise InputError(
                f"Asked for mask_selection_length={self.limit_per_row!r}; give at least 1, or "
                "None for no limit. For no masks give mask_selection_rate=0."
            )
        for special in (self.mask_id, *self.special_ids):
            if not 0 <= special < self.vocabulary_size:
                raise InputError(
                    f"Asked to mask with the special token ids {self.special_ids} and the mask "
                    f"token {self.mask_id}; id {special} is outside the vocabulary of "
                    f"{self.vocabulary_size}. Give ids from 0 to {self.vocabulary_size - 1}."
                )
        if self.random_token_rate > 0 and not len(self.ordinary):
            raise InputError(
                f"Asked for random_token_rate={self.random_token_rate!r}; all "
                f"{self.vocabulary_size} ids of the vocabulary are special. Give 0."
            )

    @cached_property
    def is_special(self) -> np.ndarray:
        """Bool of shape ``(V,)``: ids never chosen nor drawn. The mask token is one of them."""
        table = np.zeros(self.vocabulary_size, bool)
        table[[*self.special_ids, self.mask_id]] = True
        return table

    @cached_property
    def ordinary(self) -> np.ndarray:
        """int32: the ids a random replacement is drawn from."""
        return np.flatnonzero(~self.is_special).astype(np.int32)

    def counts(self, maskable: np.ndarray) -> np.ndarray:
        """How many of `maskable` tokens are masked: the rounded share, but one where possible."""
        if self.rate == 0:
            return np.zeros_like(maskable)
        counts = np.maximum(np.rint(self.rate * maskable).astype(maskable.dtype), 1)
        if self.limit_per_row is not None:
            counts = np.minimum(counts, self.limit_per_row)
        return np.minimum(counts, maskable)

    def slots(self, length: int) -> int:
        """Mask slots that hold the masks of any row of up to `length` tokens; at least one."""
        return max(1, int(self.counts(np.asarray([length]))[0]))


@dataclass(frozen=True)
class Masks:
    """The masks of some `TokenRows`; those of row i are at ``offsets[i]:offsets[i + 1]``.

    Args:
        positions: int64 of shape ``(K,)``, ascending: indices into the rows' flat ids.
        labels: int32 of shape ``(K,)``: the ids that stood there.
        replaced: int32 of shape ``(K,)``: the ids that stand there now.
        offsets: int64 of shape ``(N + 1,)``.
    """

    positions: np.ndarray
    labels: np.ndarray
    replaced: np.ndarray
    offsets: np.ndarray

    def apply(self, ids: np.ndarray) -> np.ndarray:
        """A copy of the rows' flat ids with the masks in place."""
        ids = ids.copy()
        ids[self.positions] = self.replaced
        return ids


def draw(rows: TokenRows, rule: MaskingRule, seed: Sequence[int]) -> Masks:
    """Mask rows at random.

    Of a row's n ordinary tokens ``max(1, round(rate * n))`` are chosen, at most
    `rule.limit_per_row`; a row of special tokens only gets no mask. What is drawn for a token is a
    function of the seed and of the token's number in the data (`TokenRows.origins`) alone, so a
    text's masks do not depend on the texts it stands among, on batches or on the backend.

    Args:
        rows: The texts.
        rule: How to mask.
        seed: Non-negative integers, e.g. ``(seed, epoch)``.

    Raises:
        InputError: A token id is outside the vocabulary, or a seed is negative.
    """
    if any(part < 0 for part in seed):
        raise InputError(f"Asked for the seed {tuple(seed)}; give integers that are not negative.")
    ids = rows.ids
    if len(ids) and not 0 <= ids.min() <= ids.max() < rule.vocabulary_size:
        raise InputError(
            f"Asked to mask token ids {ids.min()} to {ids.max()}; the vocabulary has "
            f"{rule.vocabulary_size} ids, from 0. Tokenise with the tokenizer of this model."
        )
    order, decision, replacement = (stream_key(seed, stream) for stream in range(3))
    place_bits = max(1, int(rows.lengths.max(initial=1)).bit_length())
    at_once = min(ROWS_AT_ONCE, 1 << max(0, 64 - RANDOM_BITS - place_bits))
    chosen = [
        _choose(rows, rule, order, begin, min(begin + at_once, len(rows)), place_bits)
        for begin in range(0, len(rows), at_once)
    ]
    positions = np.concatenate([part for part, _, _ in chosen] or [np.zeros(0, np.int64)])
    numbers = np.concatenate([part for _, part, _ in chosen] or [np.zeros(0, np.int64)])
    counts = np.concatenate([part for _, _, part in chosen] or [np.zeros(0, np.int64)])
    labels = ids[positions]
    share = (random_bits(decision, numbers) >> np.uint64(11)) * 2.0**-53
    replaced = labels.copy()
    masked = share < rule.mask_token_rate
    replaced[masked] = rule.mask_id
    randomised = np.flatnonzero(~masked & (share < rule.mask_token_rate + rule.random_token_rate))
    if len(randomised):
        bits = random_bits(replacement, numbers[randomised]) >> np.uint64(32)
        replaced[randomised] = rule.ordinary[
            (bits * np.uint64(len(rule.ordinary))) >> np.uint64(32)
        ]
    return Masks(positions, labels, replaced, offsets_of(counts))


def _choose(
    rows: TokenRows, rule: MaskingRule, key: np.uint64, begin: int, stop: int, place_bits: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Flat positions of the tokens chosen in rows `begin` to `stop`, ascending; their numbers in
    the data; and how many there are in each row.

    They are the maskable tokens of each row with the smallest random bits. Row, random bits and
    place go into one integer each, high to low, so that a plain sort groups by row, orders at
    random and breaks ties by place: many times faster than sorting by two keys.
    """
    offsets = rows.offsets[begin : stop + 1]
    first = offsets[:-1]
    shift = np.zeros_like(first) if rows.origins is None else rows.origins[begin:stop] - first
    tokens = np.flatnonzero(~rule.is_special[rows.ids[offsets[0] : offsets[-1]]]) + offsets[0]
    before = np.searchsorted(tokens, offsets)
    available = np.diff(before)
    row = np.arange(stop - begin) << (RANDOM_BITS + place_bits)
    bits = random_bits(key, tokens + np.repeat(shift, available)) >> np.uint64(64 - RANDOM_BITS)
    bits <<= np.uint64(place_bits)
    keys = bits.view(np.int64)
    keys += tokens
    keys += np.repeat(row - first, available)
    bits.sort()
    counts = rule.counts(available)
    chosen = keys[places(offsets_of(counts)) + np.repeat(before[:-1], counts)]
    positions = (chosen & ((1 << place_bits) - 1)) + np.repeat(first, counts)
    positions.sort()
    return positions, positions + np.repeat(shift, counts), counts
