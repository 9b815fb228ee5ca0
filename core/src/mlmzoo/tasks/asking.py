"""Asking a masked LM for the tokens at masks that stand in the texts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from mlmzoo.data.batching import by_length, by_order, ladder
from mlmzoo.data.frames import frame
from mlmzoo.data.masking import Masks
from mlmzoo.data.rows import TokenRows, offsets_of
from mlmzoo.tasks.compiling import compiles_every_shape


class AtMasks(NamedTuple):
    """What the model says of one batch of n rows that have T masks in all.

    Args:
        rows: int of shape ``(n,)``: which rows these are.
        counts: int of shape ``(n,)``: masks in each.
        positions: int of shape ``(T,)``: places of the masks in their rows, row after row.
        logits: float32 of shape ``(T, V)``.
    """

    rows: np.ndarray
    counts: np.ndarray
    positions: np.ndarray
    logits: np.ndarray


def logits_at_masks(task: Any, rows: TokenRows, batch_size: int) -> Iterator[AtMasks]:
    """Logits at the mask tokens in the rows, batch by batch, from short rows to long.

    Args:
        task: The masked LM, with a preprocessor.
        rows: Tokenised texts.
        batch_size: Rows a batch.
    """
    preprocessor = task.preprocessor
    tokenizer = preprocessor.tokenizer
    masks = mask_tokens(rows, tokenizer.mask_token_id)
    masks_in = np.diff(masks.offsets)
    fixed = preprocessor.batching == "fixed"
    limit = preprocessor.sequence_length
    compiled = compiles_every_shape(task)
    if fixed or compiled:
        made = by_length(rows.lengths, (limit,) if fixed else ladder(limit), batch_size)
    else:
        made = by_order(rows.lengths, batch_size)
    for indices, length, _ in made:
        counts = masks_in[indices]
        slots = max(1, int(counts.max()))
        inputs, _, real = frame(
            rows,
            masks,
            length,
            _power_of_two(slots) if compiled else slots,
            pad_id=tokenizer.pad_token_id,
            segments=preprocessor.segments,
            indices=indices,
            batch_size=min(batch_size, _power_of_two(len(indices))) if compiled else None,
            masked_ids=rows.ids,  # the masks are in the rows already
        )
        logits = np.asarray(task.predict_on_batch(inputs), dtype="float32")
        filled = np.arange(real.shape[1]) < np.pad(counts, (0, len(real) - len(counts)))[:, None]
        yield AtMasks(indices, counts, inputs["mask_positions"][filled], logits[filled])


def mask_tokens(rows: TokenRows, mask_id: int) -> Masks:
    """The mask tokens that stand in the rows, as masks to be answered."""
    found = rows.ids == mask_id
    positions = np.flatnonzero(found)
    before = offsets_of(found)
    ids = rows.ids[positions]
    return Masks(positions, ids, ids, before[rows.offsets])


def _power_of_two(n: int) -> int:
    """The next power of two, so that few shapes are compiled."""
    return 1 << max(0, n - 1).bit_length()
