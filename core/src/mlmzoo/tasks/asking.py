"""Asking a masked LM for the tokens at masks that stand in the texts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from mlmzoo.data.batching import by_length, by_order, ladder
from mlmzoo.data.frames import frame
from mlmzoo.data.in_turn import as_they_stand, masked_in_turn
from mlmzoo.data.masking import Masks
from mlmzoo.data.rows import TokenRows, offsets_of, places
from mlmzoo.tasks.compiling import compiles_every_shape
from mlmzoo.tasks.label_model import label_model

TOKENS_AT_ONCE = 1 << 20
"""Tokens of masked copies of texts that are held at a time."""


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

    def by_row(self) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """Number, positions and logits of each row."""
        ends = np.cumsum(self.counts)[:-1]
        parts = np.split(self.positions, ends), np.split(self.logits, ends)
        return zip(self.rows.tolist(), *parts, strict=True)


def logits_at_masks(task: Any, rows: TokenRows, batch_size: int) -> Iterator[AtMasks]:
    """Logits at the mask tokens in the rows, batch by batch, from short rows to long.

    Args:
        task: The masked LM, with a preprocessor.
        rows: Tokenised texts.
        batch_size: Rows a batch.
    """
    masks = mask_tokens(rows, task.preprocessor.tokenizer.mask_token_id)
    for asked in _framed(task, rows, masks, batch_size):
        logits = np.asarray(task.predict_on_batch(asked.inputs), dtype="float32")
        positions = asked.inputs["mask_positions"][asked.filled]
        yield AtMasks(asked.rows, asked.counts, positions, logits[asked.filled])


def judge(task: Any, rows: TokenRows, masks: Masks, batch_size: int) -> np.ndarray:
    """How the model does on the labels of masks.

    Args:
        task: The masked LM, with a preprocessor.
        rows: Tokenised texts.
        masks: What is hidden in them, and what stood there.
        batch_size: Rows a batch.

    Returns:
        float64 of shape ``(K, 2)``, in the order of the masks: the log-probability of the label,
        and 1 where no token is more probable, else 0.
    """
    model = label_model(task)
    found = np.zeros((len(masks.positions), 2))
    for asked in _framed(task, rows, masks, batch_size):
        values = np.asarray(model.predict_on_batch({**asked.inputs, "labels": asked.labels}))
        begins = masks.offsets[asked.rows]
        ends = offsets_of(asked.counts)
        found[np.repeat(begins, asked.counts) + places(ends)] = values[asked.filled]
    return found


def log_probabilities_in_turn(
    task: Any, rows: TokenRows, chosen: np.ndarray, words: np.ndarray | None, batch_size: int
) -> np.ndarray:
    """Log-probability of each chosen token where it is masked, a row for each.

    Args:
        task: The masked LM, with a preprocessor.
        rows: Tokenised texts, ``T`` tokens in all.
        chosen: bool of shape ``(T,)``.
        words: See `mlmzoo.data.in_turn.masked_in_turn`.
        batch_size: Rows a batch.

    Returns:
        float64, one number for each chosen token, in their order.
    """
    # A text of n tokens becomes up to n rows of n.
    portion = np.cumsum(rows.lengths**2) // TOKENS_AT_ONCE
    begins = np.flatnonzero(np.diff(portion, prepend=-1)).tolist()
    found = []
    for start, stop in zip(begins, [*begins[1:], len(rows)], strict=True):
        span = slice(rows.offsets[start], rows.offsets[stop])
        copies, masks = masked_in_turn(
            rows.part(start, stop),
            chosen[span],
            task.preprocessor.tokenizer.mask_token_id,
            None if words is None else words[span],
        )
        found.append(judge(task, copies, masks, batch_size)[:, 0])
    return np.concatenate(found)


def unmasked_batches(
    task: Any, rows: TokenRows, batch_size: int
) -> Iterator[tuple[np.ndarray, dict[str, np.ndarray]]]:
    """The rows as the backbone takes them, in batches from short rows to long.

    Args:
        task: The task, with a preprocessor.
        rows: Tokenised texts.
        batch_size: Rows a batch.

    Yields:
        int ``(n,)``: which rows these are; and the inputs, of which the first n rows are filled.
    """
    masks = as_they_stand(rows, np.zeros(len(rows.ids), bool))
    names = task.backbone.input
    for asked in _framed(task, rows, masks, batch_size):
        yield asked.rows, {name: asked.inputs[name] for name in names}


class _Framed(NamedTuple):
    """One batch to ask: ``B`` rows of which n are filled, ``M`` mask slots in each.

    Args:
        rows: int ``(n,)``: which rows these are.
        counts: int ``(n,)``: masks in each.
        inputs: What the model takes.
        labels: int32 ``(B, M)``.
        filled: bool ``(B, M)``: the slots that hold a mask.
    """

    rows: np.ndarray
    counts: np.ndarray
    inputs: dict[str, np.ndarray]
    labels: np.ndarray
    filled: np.ndarray


def _framed(task: Any, rows: TokenRows, masks: Masks, batch_size: int) -> Iterator[_Framed]:
    """The rows with their masks in place, in batches from short rows to long."""
    preprocessor = task.preprocessor
    masks_in = np.diff(masks.offsets)
    masked_ids = masks.apply(rows.ids)
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
        inputs, labels, real = frame(
            rows,
            masks,
            length,
            _power_of_two(slots) if compiled else slots,
            pad_id=preprocessor.tokenizer.pad_token_id,
            segments=preprocessor.segments,
            indices=indices,
            batch_size=min(batch_size, _power_of_two(len(indices))) if compiled else None,
            masked_ids=masked_ids,
        )
        filled = np.arange(real.shape[1]) < np.pad(counts, (0, len(real) - len(counts)))[:, None]
        yield _Framed(indices, counts, inputs, labels, filled)


def mask_tokens(rows: TokenRows, mask_id: int) -> Masks:
    """The mask tokens that stand in the rows, as masks to be answered."""
    return as_they_stand(rows, rows.ids == mask_id)


def _power_of_two(n: int) -> int:
    """The next power of two, so that few shapes are compiled."""
    return 1 << max(0, n - 1).bit_length()
