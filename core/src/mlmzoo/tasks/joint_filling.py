"""All masks of a text filled together: the beam search of `mlmzoo.inference.completing` at work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from mlmzoo.contract.errors import InputError
from mlmzoo.data.numbers import check_count
from mlmzoo.inference.completing import ORDERS, Beam, CompletedText, Completion, Fill, Hypothesis
from mlmzoo.tasks.answering import shorten
from mlmzoo.tasks.asking import logits_at_masks
from mlmzoo.tasks.masked_texts import MaskedTexts, in_rows, segments_of

MOST_MASKS = 32
"""Most tokens in one text that are searched for jointly."""
MOST_LENGTHS = 64
"""Most ways to choose how many tokens each mask of one text becomes."""


@dataclass
class _Search:
    """The search for one text with one choice of lengths.

    Args:
        text: Number of the text.
        lengths: Tokens that each mask became.
        segments: int8 of shape ``(L,)``, of the row with so many masks.
        beam: Its hypotheses.
    """

    text: int
    lengths: tuple[int, ...]
    segments: np.ndarray
    beam: Beam


class JointSearch:
    """What `MaskedLM.complete` does.

    Args:
        task: The masked LM.
        beam: See `MaskedLM.complete`, also for the rest.
        order: Which mask is filled next.
        num_tokens: Tokens a mask.
        batch_size: Rows computed at a time.

    Raises:
        InputError: One of them makes no sense.
    """

    def __init__(self, task: Any, beam: int, order: str, num_tokens: Any, batch_size: int) -> None:
        self.task = task
        self.beam = check_count("beam", beam)
        if order not in ORDERS:
            raise InputError(
                f"order={order!r} was asked for. Give one of {', '.join(map(repr, ORDERS))}."
            )
        self.order = order
        self.fewest, self.most = _checked(num_tokens)
        self.batch_size = batch_size

    def complete(self, masked: MaskedTexts) -> list[CompletedText]:
        """The best ways to fill the masks of each text.

        Raises:
            InputError: A text has more masks than can be searched, or than there is room for.
        """
        searches = self._searches(masked)
        while running := [search for search in searches if not search.beam.done]:
            self._step(running)
        found: list[dict[tuple[int, ...], Completion]] = [{} for _ in masked.texts]
        tokenizer = self.task.preprocessor.tokenizer
        for search in searches:
            for each in search.beam.hypotheses:
                made = _completion(tokenizer, masked, search, each)
                # Masks side by side can share out the same tokens in several ways.
                other = found[search.text].setdefault(each.ids, made)
                if made.score > other.score:
                    found[search.text][each.ids] = made
        return [
            CompletedText(
                text, tuple(sorted(each.values(), key=lambda one: -one.score)[: self.beam])
            )
            for text, each in zip(masked.texts, found, strict=True)
        ]

    def _searches(self, masked: MaskedTexts) -> list[_Search]:
        """One for each text and choice of lengths."""
        ways = [
            (number, lengths)
            for number, places in enumerate(masked.places)
            for lengths in _lengths(masked, number, len(places), self.fewest, self.most)
        ]
        rows = masked.expanded(*zip(*ways, strict=True))
        searches = []
        for row, (number, lengths) in enumerate(ways):
            places = masked.masks_in(rows, row)
            if len(places) < sum(lengths):
                raise InputError(
                    f"With {', '.join(map(str, lengths))} tokens in its masks only {len(places)} "
                    f"of {sum(lengths)} are within the sequence length of "
                    f"{masked.preprocessor.sequence_length}, in {masked.asked.name(number)}: "
                    f"{shorten(masked.texts[number])!r}. Shorten it, or give another num_tokens."
                )
            span = slice(rows.offsets[row], rows.offsets[row + 1])
            start = Hypothesis(tuple(rows.ids[span].tolist()), tuple(places.tolist()))
            beam = Beam(self.beam, self.order, start)
            searches.append(_Search(number, lengths, rows.segments[span], beam))
        return searches

    def _step(self, searches: Sequence[_Search]) -> None:
        """Fill one more mask in every hypothesis of every search."""
        excluded = self.task.preprocessor.tokenizer.special_token_ids
        asked = [
            (number, each)
            for number, search in enumerate(searches)
            for each in search.beam.hypotheses
        ]
        rows = in_rows(
            [np.asarray(each.ids, np.int32) for _, each in asked],
            [searches[number].segments for number, _ in asked],
        )
        extended: list[Any] = [None] * len(asked)
        for answered in logits_at_masks(self.task, rows, self.batch_size):
            for row, _, logits in answered.by_row():
                number, hypothesis = asked[row]
                extended[row] = searches[number].beam.extensions(hypothesis, logits, excluded)
        found: list[list[Hypothesis]] = [[] for _ in searches]
        for (number, _), some in zip(asked, extended, strict=True):
            found[number] += some
        for search, some in zip(searches, found, strict=True):
            search.beam.keep(some)


def _checked(num_tokens: Any) -> tuple[int, int]:
    """The fewest and the most tokens of a mask."""
    given = num_tokens if isinstance(num_tokens, tuple | list) else (num_tokens, num_tokens)
    try:
        fewest, most = (check_count("num_tokens", each) for each in given)
    except (InputError, ValueError):
        fewest, most = 1, 0
    if fewest > most:
        raise InputError(
            f"num_tokens={num_tokens!r} was asked for. Give a number from 1, or the fewest and the "
            "most: (1, 3)."
        )
    return fewest, most


def _lengths(
    masked: MaskedTexts, number: int, masks: int, fewest: int, most: int
) -> list[tuple[int, ...]]:
    ways = (most - fewest + 1) ** masks
    if masks * most > MOST_MASKS or ways > MOST_LENGTHS:
        raise InputError(
            f"complete was asked to fill {masks} masks with {fewest} to {most} tokens each, "
            f"{ways} ways, in {masked.asked.name(number)}: {shorten(masked.texts[number])!r}. At "
            f"most {MOST_MASKS} tokens and {MOST_LENGTHS} ways can be searched. Use fewer masks or "
            "another num_tokens, or fill_mask, which answers each mask by itself."
        )
    return list(product(range(fewest, most + 1), repeat=masks))


def _completion(
    tokenizer: Any, masked: MaskedTexts, search: _Search, found: Hypothesis
) -> Completion:
    text = masked.texts[search.text]
    parts = segments_of(text)
    written = ["" for _ in parts]
    done = [0 for _ in parts]
    fills = []
    at = 0
    for (segment, span), length in zip(masked.places[search.text], search.lengths, strict=True):
        first = search.beam.start.open[at]
        at += length
        ids = found.ids[first : first + length]
        written[segment] += parts[segment][done[segment] : span[0]]
        said, joined = _as_text(tokenizer, found.ids[first - 1], ids)
        if joined:
            written[segment] = written[segment].rstrip()
        elif _needs_space(tokenizer, written[segment], said, ids):
            written[segment] += " "
        written[segment] += said
        done[segment] = span[1]
        fills.append(Fill(said, tuple(map(tokenizer.id_to_token, ids)), ids, span, segment))
    whole = [so_far + part[end:] for so_far, part, end in zip(written, parts, done, strict=True)]
    filled = whole[0] if isinstance(text, str) else (whole[0], whole[1])
    return Completion(filled, tuple(fills), found.log_probability)


def _as_text(tokenizer: Any, previous: int, ids: Sequence[int]) -> tuple[str, bool]:
    """Text of tokens as they stand behind another one, and whether they belong to its word."""
    alone = tokenizer.detokenize([previous])
    together = tokenizer.detokenize([previous, *ids])
    if not alone or not together.startswith(alone):
        return tokenizer.detokenize(list(ids)).strip(), False
    rest = together[len(alone) :]
    return rest.strip(), not rest[:1].isspace()


def _needs_space(tokenizer: Any, before: str, said: str, ids: Sequence[int]) -> bool:
    """Whether a text would be read as other tokens than were filled in, without a space there."""
    if not before or before[-1].isspace():
        return False
    (found,) = tokenizer.encode([before + said])
    return found[-len(ids) :] != list(ids)
