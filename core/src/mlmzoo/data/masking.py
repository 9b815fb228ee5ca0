"""Which tokens are masked, and what stands in their place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from mlmzoo.contract.errors import InputError
from mlmzoo.data.numbers import check_count, check_share
from mlmzoo.data.random_bits import random_bits, share_of, stream_key
from mlmzoo.data.rows import TokenRows, offsets_of
from mlmzoo.data.strategies import (
    ORDER_BITS,
    Block,
    choose_spans,
    choose_tokens,
    choose_words,
)

STRATEGIES = ("token", "whole_word", "span")
ORDER, DECISION, REPLACEMENT, EXTRA = range(4)
"""Streams of random bits. The last one: whether a last word is taken, or how long a span is."""
LONGEST_WORD = 8
SPAN_END_RATE = 0.2
LONGEST_SPAN = 10
"""These two as in SpanBERT: spans of 3.8 words on average."""
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
        strategy: What is chosen: ``"token"``, ``"whole_word"`` or ``"span"``, see `draw`.
        longest_word: With ``"whole_word"``, words of more tokens count as several.
        span_end_rate: With ``"span"``, the chance that a span ends after each of its words.
        longest_span: With ``"span"``, most words a span.

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
    strategy: str = "token"
    longest_word: int = LONGEST_WORD
    span_end_rate: float = SPAN_END_RATE
    longest_span: int = LONGEST_SPAN

    def __post_init__(self) -> None:
        if self.strategy not in STRATEGIES:
            raise InputError(
                f"Asked for masking={self.strategy!r}; known are "
                f"{', '.join(map(repr, STRATEGIES))}."
            )
        check_count("longest_word", self.longest_word)
        check_count("longest_span", self.longest_span)
        if not check_share("span_end_rate", self.span_end_rate):
            raise InputError(
                f"Asked for span_end_rate={self.span_end_rate!r}; a span must end some time. Give "
                "a number above 0, up to 1 for spans of one word."
            )
        check_share("mask_selection_rate", self.rate)
        check_share("mask_token_rate", self.mask_token_rate)
        check_share("random_token_rate", self.random_token_rate)
        if self.mask_token_rate + self.random_token_rate > 1 + 1e-9:
            raise InputError(
                f"Asked for mask_token_rate={self.mask_token_rate!r} and "
                f"random_token_rate={self.random_token_rate!r}; together they are more than 1. "
                "They share out the chosen tokens (the rest stay as they are): lower one."
            )
        if self.limit_per_row is not None:
            check_count("mask_selection_length", self.limit_per_row)
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

    @property
    def word_limit(self) -> int:
        """Most tokens of a whole word."""
        return min(self.longest_word, self.limit_per_row or self.longest_word)

    def counts(self, maskable: np.ndarray) -> np.ndarray:
        """How many of `maskable` tokens to mask: the rounded share, but one where possible.

        Exactly so many are masked, but with ``strategy="whole_word"``, where they are the aim
        and `most` is the bound.

        Args:
            maskable: Numbers of ordinary tokens of texts, integers of any shape.

        Returns:
            Integers of the same shape.
        """
        if self.rate == 0:
            return np.zeros_like(maskable)
        counts = np.maximum(np.rint(self.rate * maskable).astype(maskable.dtype), 1)
        if self.limit_per_row is not None:
            counts = np.minimum(counts, self.limit_per_row)
        return np.minimum(counts, maskable)

    def most(self, maskable: np.ndarray) -> np.ndarray:
        """The most masks that a text of `maskable` ordinary tokens, or of fewer, can get.

        Arguments and what is returned are as in `counts`. Texts packed into one row have at most
        the sum of theirs.
        """
        most = self.counts(maskable)
        if self.strategy == "whole_word":
            most = np.where(most > 0, np.minimum(most + self.word_limit - 1, maskable), 0)
            if self.limit_per_row is not None:
                most = np.minimum(most, self.limit_per_row)
        return most

    def slots(self, length: int) -> int:
        """Mask slots that hold the masks of any text of up to `length` tokens; at least one."""
        return max(1, int(self.most(np.asarray([length]))[0]))


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
    `rule.limit_per_row`; a row of special tokens only gets no mask. By `rule.strategy`:

    - ``"token"``: exactly so many, each token as likely as the others.
    - ``"whole_word"``: words in random order, with all of their tokens, until so many are reached
      (https://github.com/google-research/bert, May 2019). The word that would go beyond is taken
      with a chance of what is left over its number of tokens, which makes so many the expected
      number, and always where the row had no mask otherwise. A word of more than
      `rule.longest_word` tokens counts as several. What stands in the place of a token is decided
      token by token.
    - ``"span"``: exactly so many, in spans of whole words (SpanBERT: Joshi et al., 2019,
      https://arxiv.org/abs/1907.10529). A span begins at any word and has a length from a
      geometric distribution, cut off at `rule.longest_span` and scaled to sum to 1. The last one
      ends where the number is reached; none reaches across a special token. All tokens of a span
      become mask tokens, or all of them random tokens, or all stay.

    What is drawn for a token is a function of the seed and of the token's number in the data
    (`TokenRows.origins`) alone, so a text's masks do not depend on the texts it stands among, on
    batches or on the backend.

    Args:
        rows: The texts.
        rule: How to mask.
        seed: Non-negative integers, e.g. ``(seed, epoch)``.

    Raises:
        InputError: A token id is outside the vocabulary, a seed is negative, or the rows do not
            say where words begin and the strategy needs it.
    """
    if any(part < 0 for part in seed):
        raise InputError(f"Asked for the seed {tuple(seed)}; give integers that are not negative.")
    ids = rows.ids
    if len(ids) and not 0 <= ids.min() <= ids.max() < rule.vocabulary_size:
        raise InputError(
            f"Asked to mask token ids {ids.min()} to {ids.max()}; the vocabulary has "
            f"{rule.vocabulary_size} ids, from 0. Tokenise with the tokenizer of this model."
        )
    place_bits = max(1, int(rows.lengths.max(initial=1)).bit_length())
    at_once = min(ROWS_AT_ONCE, 1 << max(0, 64 - ORDER_BITS - place_bits))
    parts = [
        _choose(rows, rule, seed, slice(begin, min(begin + at_once, len(rows))), place_bits)
        for begin in range(0, len(rows), at_once)
    ]
    positions, numbers, deciding, counts = (
        np.concatenate(part) if part else np.zeros(0, np.int64)
        for part in (zip(*parts, strict=True) if parts else [()] * 4)
    )
    labels = ids[positions]
    share = share_of(random_bits(stream_key(seed, DECISION), deciding))
    replaced = labels.copy()
    masked = share < rule.mask_token_rate
    replaced[masked] = rule.mask_id
    randomised = np.flatnonzero(~masked & (share < rule.mask_token_rate + rule.random_token_rate))
    if len(randomised):
        bits = random_bits(stream_key(seed, REPLACEMENT), numbers[randomised]) >> np.uint64(32)
        index = (bits * np.uint64(len(rule.ordinary))) >> np.uint64(32)
        replaced[randomised] = rule.ordinary[index]
    return Masks(positions, labels, replaced, offsets_of(counts))


