"""Which tokens of some rows are chosen: tokens, whole words or spans of words."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from mlmzoo.data.random_bits import random_bits, share_of
from mlmzoo.data.rows import offsets_of, places

ORDER_BITS = 32
"""Random bits that decide on an order."""


class Chosen(NamedTuple):
    """What was chosen, in the order of the text.

    Args:
        tokens: int64 of shape ``(K,)``: which of the block's tokens.
        deciding: int64 of shape ``(K,)``: of which of them the bits say what stands in its place.
        counts: int64 of shape ``(R,)``: how many there are in each row.
    """

    tokens: np.ndarray
    deciding: np.ndarray
    counts: np.ndarray


@dataclass(frozen=True)
class Block:
    """The tokens of R rows that may be chosen; special tokens are left out.

    Args:
        numbers: int64 of shape ``(T,)``: their numbers in the data, for random bits.
        before: int64 of shape ``(R + 1,)``: those of row i are ``before[i]:before[i + 1]``.
        ordinal_bits: Bits that hold the place of a token among those of its row.
        apart: bool of shape ``(T,)``: whether something stands between a token and the one before
            it here, a special token or the border of a row. ``None`` where nobody asks.
        begins: bool of shape ``(T,)``: whether a word begins there. ``None`` likewise.
    """

    numbers: np.ndarray
    before: np.ndarray
    ordinal_bits: int
    apart: np.ndarray | None = None
    begins: np.ndarray | None = None

    @cached_property
    def available(self) -> np.ndarray:
        """int64 of shape ``(R,)``: tokens in each row."""
        return np.diff(self.before)

    def words(self, longest: int | None = None) -> Words:
        """The words of the block.

        Args:
            longest: Longer ones are parted after every so many tokens.
        """
        assert self.begins is not None and self.apart is not None
        begins = self.begins | self.apart
        first = np.flatnonzero(begins)
        sizes = np.diff(first, append=len(begins))
        if longest is not None and len(sizes) and sizes.max() > longest:
            begins |= places(offsets_of(sizes)) % longest == 0
            first = np.flatnonzero(begins)
            sizes = np.diff(first, append=len(begins))
        return Words(first, sizes, np.searchsorted(first, self.before))


class Words(NamedTuple):
    """W words: the first token of each, the number of its tokens, and for each row the number of
    words before it, shape ``(R + 1,)``.
    """

    first: np.ndarray
    sizes: np.ndarray
    before: np.ndarray


def choose_tokens(block: Block, counts: np.ndarray, order: np.uint64) -> Chosen:
    """Exactly `counts` tokens of each row, each one as likely as the others."""
    bits = random_bits(order, block.numbers)
    bits >>= np.uint64(64 - ORDER_BITS)
    tokens = _first(bits, block.before, counts, block.ordinal_bits)
    tokens.sort()
    return Chosen(tokens, tokens, counts)


def choose_words(
    block: Block,
    counts: np.ndarray,
    order: np.uint64,
    last: np.uint64,
    longest: int,
    limit: int | None,
) -> Chosen:
    """Words in random order until there are `counts` tokens of each row.

    The word that goes beyond that is taken with the chance that makes `counts` the expected
    number, and always if it is the row's first.

    Args:
        block: The tokens.
        counts: Aim, int64 of shape ``(R,)``.
        order: Key of the bits that order the words.
        last: Key of the bits that decide on the last word.
        longest: Words of more tokens count as several.
        limit: Most tokens a row, at least `longest`; or ``None``.
    """
    words = block.words(longest)
    each = np.diff(words.before)
    bits = random_bits(order, block.numbers[words.first])
    bits >>= np.uint64(64 - ORDER_BITS)
    # A row has so many tokens only that words and tokens are counted with the same bits.
    drawn = _first(bits, words.before, each, block.ordinal_bits)
    sizes = words.sizes[drawn]
    so_far = np.cumsum(sizes) - sizes - np.repeat(block.before[:-1], each)
    left = np.repeat(counts, each) - so_far
    taken = sizes <= left
    last_ones = np.flatnonzero(~taken & (left > 0))
    if len(last_ones):
        chance = share_of(random_bits(last, block.numbers[words.first[drawn[last_ones]]]))
        takes = (so_far[last_ones] == 0) | (chance * sizes[last_ones] < left[last_ones])
        if limit is not None:
            takes &= so_far[last_ones] + sizes[last_ones] <= limit
        taken[last_ones] = takes
    whole = np.zeros(len(words.first), bool)
    whole[drawn[taken]] = True
    tokens = np.flatnonzero(np.repeat(whole, words.sizes))
    return Chosen(tokens, tokens, np.diff(np.searchsorted(tokens, block.before)))


def choose_spans(
    block: Block,
    counts: np.ndarray,
    order: np.uint64,
    length: np.uint64,
    end_rate: float,
    longest: int,
) -> Chosen:
    """Spans of whole words in random order until there are exactly `counts` tokens of each row.

    The last span ends where the count is reached. Spans may overlap; a token belongs to the
    first of them. They end before special tokens.

    Args:
        block: The tokens.
        counts: int64 of shape ``(R,)``.
        order: Key of the bits that order the words a span may begin with.
        length: Key of the bits that draw the length of each span.
        end_rate: p of the geometric distribution of lengths, in words.
        longest: Longest span, in words; the distribution is cut off there and scaled.
    """
    assert block.apart is not None
    words = block.words()
    numbers = block.numbers[words.first]
    bits = random_bits(order, numbers)
    bits >>= np.uint64(64 - ORDER_BITS)
    up_to = 1 - (1 - end_rate) ** np.arange(1, longest)  # chance of at most 1, 2, … words
    up_to /= 1 - (1 - end_rate) ** longest
    lengths = 1 + np.searchsorted(up_to, share_of(random_bits(length, numbers)), side="right")
    stretch = np.cumsum(block.apart[words.first])
    when, owner = bits.copy(), np.arange(len(bits))
    for step in range(1, min(longest, len(bits))):
        sooner = bits[:-step] < when[step:]
        sooner &= lengths[:-step] > step
        sooner &= stretch[:-step] == stretch[step:]
        reached = np.flatnonzero(sooner)
        when[reached + step] = bits[reached]
        owner[reached + step] = reached
    tokens = _first(np.repeat(when, words.sizes), block.before, counts, block.ordinal_bits)
    tokens.sort()
    word = np.searchsorted(words.first, tokens, side="right") - 1
    return Chosen(tokens, words.first[owner[word]], counts)


def _first(
    bits: np.ndarray, before: np.ndarray, counts: np.ndarray, ordinal_bits: int
) -> np.ndarray:
    """The first `counts` items of each row in the order of their bits, row by row.

    Row, bits and place in the row go into one integer each, high to low, so that a plain sort
    groups by row, orders by bits and breaks ties by place: many times faster than sorting by two
    keys.

    Args:
        bits: uint64 of shape ``(T,)``, the lowest `ORDER_BITS`; overwritten.
        before: int64 of shape ``(R + 1,)``: items before each row.
        counts: int64 of shape ``(R,)``.
        ordinal_bits: Bits that hold a place in a row.
    """
    begin = before[:-1]
    row = np.arange(len(begin)) << (ORDER_BITS + ordinal_bits)
    bits <<= np.uint64(ordinal_bits)
    keys = bits.view(np.int64)
    keys += np.arange(len(keys))
    keys += np.repeat(row - begin, np.diff(before))
    bits.sort()
    first = np.repeat(begin, counts)
    first += keys[first + places(offsets_of(counts))] & ((1 << ordinal_bits) - 1)
    return first
