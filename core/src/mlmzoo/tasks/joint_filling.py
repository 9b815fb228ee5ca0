"""All masks of a text filled together: the beam search of `mlmzoo.inference.completing` at work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from mlmzoo.contract.errors import InputError
from mlmzoo.data.numbers import check_count
from mlmzoo.data.rows import TokenRows, offsets_of
from mlmzoo.inference.completing import ORDERS, Beam, CompletedText, Completion, Fill, Hypothesis
from mlmzoo.tasks.answering import Text, shorten
from mlmzoo.tasks.asking import logits_at_masks

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


def complete_rows(
    task: Any,
    texts: Sequence[Text],
    rows: TokenRows,
    places: Sequence[Sequence[tuple[int, tuple[int, int]]]],
    beam: int,
    order: str,
    num_tokens: int | tuple[int, int],
    batch_size: int,
) -> list[CompletedText]:
    """What `MaskedLM.complete` does.

    Args:
        task: The masked LM.
        texts: The texts as they were given.
        rows: Their tokens.
        places: Segment and span of each mask in each text.
        beam: See `MaskedLM.complete`, also for the rest.
        order: Which mask is filled next.
        num_tokens: Tokens a mask.
        batch_size: Rows computed at a time.
    """
    fewest, most = _checked(beam, order, num_tokens)
    searches = []
    for number, text in enumerate(texts):
        start, stop = rows.offsets[number], rows.offsets[number + 1]
        row, segments = rows.ids[start:stop], rows.segments[start:stop]
        for lengths in _lengths(text, len(places[number]), fewest, most):
            searches.append(_search(task, number, text, row, segments, lengths, beam, order))
    while running := [search for search in searches if not search.beam.done]:
        _step(task, running, batch_size)
    found: list[dict[tuple[int, ...], Completion]] = [{} for _ in texts]
    for search in searches:
        for each in search.beam.hypotheses:
            made = _completion(task, texts[search.text], places[search.text], search, each)
            # Masks side by side can share out the same tokens in several ways.
            other = found[search.text].setdefault(each.ids, made)
            if made.score > other.score:
                found[search.text][each.ids] = made
    return [
        CompletedText(text, tuple(sorted(each.values(), key=lambda one: -one.score)[:beam]))
        for text, each in zip(texts, found, strict=True)
    ]


def _checked(beam: int, order: str, num_tokens: Any) -> tuple[int, int]:
    check_count("beam", beam)
    if order not in ORDERS:
        raise InputError(
            f"order={order!r} was asked for. Give one of {', '.join(map(repr, ORDERS))}."
        )
    few = num_tokens if isinstance(num_tokens, tuple | list) else (num_tokens, num_tokens)
    whole = len(few) == 2 and all(type(n) is int for n in few)
    if not whole or not 1 <= few[0] <= few[1]:
        raise InputError(
            f"num_tokens={num_tokens!r} was asked for. Give a number from 1, or the fewest and the "
            "most: (1, 3)."
        )
    return few[0], few[1]


def _lengths(text: Text, masks: int, fewest: int, most: int) -> list[tuple[int, ...]]:
    ways = (most - fewest + 1) ** masks
    if masks * most > MOST_MASKS or ways > MOST_LENGTHS:
        raise InputError(
            f"complete was asked to fill {masks} masks with {fewest} to {most} tokens each, "
            f"{ways} ways: {shorten(text)!r}. At most {MOST_MASKS} tokens and {MOST_LENGTHS} "
            "ways can be searched. Use fewer masks or another num_tokens, or fill_mask, which "
            "answers each mask by itself."
        )
    return list(product(range(fewest, most + 1), repeat=masks))


def _search(
    task: Any,
    number: int,
    text: Text,
    row: np.ndarray,
    segments: np.ndarray,
    lengths: tuple[int, ...],
    beam: int,
    order: str,
) -> _Search:
    mask_id = task.preprocessor.tokenizer.mask_token_id
    repeats = np.ones(len(row), np.int64)
    repeats[row == mask_id] = lengths
    ids = np.repeat(row, repeats)
    limit = task.preprocessor.sequence_length
    if len(ids) > limit:
        raise InputError(
            f"With {lengths} tokens in its masks a text has {len(ids)} tokens, and the sequence "
            f"length is {limit}: {shorten(text)!r}. Shorten it, or give another num_tokens."
        )
    masked = tuple(np.flatnonzero(ids == mask_id).tolist())
    whole = Hypothesis(tuple(ids.tolist()), masked)
    return _Search(number, lengths, np.repeat(segments, repeats), Beam(beam, order, whole))


def _step(task: Any, searches: Sequence[_Search], batch_size: int) -> None:
    """Fill one more mask in every hypothesis of every search."""
    excluded = task.preprocessor.tokenizer.special_token_ids
    asked = [(search, each) for search in searches for each in search.beam.hypotheses]
    rows = TokenRows(
        np.concatenate([np.asarray(each.ids, np.int32) for _, each in asked]),
        offsets_of(np.array([len(each.ids) for _, each in asked])),
        np.concatenate([search.segments for search, _ in asked]),
    )
    noted: list[Any] = [None] * len(asked)
    for answered in logits_at_masks(task, rows, batch_size):
        for row, _, logits in answered.by_row():
            search, hypothesis = asked[row]
            noted[row] = search.beam.extensions(hypothesis, logits, excluded)
    found: dict[int, list[Hypothesis]] = {}
    for (search, _), extended in zip(asked, noted, strict=True):
        found.setdefault(id(search), []).extend(extended)
    for search in searches:
        search.beam.keep(found[id(search)])


def _completion(
    task: Any,
    text: Text,
    places: Sequence[tuple[int, tuple[int, int]]],
    search: _Search,
    found: Hypothesis,
) -> Completion:
    tokenizer = task.preprocessor.tokenizer
    begin = search.beam.start.open
    parts = [text] if isinstance(text, str) else list(text)
    written = ["" for _ in parts]
    done = [0 for _ in parts]
    fills = []
    at = 0
    for (segment, span), length in zip(places, search.lengths, strict=True):
        first = begin[at]
        at += length
        ids = found.ids[first : first + length]
        before = parts[segment][done[segment] : span[0]]
        said, joined = _as_text(tokenizer, found.ids[first - 1], ids)
        written[segment] += before.rstrip() if joined else before
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
