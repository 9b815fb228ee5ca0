"""Texts with masks in them: where these stand, and rows in which each becomes several."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from mlmzoo.contract.errors import NoMaskError
from mlmzoo.data.rows import TokenRows, offsets_of
from mlmzoo.tasks.answering import Asked, Text, given, shorten

Place = tuple[int, tuple[int, int]]
"""Segment (0 or 1) and span of characters of a mask token in a text."""


class MaskedTexts:
    """Texts to be filled, each cut at the sequence length somewhere behind its masks.

    Args:
        preprocessor: The task's preprocessor.
        asked: The texts.

    Raises:
        NoMaskError: A text has no mask, or one that the sequence length cuts off.
    """

    def __init__(self, preprocessor: Any, asked: Asked) -> None:
        self.preprocessor = preprocessor
        self.asked = asked
        self.texts: list[Text] = given(asked)
        parts = [asked.first] + ([] if asked.second is None else [asked.second])
        self._ids = [preprocessor.tokenizer.encode(part, "mask") for part in parts]
        """Tokens of all first segments, and of all second ones; nothing added or cut off."""
        self.rows: TokenRows = preprocessor._pack(*self._ids)
        """The texts as rows, each mask one token."""
        mask = preprocessor.tokenizer.mask_token
        self.places = [_places(text, mask) for text in self.texts]
        """The masks of each text, in the order in which they stand in its row."""
        for number, places in enumerate(self.places):
            which = self.asked.name(number).capitalize()
            if not places:
                raise NoMaskError(
                    f"{which} to be filled has no {mask}: {shorten(self.texts[number])!r}. "
                    f"Put {mask} where a token is to be predicted."
                )
            count = len(self.masks_in(self.rows, number))
            if count < len(places):
                raise NoMaskError(
                    f"{which} to be filled has {len(places)} {mask}, and only {count} within the "
                    f"sequence length of {preprocessor.sequence_length} tokens: "
                    f"{shorten(self.texts[number])!r}. Shorten the text before {mask}."
                )

    def segment(self, number: int, segment: int) -> str:
        """One of the texts, or of its two segments."""
        return segments_of(self.texts[number])[segment]

    def masks_in(self, rows: TokenRows, number: int) -> np.ndarray:
        """Places of the mask tokens in one of the rows, from 0."""
        ids = rows.ids[rows.offsets[number] : rows.offsets[number + 1]]
        return np.flatnonzero(ids == self.preprocessor.tokenizer.mask_token_id)

    def tokens_before(self, number: int, mask: int) -> int:
        """How many tokens stand before a mask in its segment, specials that are added aside."""
        segment, _ = self.places[number][mask]
        earlier = sum(other == segment for other, _ in self.places[number][:mask])
        ids = np.asarray(self._ids[segment][number])
        return int(np.flatnonzero(ids == self.preprocessor.tokenizer.mask_token_id)[earlier])

    def expanded(self, numbers: Sequence[int], lengths: Sequence[tuple[int, ...]]) -> TokenRows:
        """Rows of texts whose masks become several, cut at the sequence length as any.

        Args:
            numbers: Which texts, one for each row.
            lengths: For each row, how many tokens each mask of its text becomes.
        """
        mask_id = self.preprocessor.tokenizer.mask_token_id
        segments: list[list[list[int]]] = [[] for _ in self._ids]
        for number, of_text in zip(numbers, lengths, strict=True):
            left = iter(of_text)
            for made, of_texts in zip(segments, self._ids, strict=True):
                made.append(
                    [
                        id
                        for id in of_texts[number]
                        for _ in range(next(left) if id == mask_id else 1)
                    ]
                )
        return self.preprocessor._pack(*segments)


def segments_of(text: Text) -> tuple[str, ...]:
    """A text by itself, or both of a pair."""
    return (text,) if isinstance(text, str) else text


def in_rows(ids: Sequence[np.ndarray], segments: Sequence[np.ndarray]) -> TokenRows:
    """Single rows as `TokenRows`.

    Args:
        ids: int32 of shape ``(L,)`` each: tokens of a row, special ones included.
        segments: int8 of shape ``(L,)`` each.
    """
    lengths = np.fromiter(map(len, ids), np.int64, len(ids))
    return TokenRows(np.concatenate(ids), offsets_of(lengths), np.concatenate(segments))


def _places(text: Text, mask: str) -> list[Place]:
    return [
        (segment, found.span())
        for segment, part in enumerate(segments_of(text))
        for found in re.finditer(re.escape(mask), part)
    ]
