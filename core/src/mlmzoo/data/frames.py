"""Rows and their masks as the padded arrays a model takes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mlmzoo.data.masking import Masks
from mlmzoo.data.rows import TokenRows, offsets_of, places

Batch = tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]
"""``(x, y, sample_weight)``. With B rows, length L and M mask slots: x holds int32 ``token_ids``,
``padding_mask`` (the number of the text in its row, from 1; 0 for padding) and, where asked for,
``segment_ids``, each of shape (B, L), and ``mask_positions`` (B, M); y is int32 (B, M), the ids
that stood there; sample_weight is float32 (B, M): the text's weight for a mask, 0 for an empty
slot. Empty slots have position 0 and label 0."""


def frame(
    rows: TokenRows,
    masks: Masks,
    sequence_length: int,
    slots: int,
    *,
    pad_id: int,
    segments: bool = False,
    indices: np.ndarray | None = None,
    place: np.ndarray | None = None,
    batch_size: int | None = None,
    masked_ids: np.ndarray | None = None,
) -> Batch:
    """Lay out texts as one batch of fixed shape.

    Args:
        rows: The texts.
        masks: Their masks.
        sequence_length: L; holds the texts of every row.
        slots: M; holds their masks.
        pad_id: Id of the padding token.
        segments: Whether to give ``segment_ids``.
        indices: Texts to take, in this order; all by default.
        place: The row of the batch that each of them goes to, ascending; those of one row are
            put one behind the other. By default each has a row of its own.
        batch_size: B, where it is more than the rows that are filled. The others are all padding
            but for one visible position, as attention over nothing is not a number, and of
            weight 0.
        masked_ids: ``masks.apply(rows.ids)``, for a caller that makes many batches.

    Returns:
        See `Batch`.
    """
    indices = np.arange(len(rows)) if indices is None else indices
    place = np.arange(len(indices)) if place is None else place
    if masked_ids is None:
        masked_ids = masks.apply(rows.ids)
    L, M = sequence_length, slots
    B = max(int(place[-1]) + 1 if len(place) else 0, batch_size or 0)
    # The first text of each text's row: as `place` ascends, what stands between is in that row.
    first = np.searchsorted(place, place)

    at = _spread(rows.offsets, indices, place, first, L)
    number = np.arange(1, len(indices) + 1) - first
    x = {
        "token_ids": _filled((B, L), at, masked_ids[at.source], pad_id),
        "padding_mask": _filled((B, L), at, np.repeat(number, at.counts), 0),
    }
    unused = np.ones(B, bool)
    unused[place] = False
    x["padding_mask"][unused, 0] = 1
    if segments:
        x["segment_ids"] = _filled((B, L), at, rows.segments[at.source], 0)

    slot = _spread(masks.offsets, indices, place, first, M)
    moved = np.repeat(at.columns - rows.offsets[indices], slot.counts)
    x["mask_positions"] = _filled((B, M), slot, masks.positions[slot.source] + moved, 0)
    labels = _filled((B, M), slot, masks.labels[slot.source], 0)
    weights = np.zeros((B, M), np.float32)
    weights.flat[slot.target] = (
        1 if rows.weights is None else np.repeat(rows.weights[indices], slot.counts)
    )
    return x, labels, weights


class _Spread(NamedTuple):
    """Where pieces of a flat array go in a grid of rows.

    Args:
        counts: Items in each piece.
        columns: Where each piece begins in its row.
        source: Flat index of every item.
        target: Flat index of its place in the grid.
    """

    counts: np.ndarray
    columns: np.ndarray
    source: np.ndarray
    target: np.ndarray


def _spread(
    offsets: np.ndarray, indices: np.ndarray, place: np.ndarray, first: np.ndarray, width: int
) -> _Spread:
    begin = offsets[indices]
    counts = offsets[indices + 1] - begin
    ends = offsets_of(counts)
    columns = ends[:-1] - ends[first]
    needed = int((columns + counts).max(initial=0))
    if needed > width:
        raise ValueError(f"A row has {needed} items and only {width} places.")
    item = places(ends)
    source = np.repeat(begin, counts) + item
    target = np.repeat(place * width + columns, counts) + item
    return _Spread(counts, columns, source, target)


def _filled(shape: tuple[int, int], at: _Spread, values: np.ndarray, empty: int) -> np.ndarray:
    result = np.full(shape, empty, np.int32)
    result.flat[at.target] = values
    return result
