"""Rows of similar length together, in few static shapes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from mlmzoo.contract.errors import InputError

MODES = ("length", "fixed")
MULTIPLE = 8
"""Lengths are multiples of this: what vector units and tensor cores like."""
WORTH_A_SHAPE = 8192
"""Slots an epoch that a further shape must save. Compiling one takes XLA about as long as a
small model on two cores needs for two batches of 32 rows of 128 tokens, over a few epochs."""
WORTH_A_SHARE = 0.03
"""Share of the slots that a further shape must save."""


class Group(NamedTuple):
    """Rows that share a batch: their indices and the length they are padded to."""

    indices: np.ndarray
    length: int


class OrderedGroups(NamedTuple):
    """Groups for inference, and the way back.

    ``np.concatenate([answer(group) for group in groups])[back]`` is in input order, where each
    answer has one row for each of its group's indices.
    """

    groups: list[Group]
    back: np.ndarray


def plan(
    lengths: np.ndarray,
    batch_size: int,
    mode: str = "length",
    limit: int = 512,
    *,
    max_shapes: int = 4,
    worth: int = WORTH_A_SHAPE,
) -> tuple[int, ...]:
    """Choose the lengths that batches are padded to.

    With ``"length"``, the lengths that leave the fewest slots over all batches `groups` will
    make, found exactly by dynamic programming; a further length only where it saves at least
    `worth` slots and `WORTH_A_SHARE` of them. With ``"fixed"``, always `limit`.

    Args:
        lengths: Tokens in each row, shape ``(N,)``, none above `limit`.
        batch_size: Rows a batch.
        mode: ``"length"`` or ``"fixed"``.
        limit: Most tokens a row.
        max_shapes: Most lengths to choose.
        worth: Slots (rows times length) that compiling a further shape is worth.

    Returns:
        The lengths, ascending. The last one holds every row.

    Raises:
        InputError: `mode` or `batch_size` makes no sense.
    """
    if mode not in MODES:
        raise InputError(
            f"Asked for batching={mode!r}; known are {' and '.join(map(repr, MODES))}."
        )
    _check_batch_size(batch_size)
    lengths = np.asarray(lengths)
    if mode == "fixed" or not len(lengths):
        return (limit,)
    longest = int(lengths.max())
    if longest > limit:
        raise ValueError(f"A row has {longest} tokens, more than the limit of {limit}.")
    batch_size = min(batch_size, len(lengths))
    top = min(-(-longest // MULTIPLE) * MULTIPLE, limit)
    candidates = [*range(MULTIPLE, top, MULTIPLE), top]
    # Rows too few to fill a batch move up to the next length, so up to a candidate there are as
    # many batches as its rows and all shorter ones fill.
    filled = np.searchsorted(np.sort(lengths), candidates, side="right") // batch_size
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
        cost, chosen = longer, longer_chosen
        further = len(chosen[-1]) - len(shapes)
        saved = best - cost[-1]
        if saved * batch_size >= worth * further and saved > WORTH_A_SHARE * best * further:
            best, shapes = cost[-1], chosen[-1]
    return shapes


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


def groups(
    lengths: np.ndarray,
    shapes: Sequence[int],
    batch_size: int,
    rng: np.random.Generator | None = None,
) -> list[Group]:
    """Put rows into batches of one length each.

    A row goes to the shortest length that holds it. What is left over there after full batches
    moves up to the next one, so there are always ``ceil(N / batch_size)`` batches, all full but
    the last, which is as long as its longest row needs.

    Args:
        lengths: Tokens in each row, shape ``(N,)``.
        shapes: Ascending lengths, see `plan`; the last holds every row.
        batch_size: Rows a batch.
        rng: Shuffles the rows within a length, and the batches. ``None`` keeps the rows of a
            length in order, and the batches from short to long.
    """
    _check_batch_size(batch_size)
    home = np.searchsorted(shapes, lengths)
    if len(home) and home.max() >= len(shapes):
        raise ValueError(f"A row has {lengths.max()} tokens, more than the longest of {shapes}.")
    result: list[Group] = []
    left = np.zeros(0, np.int64)
    for number, length in enumerate(shapes):
        members = np.concatenate([left, np.flatnonzero(home == number)])
        if rng is not None:
            rng.shuffle(members)
        whole = len(members) // batch_size * batch_size
        result += [Group(rows, length) for rows in members[:whole].reshape(-1, batch_size)]
        left = members[whole:]
    if len(left):
        result.append(Group(left, shapes[home[left].max()]))
    if rng is not None:
        result = [result[number] for number in rng.permutation(len(result))]
    return result


def ordered_groups(
    lengths: np.ndarray, batch_size: int, shapes: Sequence[int] | None = None, limit: int = 512
) -> OrderedGroups:
    """Groups for inference: short to long, with the way back to the input order.

    Args:
        lengths: Tokens in each row, shape ``(N,)``.
        batch_size: Rows a batch.
        shapes: Ascending lengths; by default those of ``ladder(limit)``.
        limit: Most tokens a row, where `shapes` is not given.
    """
    made = groups(lengths, ladder(limit) if shapes is None else shapes, batch_size)
    order = np.concatenate([group.indices for group in made]) if made else np.zeros(0, np.int64)
    return OrderedGroups(made, np.argsort(order))


def _check_batch_size(batch_size: int) -> None:
    if batch_size < 1:
        raise InputError(f"Asked for batch_size={batch_size!r}; give at least 1.")
