"""The weight table at work: rows filled in, tensors loaded into variables, variables stored.

A row names one variable in our model, in a KerasHub file and in a transformers state dict. Our
kernels are plain ``(in, out)`` matrices; KerasHub splits the axis of the attention heads in two,
which keeps the order in memory, and transformers stores the transpose.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import ml_dtypes
import numpy as np

from mlmzoo.contract.errors import PresetFormatError, WeightsError
from mlmzoo.contract.records import Checkpoint, Weight
from mlmzoo.presets.tensors import Tensors

KINDS: dict[str, dict[str, str]] = {
    "same": {"keras": "same", "transformers": "same"},
    "kernel": {"keras": "same", "transformers": "transposed"},
    "attention_kernel": {"keras": "heads_last", "transformers": "transposed"},
    "attention_bias": {"keras": "heads_last", "transformers": "same"},
    "attention_output": {"keras": "heads_first", "transformers": "transposed"},
}
"""`Weight.kind` -> layout -> how that layout stores the variable.

With ``H`` heads of width ``d``: ``"heads_last"`` makes ``(D, H*d)`` to ``(D, H, d)`` and
``(H*d,)`` to ``(H, d)``, ``"heads_first"`` makes ``(H*d, D)`` to ``(H, d, D)``.
"""

BLOCK_BYTES = 4 * 2**20
"""Size of a row block: large enough for the disk, and several of them, as a backend that works
behind Python's back holds, are small beside any model."""

BLOCKS_READ_WHOLE = 4
"""A tensor of up to so many blocks is read and assigned whole, which needs no writing in place."""

WHOLE_BYTES = 64 * 2**20
"""A transposed tensor up to this size is read whole; its rows lie scattered in the file."""

REPEATS = 1000
"""More repeated blocks than this in a config are an error, not a model."""

SHOWN = 5
"""Number of offending weights named in one error."""


class Target(Protocol):
    """A variable to load into."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Its shape."""
        ...

    def assign(self, start: int, block: np.ndarray) -> None:
        """Set rows ``start:start + len(block)`` of axis 0; float32, contiguous. A scalar is
        given whole, with `start` 0.
        """
        ...


@dataclass(frozen=True)
class Outcome:
    """What one load did.

    Args:
        loaded: Our paths of the variables that were assigned.
        missing: Our paths of optional variables that the checkpoint lacks.
        unexpected: Names of tensors in the checkpoint that nothing here takes.
        not_finite: Our paths of variables that were given NaN or infinite values.
    """

    loaded: tuple[str, ...]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    not_finite: tuple[str, ...] = ()


def expand(checkpoint: Checkpoint, config: Mapping[str, Any], part: str) -> list[Weight]:
    """The rows of a table with every placeholder filled.

    Args:
        checkpoint: The family's table.
        config: Backbone constructor arguments, which say how often blocks repeat.
        part: ``"backbone"`` or ``"head"``.

    Raises:
        PresetFormatError: A repeat count in `config` is missing or absurd.
    """
    rows = checkpoint.backbone if part == "backbone" else checkpoint.head
    repeats = []
    for argument in checkpoint.loops.values():
        count = config.get(argument)
        if type(count) is not int or not 0 <= count <= REPEATS:
            raise PresetFormatError(
                f"The config's {argument!r} must be a whole number up to {REPEATS}, "
                f"and is {count!r:.100}. Correct the preset's config.json."
            )
        repeats.append(range(count))
    if (blocks_wanted := math.prod(map(len, repeats))) > REPEATS:
        raise PresetFormatError(
            f"The config's {' and '.join(map(repr, checkpoint.loops.values()))} ask for "
            f"{blocks_wanted} blocks; a model has at most {REPEATS}. Correct the preset's "
            "config.json."
        )
    blocks = [
        dict(zip(checkpoint.loops, indices, strict=True)) | {"_": f"_{n}" if n else ""}
        for n, indices in enumerate(itertools.product(*repeats))
    ]
    expanded: list[Weight] = []
    for row in rows:
        if "{" not in row.ours:
            expanded.append(row)
            continue
        expanded.extend(
            replace(
                row,
                ours=row.ours.format(**block),
                keras=row.keras.format(**block),
                transformers=row.transformers.format(**block),
            )
            for block in blocks
        )
    return expanded


def stored_name(row: Weight, layout: str) -> str:
    """What a layout calls the variable of a row."""
    return row.keras if layout == "keras" else row.transformers


