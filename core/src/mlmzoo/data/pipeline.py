"""Batches for Keras, masked afresh each time round."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np

from mlmzoo.contract.errors import InputError
from mlmzoo.data.batching import Group, groups, plan
from mlmzoo.data.frames import Batch, frame
from mlmzoo.data.masking import MaskingRule, Masks, draw
from mlmzoo.data.rows import TokenRows

MASKS, ORDER = 0, 1
"""Second number of the seeds: masks and order are drawn independently."""
PREFETCHED = 4


class _Round(NamedTuple):
    """One time round the data: its masks and its batches."""

    number: int
    groups: list[Group]
    masks: Masks
    masked_ids: np.ndarray


class MaskedBatches(keras.utils.PyDataset):
    """Masked batches of tokenised texts.

    **For training** (``remask=True``) the data has no end: batch i of a ``fit`` is a function of
    the seed and of i alone, whichever backend asks, in whatever order and how often (Keras peeks
    at the first batch to build a model). Each time round has masks and an order of its own. Give
    `steps_per_epoch` to ``fit``, and ``shuffle=False``.

    **For evaluation** (``remask=False``) it is one round, the same every time.

    Args:
        rows: The texts.
        rule: How to mask them.
        batch_size: B, rows a batch; fewer texts than that make one smaller batch.
        sequence_length: Most tokens a row.
        pad_id: Id of the padding token.
        seed: Non-negative integer.
        segments: Whether batches hold ``segment_ids``.
        mode: ``"length"`` or ``"fixed"``, see `batching.plan`.
        shuffle: Whether texts come in random order.
        remask: Whether each round has masks of its own.
        steps_per_epoch: Batches an epoch; by default once round the data.
        initial_epoch: Epoch to start with, or a function that tells it once training begins
            (a callback may restore a later one). A resumed run gets the batches it would have got.
        shapes: Lengths to use instead of planning them.

    Raises:
        InputError: There are no texts, or a number makes no sense.
    """

    def __init__(
        self,
        rows: TokenRows,
        rule: MaskingRule,
        *,
        batch_size: int,
        sequence_length: int,
        pad_id: int,
        seed: int,
        segments: bool = False,
        mode: str = "length",
        shuffle: bool = True,
        remask: bool = True,
        steps_per_epoch: int | None = None,
        initial_epoch: int | Callable[[], int] = 0,
        shapes: Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        if not len(rows):
            raise InputError("Asked to make batches; found no texts. Give at least one.")
        if steps_per_epoch is not None and steps_per_epoch < 1:
            raise InputError(f"Asked for steps_per_epoch={steps_per_epoch!r}; give at least 1.")
        if seed < 0:
            raise InputError(f"Asked for seed={seed!r}; give an integer that is not negative.")
        planned = plan(rows.lengths, batch_size, mode, sequence_length)
        self.shapes = tuple(shapes) if shapes is not None else planned
        self.batch_size = min(batch_size, len(rows))
        self.seed = seed
        self.shuffle = shuffle
        self.remask = remask
        self.steps_per_epoch = steps_per_epoch or len_in_batches(len(rows), self.batch_size)
        self._rows, self._rule = rows, rule
        self._pad_id, self._segments = pad_id, segments
        self._initial_epoch = initial_epoch
        self._round = self._draw(0) if not remask else None

    def __len__(self) -> int:
        """Batches once round the data."""
        return len_in_batches(len(self._rows), self.batch_size)

    @property
    def num_batches(self) -> int | None:
        """What Keras asks: ``None`` for training, which has no end; else ``len(self)``."""
        return None if self.remask else len(self)

    def __getitem__(self, index: int) -> Batch:
        """Batch `index`, counted from the start of the run. See `frames.Batch`."""
        number, index = divmod(self._start() + index, len(self))
        current = self._round
        if current is None or (self.remask and current.number != number):
            # Two threads may both come here; they draw the same.
            current = self._round = self._draw(number)
        group = current.groups[index]
        return frame(
            self._rows,
            current.masks,
            group.length,
            self._rule.slots(group.length),
            pad_id=self._pad_id,
            segments=self._segments,
            indices=group.indices,
            batch_size=self.batch_size,
            masked_ids=current.masked_ids,
        )

    def _start(self) -> int:
        if not self.remask:
            return 0
        first = self._initial_epoch
        return (first() if callable(first) else first) * self.steps_per_epoch

    def _draw(self, number: int) -> _Round:
        rng = np.random.default_rng([self.seed, number, ORDER]) if self.shuffle else None
        masks = draw(self._rows, self._rule, (self.seed, number, MASKS))
        return _Round(
            number,
            groups(self._rows.lengths, self.shapes, self.batch_size, rng),
            masks,
            masks.apply(self._rows.ids),
        )


def for_keras(dataset: MaskedBatches) -> Any:
    """What to hand to ``fit`` or ``evaluate``.

    On TensorFlow a `tf.data.Dataset` whose signature leaves every dimension open: Keras would
    infer it from the first batches and then refuse other shapes. Elsewhere the data set itself.
    """
    if keras.backend.backend() != "tensorflow":
        return dataset
    import tensorflow as tf

    x, y, weight = dataset[0]
    signature = (
        {name: tf.TensorSpec((None, None), array.dtype) for name, array in x.items()},
        tf.TensorSpec((None, None), y.dtype),
        tf.TensorSpec((None, None), weight.dtype),
    )
    batches = tf.data.Dataset.from_generator(lambda: iter(dataset), output_signature=signature)
    known = dataset.num_batches
    cardinality = tf.data.INFINITE_CARDINALITY if known is None else known
    return batches.apply(tf.data.experimental.assert_cardinality(cardinality)).prefetch(PREFETCHED)


def len_in_batches(rows: int, batch_size: int) -> int:
    """How many batches hold `rows`."""
    return -(-rows // batch_size)
