"""Which tokens are masked, and what stands in their place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mlmzoo.contract.errors import InputError
from mlmzoo.data.rows import TokenRows, offsets_of, places

RANDOM_BITS = 32
ROWS_AT_ONCE = 1 << 14
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
    `rule.limit_per_row`; a row of special tokens only gets no mask. Each token draws once from
    each of three streams, in text order, so a text's masks depend on the seed and on the texts
    before it, never on later texts, batches or the backend.

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
    # Raw bits, for numpy keeps these the same from version to version, and what its
    # distributions make of them it does not.
    order, decision, replacement = (
        np.random.PCG64(np.random.SeedSequence([*seed, stream])).random_raw(len(ids))
        for stream in range(3)
    )
    positions, offsets = _choose(rows, rule, order)
    labels = ids[positions]
    share = (decision[positions] >> np.uint64(11)) * 2.0**-53
    bits = replacement[positions] >> np.uint64(32)
    replaced = labels.copy()
    masked = share < rule.mask_token_rate
    randomised = ~masked & (share < rule.mask_token_rate + rule.random_token_rate)
    replaced[masked] = rule.mask_id
    if randomised.any():
        index = (bits[randomised] * np.uint64(len(rule.ordinary))) >> np.uint64(32)
        replaced[randomised] = rule.ordinary[index]
    return Masks(positions, labels, replaced, offsets)


def _choose(rows: TokenRows, rule: MaskingRule, order: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Flat positions of the chosen tokens, ascending, and the offsets of each row's."""
    maskable = ~rule.is_special[rows.ids]
    before = offsets_of(maskable)
    available = before[rows.offsets[1:]] - before[rows.offsets[:-1]]
    counts = rule.counts(available)
    place_bits = max(1, int(rows.lengths.max(initial=1)).bit_length())
    at_once = min(ROWS_AT_ONCE, 1 << max(0, 64 - RANDOM_BITS - place_bits))
    chosen = [
        _smallest(rows, maskable, order, available, counts, begin, at_once, place_bits)
        for begin in range(0, len(rows), at_once)
    ]
    positions = np.concatenate(chosen) if chosen else np.zeros(0, np.int64)
    return positions, offsets_of(counts)


def _smallest(
    rows: TokenRows,
    maskable: np.ndarray,
    order: np.ndarray,
    available: np.ndarray,
    counts: np.ndarray,
    begin: int,
    at_once: int,
    place_bits: int,
) -> np.ndarray:
    """Positions of the `counts` maskable tokens of each row with the smallest random bits.

    Row, random bits and place go into one integer each, high to low, so that a plain sort groups
    by row, orders at random and breaks ties by place: many times faster than sorting by two keys.
    """
    stop = min(begin + at_once, len(rows))
    offsets = rows.offsets[begin : stop + 1]
    span = slice(offsets[0], offsets[-1])
    kept = maskable[span]
    row = np.repeat(np.arange(stop - begin, dtype=np.uint64), np.diff(offsets))[kept]
    place = places(offsets - offsets[0]).astype(np.uint64)[kept]
    bits = order[span][kept] >> np.uint64(64 - RANDOM_BITS)
    key = (row << np.uint64(RANDOM_BITS + place_bits)) | (bits << np.uint64(place_bits)) | place
    key.sort()
    rank = places(offsets_of(available[begin:stop]))
    key = key[rank < np.repeat(counts[begin:stop], available[begin:stop])]
    row = (key >> np.uint64(RANDOM_BITS + place_bits)).astype(np.int64)
    positions = offsets[row] + (key & np.uint64((1 << place_bits) - 1)).astype(np.int64)
    positions.sort()
    return positions
