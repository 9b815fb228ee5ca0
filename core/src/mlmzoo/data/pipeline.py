"""Batches for Keras, masked afresh each time round."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from threading import Lock
from typing import Any

import keras
import numpy as np

from mlmzoo.contract.errors import InputError
from mlmzoo.data.batching import (
    MAX_SHAPES,
    WORTH_A_SHAPE,
    Arrangement,
    Group,
    by_length,
    plan,
)
from mlmzoo.data.fingerprint import digest
from mlmzoo.data.frames import Batch, frame
from mlmzoo.data.masking import MaskingRule, draw
from mlmzoo.data.numbers import check_count, check_seed, check_share
from mlmzoo.data.packing import packed
from mlmzoo.data.rows import TokenRows

MASKS, ORDER = 0, 1
"""Second number of the seeds: masks and order are drawn independently."""
BLOCK = 2048
"""Texts that are masked together: many enough for numpy, few enough for the processor's cache."""
RATES = 100
"""Masking rates that a schedule is asked for in a run at least, where there are so many batches."""
PREFETCHED = 4
"""Batches that TensorFlow keeps ready."""


class MaskedBatches(keras.utils.PyDataset):
    """Masked batches of tokenised texts.

    **For training** (``remask=True``) the data has no end: batch i of a ``fit`` is a function of
    the seed and of i alone, whichever backend asks, in whatever order and how often (Keras peeks
    at the first batch to build a model). Each time round has masks and an order of its own. Give
    `steps_per_epoch` to ``fit``, and ``shuffle=False``.

    **For evaluation** (``remask=False``) it is one round, the same every time.

    Batches are made some at a time, and those that come next by a thread beside the caller's.

    Args:
        rows: The texts.
        rule: How to mask them.
        batch_size: B, texts a batch; fewer texts than that make one smaller batch. Packed, a
            batch holds that many on average.
        sequence_length: Most tokens a row.
        pad_id: Id of the padding token.
        seed: Non-negative integer.
        segments: Whether batches hold ``segment_ids``.
        mode: ``"length"``, ``"packed"`` or ``"fixed"``, see `batching.plan`.
        shuffle: Whether texts come in random order.
        remask: Whether each round has masks of its own.
        steps_per_epoch: Batches an epoch; by default once round the data.
        epochs: Epochs of the run, over which `rate_schedule` is spread.
        initial_epoch: Epoch to start with, or a function that tells it once training begins
            (a callback may restore a later one). A resumed run gets the batches it would have got.
        shapes: Lengths to use instead of planning them.
        compiled: Whether the model is compiled anew for each shape. If so there are few lengths,
            each with as many mask slots as a row of it can ever need; if not, as many lengths as
            save anything, and slots for the masks that are there.
        rate_schedule: The share of tokens to mask, from the share of the run that is done (0 to
            1), instead of that of `rule`.

    Raises:
        InputError: There are no texts, none of them has a token to mask, or a number makes no
            sense.
    """

    fault: Exception | None = None
    """What went wrong while a batch was made: TensorFlow tells a story of its own instead."""

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
        epochs: int = 1,
        initial_epoch: int | Callable[[], int] = 0,
        shapes: Sequence[int] | None = None,
        compiled: bool = True,
        rate_schedule: Callable[[float], float] | None = None,
    ) -> None:
        super().__init__()
        if not len(rows):
            raise InputError("Asked to make batches; found no texts. Give at least one.")
        if steps_per_epoch is not None:
            check_count("steps_per_epoch", steps_per_epoch)
        seed = check_seed(seed)
        lengths = rows.lengths.astype(np.int32)
        if shapes is None:
            # Where nothing is compiled, a length costs nothing.
            few = {"max_shapes": MAX_SHAPES, "worth": WORTH_A_SHAPE}
            free = {"max_shapes": sequence_length, "worth": 0}
            shapes = plan(lengths, batch_size, mode, sequence_length, **(few if compiled else free))
        self.shapes = tuple(shapes)
        self.seed = seed
        self.shuffle = shuffle
        self.remask = remask
        self._rows, self._lengths, self._rule, self._mode = rows, lengths, rule, mode
        self._pad_id, self._segments = pad_id, segments
        self._initial_epoch, self._initial_step = initial_epoch, 0
        self.batch_size = min(batch_size, len(rows))
        self._round: tuple[int, Arrangement] = (0, self._arranged(0))
        first = self._round[1]
        self.height = self.batch_size if first.rows is None else int(first.rows.max()) + 1
        self._len = len(first)
        self.steps_per_epoch = steps_per_epoch or self._len
        self._rate = _Rate(rule, rate_schedule, self.steps_per_epoch * epochs)
        _refuse_nothing_to_mask(rows, self._rate.highest)
        self._slots = _slots(self.shapes, first, lengths, self._rate.highest) if compiled else None
        self._per_block = max(1, min(BLOCK // self.batch_size, self._rate.longest))
        self._blocks: dict[int, Future[list[Batch]]] = {}
        self._lock = Lock()
        self._thread = ThreadPoolExecutor(1, "mlmzoo-batches")

    def __len__(self) -> int:
        """Batches once round the data."""
        return self._len

    @property
    def num_batches(self) -> int | None:
        """What Keras asks: ``None`` for training, which has no end; else ``len(self)``."""
        return None if self.remask else len(self)

    def __getitem__(self, index: int) -> Batch:
        """Batch `index`, counted from the start of the run. See `frames.Batch`."""
        index += self._start()
        if not self.remask:
            index %= len(self)
        block, place = divmod(index, self._per_block)
        with self._lock:
            wanted = (block, block + 1)
            made = {number: self._blocks[number] for number in wanted if number in self._blocks}
            for number in wanted:
                if number not in made and (self.remask or number * self._per_block < len(self)):
                    made[number] = self._thread.submit(self._made, number)
            self._blocks = made
        try:
            return made[block].result()[place]
        except Exception as error:
            self.fault = error
            raise

    def epoch(self, number: int = 0) -> Iterator[Batch]:
        """The batches of one time round the data, for a training loop of one's own."""
        start = number * len(self) if self.remask else 0
        return map(self.__getitem__, range(start, start + len(self)))

    def begin_at(self, epoch: int, step: int = 0) -> None:
        """Let the batch that is asked for as the first be one of a later epoch, or within one."""
        self._initial_epoch, self._initial_step = epoch, step

    def texts(self, step: int) -> tuple[np.ndarray, TokenRows]:
        """The texts of a batch for training: their numbers, and their tokens unmasked.

        Args:
            step: Number of the batch, counted from the start of the whole run, resumed or not.
        """
        number, place = divmod(step, len(self))
        indices = self._arranged(number)[place].indices
        return indices, self._rows.take(indices)

    def fingerprint(self) -> dict[str, Any]:
        """What decides which batches come: plain data, the same for the same run only."""
        return {
            "texts": digest(self._rows),
            "masking": repr((self._rule, self._rate.rates, self._pad_id, self._segments)),
            "batch_size": self.batch_size,
            "batching": [self._mode, *self.shapes],
            "shuffle": self.shuffle,
            "steps_per_epoch": self.steps_per_epoch,
            "seed": self.seed,
        }

    def _start(self) -> int:
        if not self.remask:
            return 0
        first = self._initial_epoch
        epoch = first() if callable(first) else first
        return epoch * self.steps_per_epoch + self._initial_step

    def _arranged(self, number: int) -> Arrangement:
        """What stands where in round `number`."""
        rng = np.random.default_rng([self.seed, number, ORDER]) if self.shuffle else None
        if self._mode == "packed":
            return packed(self._lengths, self.shapes[-1], self.batch_size, rng)
        return by_length(self._lengths, self.shapes, self.batch_size, rng)

    def _made(self, block: int) -> list[Batch]:
        """The batches of one block; its last may belong to the next round."""
        start = block * self._per_block
        stop = start + self._per_block
        if not self.remask:
            stop = min(stop, len(self))
        batches: list[Batch] = []
        while start < stop:
            number, first = divmod(start, len(self))
            count = min(stop - start, len(self) - first)
            if self._round[0] != number:
                del self._round  # as large as the next one
                self._round = (number, self._arranged(number))
            batches += self._batches(number, first, count)
            start += count
        return batches

    def _batches(self, number: int, first: int, count: int) -> list[Batch]:
        """Batches ``first : first + count`` of round `number`."""
        groups = [self._round[1][index] for index in range(first, first + count)]
        rows = self._rows.take(np.concatenate([group.indices for group in groups]))
        rule = self._rate.at(number * len(self) + first)
        masks = draw(rows, rule, (self.seed, number, MASKS))
        masked_ids = masks.apply(rows.ids)
        begins = np.cumsum([0, *(len(group.indices) for group in groups)])
        counts = np.diff(masks.offsets)
        return [
            frame(
                rows,
                masks,
                group.length,
                self._slots_of(group, counts[begin : begin + len(group.indices)]),
                pad_id=self._pad_id,
                segments=self._segments,
                indices=np.arange(begin, begin + len(group.indices)),
                place=group.rows,
                batch_size=self.height,
                masked_ids=masked_ids,
            )
            for group, begin in zip(groups, begins[:-1], strict=True)
        ]

    def _slots_of(self, group: Group, counts: np.ndarray) -> int:
        """Mask slots of a batch with so many masks in each of its texts."""
        if self._slots is not None:
            return self._slots[group.length]
        per_row = counts if group.rows is None else np.bincount(group.rows, weights=counts)
        return max(1, int(per_row.max()))


class _Rate:
    """The masking rule at each step of a run."""

    def __init__(
        self, rule: MaskingRule, schedule: Callable[[float], float] | None, steps: int
    ) -> None:
        self.rule, self.schedule, self.steps = rule, schedule, max(1, steps)
        if schedule is not None and not callable(schedule):
            raise InputError(
                f"Asked for mask_rate_schedule={schedule!r}; give a function from the share of the "
                "run that is done, 0 to 1, to the rate. A rate that stays is the preprocessor's "
                "mask_selection_rate."
            )
        rates = [rule.rate]
        if schedule is not None:
            rates = [self._scheduled(i / RATES) for i in range(RATES + 1)]
        self.rates = rates
        self.highest = replace(rule, rate=max(rates))

    @property
    def longest(self) -> int:
        """Most batches that may share a rate."""
        return BLOCK if self.schedule is None else self.steps // RATES

    def at(self, step: int) -> MaskingRule:
        if self.schedule is None:
            return self.rule
        # What the highest rate is was found on a grid, and slots are made for that.
        rate = min(self._scheduled(min(1.0, step / self.steps)), self.highest.rate)
        return replace(self.rule, rate=rate)

    def _scheduled(self, done: float) -> float:
        assert self.schedule is not None
        return check_share(f"mask_rate_schedule({done:.4g})", self.schedule(done))


def _refuse_nothing_to_mask(rows: TokenRows, rule: MaskingRule) -> None:
    """Refuse data without a token to predict: of nothing there is no loss, not even 0."""
    special, weights = rule.is_special, rows.weights
    for start in range(0, len(rows) if rule.rate else 0, BLOCK):
        stop = min(start + BLOCK, len(rows))
        offsets = rows.offsets[start : stop + 1]
        ordinary = ~special.take(rows.ids[offsets[0] : offsets[-1]], mode="clip")
        if weights is not None:
            ordinary &= np.repeat(weights[start:stop] > 0, np.diff(offsets))
        if ordinary.any():
            return
    if not rule.rate:
        found = "a masking rate of 0"
        advice = "Give a mask_selection_rate above 0."
    elif weights is not None and not weights.any():
        found = "that all of them have sample_weight 0"
        advice = "Give some of them more."
    else:
        found = "none that can be: all are empty, special or unknown tokens"
        advice = "Give texts of the language that the tokenizer was trained on."
    raise InputError(f"Asked to mask tokens of {len(rows)} texts; found {found}. {advice}")


def _slots(
    shapes: Sequence[int], arrangement: Arrangement, lengths: np.ndarray, rule: MaskingRule
) -> dict[int, int]:
    """Mask slots a row needs, by the length of rows: what its texts can have at most.

    It depends on the lengths of texts alone, so it is the same in every round.
    """
    # Of each text two tokens at least are special, its first and its last.
    most = rule.most(np.maximum(np.arange(int(lengths.max()) + 1) - 2, 0))
    if arrangement.rows is None:
        return {length: max(1, int(most[: length + 1].max())) for length in shapes}
    per_row = max(
        np.bincount(group.rows, weights=most[lengths[group.indices]]).max()
        for group in arrangement
        if group.rows is not None
    )
    return {shapes[-1]: max(1, int(per_row))}


def for_keras(dataset: MaskedBatches) -> Any:
    """What to hand to ``fit`` or ``evaluate``.

    On TensorFlow a `tf.data.Dataset` whose signature leaves every dimension open: Keras would
    infer it from the first batches and then refuse other shapes. Keep it while batches are taken
    from it: an iterator does not keep the data. Elsewhere the data set itself.
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
    # TensorFlow keeps the function as long as the process lives, so it must not keep the data.
    data: Any = weakref.ref(dataset)
    batches = tf.data.Dataset.from_generator(lambda: iter(data()), output_signature=signature)
    known = dataset.num_batches
    cardinality = tf.data.INFINITE_CARDINALITY if known is None else known
    batches = batches.apply(tf.data.experimental.assert_cardinality(cardinality))
    batches = batches.prefetch(PREFETCHED)
    batches.mlmzoo_data = dataset
    return batches
