"""Words and phrases ranked at a mask: what `MaskedLM.fill_mask` answers to `candidates`."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

import numpy as np

from mlmzoo.contract.errors import InputError
from mlmzoo.inference.filling import MaskAnswer, Phrase, normalisers
from mlmzoo.tasks.answering import shorten
from mlmzoo.tasks.asking import logits_at_masks
from mlmzoo.tasks.masked_texts import MaskedTexts, in_rows

Question = tuple[int, int, str]
"""A candidate at a mask: number of the text, of the mask in it, and the candidate."""
Ids = tuple[int, ...]


def rank_phrases(
    task: Any, masked: MaskedTexts, candidates: Sequence[str], batch_size: int
) -> list[tuple[MaskAnswer, ...]]:
    """The candidates at each mask of each text, best first.

    Args:
        task: The masked LM.
        masked: The texts.
        candidates: Words or phrases.
        batch_size: Rows computed at a time.

    Raises:
        InputError: The tokenizer cannot spell a candidate by itself where the mask stands, or it
            leaves no room for the masks of a text.
    """
    asked = [
        (number, mask, candidate)
        for number, places in enumerate(masked.places)
        for mask in range(len(places))
        for candidate in candidates
    ]
    spelled = _spelled(masked, asked)
    values = _log_probabilities(task, masked, asked, spelled, batch_size)
    name = task.preprocessor.tokenizer.id_to_token
    phrases = (
        Phrase(candidate, tuple(map(name, ids)), ids, value)
        for (_, _, candidate), ids, value in zip(asked, spelled, values.tolist(), strict=True)
    )
    return [
        tuple(
            MaskAnswer(
                position,
                tuple(sorted(islice(phrases, len(candidates)), key=lambda each: -each.score)),
                span,
                segment,
            )
            for position, (segment, span) in zip(
                masked.masks_in(masked.rows, number).tolist(), places, strict=True
            )
        )
        for number, places in enumerate(masked.places)
    ]


def _spelled(masked: MaskedTexts, asked: Sequence[Question]) -> list[Ids]:
    """The tokens that each candidate becomes where it is written in the place of the mask."""
    tokenizer = masked.preprocessor.tokenizer
    written, spans = [], []
    for number, mask, candidate in asked:
        segment, (begin, end) = masked.places[number][mask]
        text = masked.segment(number, segment)
        before, word = text[:begin], candidate.strip()
        if candidate[0].isspace():  # the one before the mask, if there is one
            before = before.rstrip() + " "
        written.append(before + word + text[end:])
        spans.append((len(before), len(before) + len(word)))
    found = []
    encoded = zip(*tokenizer.encode_with_offsets(written, "mask"), strict=True)
    for (number, mask, candidate), text, (begin, end), (ids, offsets) in zip(
        asked, written, spans, encoded, strict=True
    ):
        inside = [i for i, (start, stop) in enumerate(offsets) if start < end and stop > begin]
        chosen = ids[inside[0] : inside[-1] + 1] if inside else []
        which = f"{masked.asked.name(number)}: {shorten(masked.texts[number])!r}"
        if not chosen or not set(tokenizer.special_token_ids).isdisjoint(chosen):
            raise InputError(
                f"The tokenizer cannot spell the candidate {candidate!r} in {which}. It becomes "
                f"{list(map(tokenizer.id_to_token, chosen))}. Leave it out."
            )
        first, last = inside[0], inside[-1]
        beside = (text[offsets[first][0] : begin] + text[end : offsets[last][1]]).strip()
        if beside:
            raise InputError(
                f"The tokenizer joins the candidate {candidate!r} with {beside!r} beside it in "
                f"{which}, so it has no probability of its own there. Put spaces around "
                f"{tokenizer.mask_token}."
            )
        # A token of nothing but the space before the candidate is not there before the mask.
        while first and _is_blank(text, offsets[first - 1]):
            if first <= masked.tokens_before(number, mask):
                break
            first -= 1
        found.append(tuple(ids[first : last + 1]))
    return found


def _is_blank(text: str, span: tuple[int, int]) -> bool:
    return not text[slice(*span)].strip()


def _log_probabilities(
    task: Any,
    masked: MaskedTexts,
    asked: Sequence[Question],
    spelled: Sequence[Ids],
    batch_size: int,
) -> np.ndarray:
    """Log-probability of each candidate, its tokens filled in from left to right; float64.

    Of a text and its masks each row is asked once, whatever candidates it answers.
    """
    expansions: dict[tuple[int, Ids], int] = {}
    numbers = []
    for (number, mask, _), ids in zip(asked, spelled, strict=True):
        lengths = [1] * len(masked.places[number])
        lengths[mask] = len(ids)
        numbers.append(expansions.setdefault((number, tuple(lengths)), len(expansions)))
    expanded = masked.expanded(*zip(*expansions, strict=True))
    opened = [masked.masks_in(expanded, number) for number in range(len(expanded))]

    # What is asked of each row: a place in it, a token, and which candidate that is of.
    wanted: dict[tuple[int, int, Ids], list[tuple[int, int, int]]] = {}
    for question, ((number, mask, candidate), ids) in enumerate(zip(asked, spelled, strict=True)):
        expansion = numbers[question]
        places = opened[expansion]
        if len(places) < len(masked.places[number]) + len(ids) - 1:
            raise InputError(
                f"The candidate {shorten(candidate)!r} becomes {len(ids)} tokens, which leave no "
                f"room for all masks within the sequence length of "
                f"{masked.preprocessor.sequence_length}, in {masked.asked.name(number)}: "
                f"{shorten(masked.texts[number])!r}. Shorten it."
            )
        for done, id in enumerate(ids):
            key = expansion, mask if done else 0, ids[:done]
            wanted.setdefault(key, []).append((int(places[mask + done]), id, question))

    rows, segments = [], []
    for expansion, mask, before in wanted:
        span = slice(expanded.offsets[expansion], expanded.offsets[expansion + 1])
        row = expanded.ids[span].copy()
        row[opened[expansion][mask : mask + len(before)]] = before
        rows.append(row)
        segments.append(expanded.segments[span])

    found = np.zeros(len(asked))
    answers = list(wanted.values())
    for answered in logits_at_masks(task, in_rows(rows, segments), batch_size):
        for number, positions, logits in answered.by_row():
            highest, log_sums = normalisers(logits)
            for place, id, question in answers[number]:
                at = np.searchsorted(positions, place)
                found[question] += logits[at, id] - highest[at] - log_sums[at]
    return found