def stored_shape(
    row: Weight, layout: str, shape: Sequence[int], heads: int | None
) -> tuple[int, ...]:
    """Shape in which a layout stores a variable.

    Args:
        row: Its row in the table.
        layout: ``"keras"`` or ``"transformers"``.
        shape: Its shape in our model.
        heads: Number of attention heads, for the kinds that split them.

    Raises:
        WeightsError: The heads are needed, and `heads` does not divide them.
    """
    shape = tuple(shape)
    form = KINDS[row.kind][layout]
    if skipped := _skipped(row, layout):
        shape = (shape[0] + skipped, *shape[1:])
    if form == "same":
        return shape
    if form == "transposed":
        return shape[::-1]
    axis = len(shape) - 1 if form == "heads_last" else 0
    if not heads or shape[axis] % heads:
        raise WeightsError(
            f"{row.ours} of shape {shape} was to be split into {heads} attention heads, which does "
            "not come out even. Check the number of heads in the config."
        )
    return (*shape[:axis], heads, shape[axis] // heads, *shape[axis + 1 :])


def store(row: Weight, layout: str, value: np.ndarray, heads: int | None) -> np.ndarray:
    """A variable's value as a layout stores it. A view where possible.

    Args:
        row: Its row in the table.
        layout: ``"keras"`` or ``"transformers"``.
        value: Its value in our model.
        heads: Number of attention heads, for the kinds that split them.
    """
    if skipped := _skipped(row, layout):
        value = np.concatenate([np.zeros((skipped, *value.shape[1:]), value.dtype), value])
    if KINDS[row.kind][layout] == "transposed":
        return value.T
    return value.reshape(stored_shape(replace(row, skip_rows=0), layout, value.shape, heads))


def _skipped(row: Weight, layout: str) -> int:
    """Leading rows that this layout has and we do not."""
    return row.skip_rows if layout == "transformers" else 0


def _folded(row: Weight, layout: str) -> str:
    """Name of the tensor whose first row this layout adds to the variable, or none."""
    return row.folded if layout == "transformers" else ""


def require_names(rows: Iterable[Weight], tensors: Tensors, layout: str) -> None:
    """See that a checkpoint has a tensor for every row that needs one.

    Raises:
        WeightsError: One is missing.
    """
    names = tensors.names()
    stored = {row.ours: stored_name(row, layout) for row in rows if not row.optional}
    _refuse([path for path, name in stored.items() if name not in names], [], stored, names)


def require(
    rows: Sequence[Weight],
    tensors: Tensors,
    shapes: Callable[[], Mapping[str, Sequence[int]]],
    layout: str,
    heads: int | None = None,
) -> None:
    """See that a checkpoint fits an architecture, before a model is built for it.

    Args:
        rows: Rows of the table, expanded.
        tensors: The checkpoint, under the table's names.
        shapes: Gives our path -> shape of the architecture's variables. Called when no name is
            missing.
        layout: ``"keras"`` or ``"transformers"``.
        heads: Number of attention heads; stored heads are checked against it.

    Raises:
        WeightsError: As `load`.
    """
    require_names(rows, tensors, layout)
    wanted = shapes()
    plan, missing = _plan(rows, tensors, wanted, layout, heads)
    present = sum(math.prod(wanted[row.ours]) for row, _ in plan)
    afresh = sum(math.prod(wanted[path]) for path in missing)
    if afresh > present:
        raise WeightsError(
            f"The weights lack {', '.join(missing[:SHOWN])}, which are optional, and with "
            f"{afresh} values more than the {present} that are there. Check that the config "
            "belongs to the checkpoint."
        )


def load(
    rows: Iterable[Weight],
    tensors: Tensors,
    targets: Mapping[str, Target],
    layout: str,
    heads: int | None = None,
) -> Outcome:
    """Assign a checkpoint's tensors to variables, large ones in row blocks.

    Everything is checked before anything is assigned.

    Args:
        rows: Rows of the table, expanded.
        tensors: The checkpoint, under the table's names.
        targets: Our path -> variable, exactly those of `rows` (optional ones may be absent).
        layout: ``"keras"`` or ``"transformers"``.
        heads: Number of attention heads; stored heads are checked against it.

    Raises:
        WeightsError: A tensor is missing, of another shape or not of a float type; or the model
            and the table name different variables.
    """
    rows = list(rows)
    shapes = {path: target.shape for path, target in targets.items()}
    plan, missing = _plan(rows, tensors, shapes, layout, heads)
    not_finite: dict[str, None] = {}
    for row, name in plan:
        target = targets[row.ours]
        for start, stored in _blocks(row, name, tensors, tuple(target.shape), layout):
            block = np.ascontiguousarray(stored, dtype=np.float32)
            if not all_finite(block):
                not_finite[row.ours] = None
            target.assign(start, block)
    known = {stored_name(row, layout) for row in rows} | {_folded(row, layout) for row in rows}
    return Outcome(
        loaded=tuple(row.ours for row, _ in plan),
        missing=tuple(missing),
        unexpected=tuple(sorted(tensors.names() - known)),
        not_finite=tuple(not_finite),
    )


def all_finite(block: np.ndarray) -> bool:
    """Whether no value of an array is NaN or infinite."""
    flat = block.ravel()
    # A sum of squares, which takes no memory, is finite only where all are; seldom is it too large.
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(np.dot(flat, flat)) or np.isfinite(flat).all())


