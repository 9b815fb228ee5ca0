"""Rows and their masks as the padded arrays a model takes."""

from __future__ import annotations

import numpy as np

from mlmzoo.data.masking import Masks
from mlmzoo.data.rows import TokenRows

Batch = tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]
"""``(x, y, sample_weight)``. With B rows, length L and M mask slots: x holds int32 ``token_ids``
and ``padding_mask`` (1 for a token, 0 for padding) and, where asked for, ``segment_ids``, each of
shape (B, L), and ``mask_positions`` (B, M); y is int32 (B, M), the ids that stood there;
sample_weight is float32 (B, M): the text's weight for a mask, 0 for an empty slot. Empty slots
have position 0 and label 0."""


def frame(
    rows: TokenRows,
    masks: Masks,
    sequence_length: int,
    slots: int,
    *,
    pad_id: int,
    segments: bool = False,
    indices: np.ndarray | None = None,
    batch_size: int | None = None,
    masked_ids: np.ndarray | None = None,
) -> Batch:
    """Lay out rows as one batch of fixed shape.

    Args:
        rows: The texts.
        masks: Their masks.
        sequence_length: L; holds every row.
        slots: M; holds every row's masks.
        pad_id: Id of the padding token.
        segments: Whether to give ``segment_ids``.
        indices: Rows to take, in this order; all by default.
        batch_size: B, where it is more than the rows taken. The rest are empty rows: all padding
            but for one visible position, as attention over nothing is not a number, and of
            weight 0.
        masked_ids: ``masks.apply(rows.ids)``, for a caller that makes many batches.

    Returns:
        See `Batch`.
    """
    indices = np.arange(len(rows)) if indices is None else indices
    if masked_ids is None:
        masked_ids = masks.apply(rows.ids)
    B, L = max(len(indices), batch_size or 0), sequence_length
    begin = rows.offsets[indices]

    source, filled = _grid(begin, rows.offsets[indices + 1], L)
    x = {
        "token_ids": _tall(_picked(masked_ids, source, filled, pad_id, np.int32), B, pad_id),
        "padding_mask": _tall(filled.astype(np.int32), B, 0),
    }
    x["padding_mask"][len(indices) :, 0] = 1
    if segments:
        x["segment_ids"] = _tall(_picked(rows.segments, source, filled, 0, np.int32), B, 0)

    source, filled = _grid(masks.offsets[indices], masks.offsets[indices + 1], slots)
    positions = _picked(masks.positions, source, filled, 0, np.int64) - begin[:, None] * filled
    x["mask_positions"] = _tall(positions.astype(np.int32), B, 0)
    labels = _tall(_picked(masks.labels, source, filled, 0, np.int32), B, 0)
    weights = filled.astype(np.float32)
    if rows.weights is not None:
        weights *= rows.weights[indices, None]
    return x, labels, _tall(weights, B, 0)


def _grid(begin: np.ndarray, stop: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Flat indices of pieces laid out in rows of `width`, and which places they fill."""
    if len(begin) and (stop - begin).max() > width:
        raise ValueError(f"A row has {(stop - begin).max()} items and only {width} places.")
    source = begin[:, None] + np.arange(width)
    return source, source < stop[:, None]


def _picked(
    values: np.ndarray, source: np.ndarray, filled: np.ndarray, empty: int, dtype: type
) -> np.ndarray:
    if not len(values):
        return np.full(source.shape, empty, dtype)
    return np.where(filled, values.take(source, mode="clip"), empty).astype(dtype, copy=False)


def _tall(array: np.ndarray, height: int, empty: int) -> np.ndarray:
    """The array, with rows of `empty` below up to `height` rows."""
    if len(array) == height:
        return array
    result = np.full((height, *array.shape[1:]), empty, array.dtype)
    result[: len(array)] = array
    return result
