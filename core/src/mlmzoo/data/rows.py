"""Token ids of many texts in one flat array, specials added and cut to the limit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from mlmzoo.contract.errors import InputError

TRUNCATIONS = ("round_robin", "waterfall")


@dataclass(frozen=True)
class TokenRows:
    """N texts as one flat array: row i is ``ids[offsets[i]:offsets[i + 1]]``.

    Args:
        ids: int32 of shape ``(T,)``, special tokens included, no padding.
        offsets: int64 of shape ``(N + 1,)``, ascending from 0 to T.
        segments: int8 of shape ``(T,)``, 0 or 1.
        weights: float32 of shape ``(N,)``, one weight a text, or ``None`` for 1 each.
        words: bool of shape ``(T,)``, whether a word begins at that token; ``None`` where nobody
            asked.
        origins: int64 of shape ``(N,)``: the number of each row's first token among all tokens of
            the data it was taken from, by default ``offsets[:-1]``. Whatever is drawn for a token
            is drawn for that number, so it does not depend on which rows stand together.
    """

    ids: np.ndarray
    offsets: np.ndarray
    segments: np.ndarray
    weights: np.ndarray | None = None
    words: np.ndarray | None = None
    origins: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> np.ndarray:
        """int64 of shape ``(N,)``: tokens in each row, special ones included."""
        return np.diff(self.offsets)

    def part(self, start: int, stop: int) -> TokenRows:
        """Rows ``start:stop``, as data of their own: masks are drawn as if they were all."""
        offsets = self.offsets[start : stop + 1]
        span = slice(offsets[0], offsets[-1])
        return TokenRows(
            self.ids[span],
            offsets - offsets[0],
            self.segments[span],
            None if self.weights is None else self.weights[start:stop],
            None if self.words is None else self.words[span],
        )

    def take(self, indices: np.ndarray) -> TokenRows:
        """The rows at `indices`, in that order."""
        indices = np.asarray(indices, dtype=np.int64)
        begins = self.offsets[indices]
        lengths = self.offsets[indices + 1] - begins  # `self.lengths` would be those of all rows
        offsets = offsets_of(lengths)
        source = np.repeat(begins, lengths) + places(offsets)
        origins = self.offsets[:-1] if self.origins is None else self.origins
        return TokenRows(
            self.ids[source],
            offsets,
            self.segments[source],
            None if self.weights is None else self.weights[indices],
            None if self.words is None else self.words[source],
            origins[indices],
        )


def pack(
    first: Sequence[Sequence[int]],
    second: Sequence[Sequence[int]] | None = None,
    *,
    start: int,
    end: int,
    separators: int = 1,
    limit: int,
    truncate: str = "round_robin",
    weights: np.ndarray | None = None,
) -> TokenRows:
    """Frame token ids with special tokens, cutting each row to `limit` tokens.

    A text becomes ``start text end``, a pair ``start first end*separators second end``; segment
    1 begins with the second text, as in BERT (https://arxiv.org/abs/1810.04805).

    Args:
        first: Token ids of each text, or of each first segment.
        second: Token ids of each second segment, or ``None``.
        start: Id put first, e.g. that of ``[CLS]``.
        end: Id put after a segment, e.g. that of ``[SEP]``.
        separators: How many `end` ids stand between the segments of a pair (RoBERTa: 2).
        limit: Most tokens a row, special ones included.
        truncate: How a pair shares too little room. ``"round_robin"`` hands it out token by
            token in turn, to segments that still have some; ``"waterfall"`` to the first segment
            as much as it needs, the rest to the second.
        weights: One weight a text, or ``None``.

    Raises:
        InputError: `limit` leaves no room beside the special tokens, or `truncate` is unknown.
    """
    if truncate not in TRUNCATIONS:
        raise InputError(
            f"Asked for truncate={truncate!r}; known are {' and '.join(map(repr, TRUNCATIONS))}."
        )
    specials = 2 if second is None else 2 + separators
    room = limit - specials
    if room < 1:
        raise InputError(
            f"Asked for rows of sequence_length {limit}; the special tokens alone take {specials}. "
            f"Give sequence_length at least {specials + 1}."
        )
    a_ids, a_offsets = _flat(first)
    a_keep = np.minimum(np.diff(a_offsets), room)
    if second is None:
        b_ids, b_offsets = np.zeros(0, np.int32), np.zeros(len(first) + 1, np.int64)
        b_keep = np.zeros(len(first), np.int64)
    else:
        b_ids, b_offsets = _flat(second)
        b_length = np.diff(b_offsets)
        if truncate == "round_robin":
            # In turns, the first segment first: it ends with the larger half, or with what the
            # second leaves.
            a_keep = np.minimum(a_keep, np.maximum(room - b_length, (room + 1) // 2))
        b_keep = np.minimum(b_length, room - a_keep)

    offsets = offsets_of(a_keep + b_keep + specials)
    # Everything is `end` but what is written over it.
    ids = np.full(offsets[-1], end, np.int32)
    segments = np.zeros(offsets[-1], np.int8)
    ids[offsets[:-1]] = start
    _copy(a_ids, a_offsets, a_keep, ids, offsets[:-1] + 1)
    if second is not None:
        begin = offsets[:-1] + 1 + a_keep + separators
        _copy(b_ids, b_offsets, b_keep, ids, begin)
        begins = np.repeat(begin, np.diff(offsets))
        segments[np.arange(offsets[-1]) >= begins] = 1
    return TokenRows(ids, offsets, segments, weights)


def pieces(texts: Sequence[Sequence[int]], room: int) -> tuple[list[Sequence[int]], np.ndarray]:
    """Cut long texts into pieces, all but the last of a text full, so that no token is lost.

    Args:
        texts: Token ids of each text.
        room: Tokens a piece.

    Returns:
        The pieces, and for each the number of its text.
    """
    cut = [
        (text[start : start + room], number)
        for number, text in enumerate(texts)
        for start in range(0, max(1, len(text)), room)
    ]
    return [piece for piece, _ in cut], np.asarray([number for _, number in cut], np.int64)


def offsets_of(lengths: np.ndarray) -> np.ndarray:
    """int64 of shape ``(N + 1,)``: where pieces of the given lengths begin and end."""
    offsets = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets


def places(offsets: np.ndarray) -> np.ndarray:
    """int64 of shape ``(T,)``: place of each item within its piece, from 0."""
    return np.arange(offsets[-1]) - np.repeat(offsets[:-1], np.diff(offsets))


def _flat(texts: Sequence[Sequence[int]]) -> tuple[np.ndarray, np.ndarray]:
    offsets = offsets_of(np.fromiter(map(len, texts), np.int64, len(texts)))
    return np.fromiter(chain.from_iterable(texts), np.int32, int(offsets[-1])), offsets


def _copy(
    source: np.ndarray, offsets: np.ndarray, keep: np.ndarray, target: np.ndarray, to: np.ndarray
) -> None:
    """Copy the first `keep` items of each piece of `source` to `to` in `target`."""
    place = places(offsets_of(keep))
    target[np.repeat(to, keep) + place] = source[np.repeat(offsets[:-1], keep) + place]