def _choose(
    rows: TokenRows, rule: MaskingRule, seed: Sequence[int], which: slice, place_bits: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Flat positions of the tokens chosen in some rows, ascending; their numbers in the data; the
    numbers that decide on what becomes of them; and how many there are in each row.
    """
    offsets = rows.offsets[which.start : which.stop + 1]
    first = offsets[:-1]
    tokens = np.flatnonzero(~rule.is_special[rows.ids[offsets[0] : offsets[-1]]]) + offsets[0]
    before = np.searchsorted(tokens, offsets)
    numbers = tokens
    if rows.origins is not None:
        numbers = tokens + np.repeat(rows.origins[which] - first, np.diff(before))
    block = Block(numbers, before, place_bits)
    counts = rule.counts(block.available)
    order, extra = stream_key(seed, ORDER), stream_key(seed, EXTRA)
    if rule.strategy == "token":
        chosen = choose_tokens(block, counts, order)
    else:
        if rows.words is None:
            raise InputError(
                f"Asked for masking={rule.strategy!r}; found texts that do not say where their "
                "words begin. Tokenise them with a MaskedLMPreprocessor of that masking."
            )
        apart = np.diff(tokens, prepend=-1) != 1
        apart[before[:-1][block.available > 0]] = True
        block = replace(block, apart=apart, begins=rows.words[tokens])
        if rule.strategy == "whole_word":
            chosen = choose_words(block, counts, order, extra, rule.word_limit, rule.limit_per_row)
        else:
            chosen = choose_spans(
                block, counts, order, extra, rule.span_end_rate, rule.longest_span
            )
    return tokens[chosen.tokens], numbers[chosen.tokens], numbers[chosen.deciding], chosen.counts
