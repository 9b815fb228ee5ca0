"""Which texts share a batch, and how wide its rows are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from mlmzoo.contract.errors import InputError
from mlmzoo.data.numbers import check_count

MODES = ("length", "packed", "fixed")
MULTIPLE = 8
"""Lengths are multiples of this: what vector units and tensor cores like."""
MAX_SHAPES = 4
"""Most lengths where each is compiled."""
WORTH_A_SHAPE = 8192
"""Slots an epoch that a further shape must save. Compiling one takes XLA about as long as a
small model on two cores needs for two batches of 32 rows of 128 tokens, over a few epochs."""
WORTH_A_SHARE = 0.03
"""Share of the slots that a further shape must save."""
PACKED_LENGTH = 128
"""Rows of packed texts are this long, unless a text, the limit or a small batch asks for another
length: wide enough to leave few gaps, and short enough that attention costs little beside the
rest."""
MANY_ROWS = 4
"""Of so many packed rows one more or less is no great matter to the number of texts in a batch."""


class Group(NamedTuple):
    """Texts that share a batch.

    Args:
        indices: Which texts.
        length: Tokens that each row of the batch has room for.
        rows: The row of each text, ascending; ``None`` where each has a row of its own.
    """

    indices: np.ndarray
    length: int
    rows: np.ndarray | None = None


@dataclass(frozen=True)
class Arrangement:
    """All batches of one time round the data: ``K`` batches of ``N`` texts, as a few flat arrays.

    Args:
        texts: Integers ``(N,)``: the texts, those of a batch one after the other.
        begins: Integers ``(K + 1,)``: batch k holds ``texts[begins[k]:begins[k + 1]]``.
        lengths: Integers ``(K,)``: tokens a row.
        order: Integers ``(K,)``: the batch that comes first, second, …; ``None`` keeps them.
        rows: Integers ``(N,)``: the row of each of `texts` in its batch; ``None`` where each text
            has a row of its own.
    """

    texts: np.ndarray
    begins: np.ndarray
    lengths: np.ndarray
    order: np.ndarray | None = None
    rows: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, index: int) -> Group:
        """Batch `index`, in the order in which they come."""
        if not 0 <= index < len(self):
            raise IndexError(index)
        k = index if self.order is None else int(self.order[index])
        span = slice(self.begins[k], self.begins[k + 1])
        rows = None if self.rows is None else self.rows[span]
        return Group(self.texts[span], int(self.lengths[k]), rows)

    def __iter__(self) -> Iterator[Group]:
        return map(self.__getitem__, range(len(self)))


def plan(
    lengths: np.ndarray,
    batch_size: int,
    mode: str = "length",
    limit: int = 512,
    *,
    max_shapes: int = MAX_SHAPES,
    worth: int = WORTH_A_SHAPE,
) -> tuple[int, ...]:
    """Choose the lengths that batches are padded to.

    With ``"length"``, the lengths that leave the fewest slots over all batches that `by_length`
    will make, found exactly by dynamic programming over the histogram of lengths; a further
    length only where it saves at least `worth` slots and `WORTH_A_SHARE` of them. With
    ``"packed"``, one that leaves few gaps, see `PACKED_LENGTH`. With ``"fixed"``, always `limit`.

    Args:
        lengths: Tokens in each text, shape ``(N,)``, none above `limit`.
        batch_size: Rows a batch.
        mode: ``"length"``, ``"packed"`` or ``"fixed"``.
        limit: Most tokens a row.
        max_shapes: Most lengths to choose.
        worth: Slots (rows times length) that compiling a further shape is worth; 0 where nothing
            is compiled, and then every length that saves anything is taken.

    Returns:
        The lengths, ascending. The last one holds every row.

    Raises:
        InputError: `mode` or `batch_size` makes no sense.
    """
    if mode not in MODES:
        raise InputError(f"Asked for batching={mode!r}; known are {', '.join(map(repr, MODES))}.")
    check_batch_size(batch_size)
    lengths = np.asarray(lengths)
    if mode == "fixed" or not len(lengths):
        return (limit,)
    longest = int(lengths.max())
    if longest > limit:
        raise ValueError(f"A row has {longest} tokens, more than the limit of {limit}.")
    top = min(-(-longest // MULTIPLE) * MULTIPLE, limit)
    if mode == "packed":
        return (max(top, min(_packed_length(lengths, batch_size), limit)),)
    batch_size = min(batch_size, len(lengths))
    candidates = [*range(MULTIPLE, top, MULTIPLE), top]
    # Rows too few to fill a batch move up to the next length, so up to a candidate there are as
    # many batches as its rows and all shorter ones fill.
    filled = np.cumsum(np.bincount(lengths, minlength=top + 1))[candidates] // batch_size
    filled[-1] = -(-len(lengths) // batch_size)

    # cost[c]: fewest batch rows x length for all rows up to candidate c, with candidate c chosen.
    cost = np.asarray(candidates) * filled
    chosen: list[tuple[int, ...]] = [(candidate,) for candidate in candidates]
    best, shapes = cost[-1], chosen[-1]
    for _ in range(max_shapes - 1):
        longer, longer_chosen = cost.copy(), list(chosen)
        for c in range(1, len(candidates)):
            totals = cost[:c] + candidates[c] * (filled[c] - filled[:c])
            b = int(totals.argmin())
            if totals[b] < longer[c]:
                longer[c], longer_chosen[c] = totals[b], (*chosen[b], candidates[c])
        if (longer == cost).all():
            break
        cost, chosen = longer, longer_chosen
        further = len(chosen[-1]) - len(shapes)
        saved = best - cost[-1]
        share = WORTH_A_SHARE if worth else 0
        if saved * batch_size >= worth * further and saved > share * best * further:
            best, shapes = cost[-1], chosen[-1]
    return shapes


def _packed_length(lengths: np.ndarray, batch_size: int) -> int:
    """The length of which `batch_size` texts fill some whole rows."""
    tokens = min(batch_size, len(lengths)) * float(lengths.mean())
    rows = -(-tokens // PACKED_LENGTH)
    if rows > MANY_ROWS:
        return PACKED_LENGTH
    return int(-(-tokens // (rows * MULTIPLE))) * MULTIPLE


def ladder(limit: int) -> tuple[int, ...]:
    """Lengths that do not depend on the data: 16, 32, 64, … up to `limit`.

    For inference, where calls with other texts should meet shapes compiled before.
    """
    steps = []
    length = 16
    while length < limit:
        steps.append(length)
        length *= 2
    return (*steps, limit)


def by_length(
    lengths: np.ndarray,
    shapes: Sequence[int],
    batch_size: int,
    rng: np.random.Generator | None = None,
) -> Arrangement:
    """Put texts into batches of one length each, a row a text.

    A text goes to the shortest length that holds it. What is left over there after full batches
    moves up to the next one, so there are always ``ceil(N / batch_size)`` batches, all full but
    the last, which is as long as its longest text needs.

    Args:
        lengths: Tokens in each text, shape ``(N,)``.
        shapes: Ascending lengths, see `plan`; the last holds every text.
        batch_size: Rows a batch.
        rng: Shuffles the texts within a length, and the batches. ``None`` keeps the texts of a
            length in order, and the batches from short to long.
    """
    check_batch_size(batch_size)
    home = _homes(lengths, shapes)
    texts = np.empty(len(lengths), index_type(len(lengths)))
    widths = np.empty(-(-len(lengths) // batch_size), np.int64)
    done = 0
    left = texts[:0]
    for number, length in enumerate(shapes):
        members = np.concatenate([left, np.flatnonzero(home == number).astype(texts.dtype)])
        if rng is not None:
            rng.shuffle(members)
        whole = len(members) // batch_size * batch_size
        texts[done : done + whole] = members[:whole]
        widths[done // batch_size : (done + whole) // batch_size] = length
        done += whole
        left = members[whole:]
    if len(left):
        texts[done:] = left
        widths[-1] = shapes[home[left].max()]
    begins = np.minimum(np.arange(len(widths) + 1) * batch_size, len(texts))
    order = None if rng is None else rng.permutation(len(widths))
    return Arrangement(texts, begins, widths, order)


def by_order(lengths: np.ndarray, batch_size: int) -> Arrangement:
    """Put texts into batches in the order of their lengths, each as long as its longest text.

    For inference where a length costs nothing: no other way leaves less padding.

    Args:
        lengths: Tokens in each text, shape ``(N,)``.
        batch_size: Rows a batch.
    """
    check_batch_size(batch_size)
    texts = np.argsort(lengths, kind="stable")
    begins = np.arange(0, len(texts) + batch_size, batch_size).clip(max=len(texts))
    begins = begins[: -(-len(texts) // batch_size) + 1]
    return Arrangement(texts, begins, np.asarray(lengths)[texts[begins[1:] - 1]])


def _homes(lengths: np.ndarray, shapes: Sequence[int]) -> np.ndarray:
    """Number of the shortest of `shapes` that holds each text, small integers ``(N,)``."""
    longest = int(lengths.max(initial=0))
    if longest > shapes[-1]:
        raise ValueError(f"A row has {longest} tokens, more than the longest of {shapes}.")
    return np.searchsorted(shapes, np.arange(longest + 1)).astype(np.uint16)[lengths]


def index_type(count: int) -> np.dtype:
    """The smallest integers that number `count` texts."""
    return np.dtype(np.int32 if count < 2**31 else np.int64)


def check_batch_size(batch_size: int) -> None:
    """Raise `InputError` where no batch can have this size."""
    check_count("batch_size", batch_size)