def _plan(
    rows: Sequence[Weight],
    tensors: Tensors,
    shapes: Mapping[str, Sequence[int]],
    layout: str,
    heads: int | None,
) -> tuple[list[tuple[Weight, str]], list[str]]:
    """What to read for which row, and the optional rows that are missing; or one error."""
    names = tensors.names()
    plan: list[tuple[Weight, str]] = []
    missing: list[str] = []
    absent: list[str] = []
    wrong: list[str] = []
    for row in rows:
        name = stored_name(row, layout)
        folded = _folded(row, layout)
        if row.ours not in shapes:
            if not row.optional:
                wrong.append(f"{row.ours} is in the family's table and not in the model")
        elif name not in names:
            (missing if row.optional else absent).append(row.ours)
        elif folded and folded not in names:
            wrong.append(f"{row.ours}: {folded!r}, to be added to it, is missing")
        elif fault := _mismatch(row, tensors, shapes[row.ours], layout, heads):
            wrong.append(fault)
        else:
            plan.append((row, name))
    untold = sorted(set(shapes) - {row.ours for row in rows})
    wrong.extend(f"{path} is in the model and not in the family's table" for path in untold)
    _refuse(absent, wrong, {row.ours: stored_name(row, layout) for row in rows}, names)
    return plan, missing


def _mismatch(
    row: Weight, tensors: Tensors, shape: Sequence[int], layout: str, heads: int | None
) -> str | None:
    name = stored_name(row, layout)
    found, dtype = tensors.shape(name), tensors.dtype(name)
    if dtype.kind != "f" and dtype != ml_dtypes.bfloat16:
        return f"{row.ours}: {name!r} is stored as {dtype}, not as floating-point numbers"
    if heads is None and KINDS[row.kind][layout].startswith("heads"):
        same = len(found) == len(shape) + 1 and math.prod(found) == math.prod(shape)
        wanted: Any = f"{tuple(shape)} split into heads"
    else:
        wanted = stored_shape(row, layout, shape, heads)
        same = found == wanted
    if same and (folded := _folded(row, layout)):
        name, found, wanted = folded, tensors.shape(folded), (1, *shape[1:])
        same = len(found) == len(wanted) and found[0] >= 1 and found[1:] == wanted[1:]
    return None if same else f"{row.ours}: {name!r} has shape {found}, wanted is {wanted}"


def _refuse(
    absent: Sequence[str], wrong: Sequence[str], stored: Mapping[str, str], names: set[str]
) -> None:
    """Raise one error for everything that is missing or wrong."""
    faults = [f"{path}: {stored[path]!r} is missing" for path in absent] + list(wrong)
    if not faults:
        return
    more = f"; and {len(faults) - SHOWN} more" if len(faults) > SHOWN else ""
    raise WeightsError(
        f"The weights do not fit the architecture: {'; '.join(faults[:SHOWN])}{more}. "
        f"The checkpoint holds {len(names)} tensors. Check that its config belongs to it, and "
        "that the arguments you passed do not change shapes; `load_weights=False` takes the "
        "architecture only."
    )


def _blocks(
    row: Weight, name: str, tensors: Tensors, shape: tuple[int, ...], layout: str
) -> Iterator[tuple[int, np.ndarray]]:
    """A tensor in our shape, in blocks of rows: (first row, block)."""
    if folded := _folded(row, layout):
        first = tensors.read(folded, 0, 1).astype(np.float32)
        for start, block in _blocks(replace(row, folded=""), name, tensors, shape, layout):
            yield start, block + first
        return
    transposed = KINDS[row.kind][layout] == "transposed" and len(shape) > 1
    skipped = _skipped(row, layout)
    itemsize = tensors.dtype(name).itemsize
    size = math.prod(shape) * itemsize
    # Blocks of rows can be read where the rows of our variable are those of the file.
    aligned = bool(shape) and tensors.shape(name)[0] == shape[0] + skipped and not transposed
    small = BLOCKS_READ_WHOLE * BLOCK_BYTES
    if size <= small or not (aligned or (transposed and size > WHOLE_BYTES)):
        whole = tensors.read(name, skipped)
        yield 0, whole.T if transposed else whole.reshape(shape)
        return
    limit = WHOLE_BYTES if transposed else BLOCK_BYTES
    step = max(1, limit * shape[0] // size)
    for start in range(0, shape[0], step):
        stop = min(start + step, shape[0])
        if transposed:
            yield start, _columns(name, tensors, start, stop)
        else:
            block = tensors.read(name, start + skipped, stop + skipped)
            yield start, block.reshape(stop - start, *shape[1:])


def _columns(name: str, tensors: Tensors, start: int, stop: int) -> np.ndarray:
    """Columns ``start:stop`` of a stored matrix, transposed, never holding all of it."""
    rows, columns = tensors.shape(name)
    step = max(1, BLOCK_BYTES // (columns * tensors.dtype(name).itemsize))
    parts = [tensors.read(name, at, at + step)[:, start:stop].copy() for at in range(0, rows, step)]
    return np.concatenate(parts).T
