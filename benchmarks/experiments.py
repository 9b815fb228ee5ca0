"""What is run: each experiment is one job that several contestants do in turns."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import flops, work
from benchmarks.rows import BFLOAT16, KERAS_HUB, NAMES, OURS, TRANSFORMERS, Row
from benchmarks.sizes import Sizes

SEEDS = 3
FAMILIES = {"full": "Bert", "bfloat16": "Bert", "deberta": "DebertaV3", "fnet": "FNet"}
WITHOUT_HEADS = "FNet"


class Part(NamedTuple):
    """Who takes part: a library on a backend, in some numerics."""

    library: str
    backend: str
    dtype: str = "float32"

    def __str__(self) -> str:
        return f"{NAMES[self.library]} {self.backend}" + (
            f" {self.dtype}" if self.dtype != "float32" else ""
        )


@dataclass(frozen=True)
class Experiment:
    """One experiment, ready to run.

    Args:
        name: As rows name it.
        parts: Its contestants.
        job: Which job of theirs, or `None` for `commands`.
        work_for: What to tell each of them.
        units: Lines (or texts, or rows) that each one's slice has.
        operations: What a slice of theirs needs, see `benchmarks.flops`; 0 where nobody trains.
        fresh: Whether every turn needs a process of its own.
        rounds: How often; as the run says where `None`.
        seeds: Whether turns have seeds.
        weights: Bytes of the weights that are loaded.
    """

    name: str
    parts: tuple[Part, ...]
    job: str | None
    work_for: Callable[[Part], dict[str, Any]] = lambda part: {}
    units: Callable[[Part], int] = lambda part: 1
    operations: Callable[[Part], float] = lambda part: 0.0
    fresh: bool = False
    rounds: int | None = None
    seeds: bool = False
    weights: int = 0


def plan(
    rows: Iterable[Row],
    backends: tuple[str, ...],
    directory: Path,
    sizes: Sizes,
    whole: bool,
    smoke: bool,
) -> list[Experiment]:
    """The experiments that rows need, their work written to files."""
    rows = list(rows)
    names = dict.fromkeys(row.experiment for row in rows)
    _write_checkpoints(names, backends[0], directory, sizes, smoke)
    return [
        MAKERS[name](
            name, _parts([r for r in rows if r.experiment == name], backends), directory, sizes,
            whole, smoke,
        )
        for name in names
    ]  # fmt: skip


def _parts(rows: list[Row], backends: tuple[str, ...]) -> tuple[Part, ...]:
    peers = set().union(*(row.peers() for row in rows))
    parts = [Part(OURS, backend) for backend in backends]
    if KERAS_HUB in peers:
        parts += [Part(KERAS_HUB, backend) for backend in backends]
    if TRANSFORMERS in peers:
        parts.append(Part(TRANSFORMERS, "torch"))
    parts += [Part(OURS, b, BFLOAT16) for b in backends if any(r.dtype == BFLOAT16 for r in rows)]
    return tuple(parts)


def _write_checkpoints(
    names: Iterable[str], backend: str, directory: Path, sizes: Sizes, smoke: bool
) -> None:
    makes: dict[str, tuple[str, Any]] = {
        "load": ("loaded", sizes.loaded),
        "recorded": ("recorded", sizes.recorded),
        "fill-mask": ("filled", None),
        "score": ("filled", None),
        "quality": ("adapted", None),
    }
    if smoke:
        makes |= {"lines": ("short", sizes.backbone), "pipeline": ("short", sizes.backbone)}
        makes |= {"fill-mask": ("short", sizes.backbone), "score": ("short", sizes.backbone)}
    wanted = dict(makes[name] for name in names if name in makes)
    if not wanted:
        return
    import json

    command = [sys.executable, "-m", "benchmarks.checkpoints", str(directory), json.dumps(wanted)]
    environment = {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(command, cwd=work.ROOT, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"Writing the checkpoints {list(wanted)} failed:\n{done.stderr[-3000:]}")


def slots(length: int) -> int:
    """Mask slots a row of this length can need, what keras-hub is given: 25 of 128, 77 of 512."""
    return max(round(work.MASK_RATE * length), min(25, length // 2))


# One function an experiment ----------------------------------------------------------------------


def _lines(
    name: str, parts: tuple[Part, ...], directory: Path, sizes: Sizes, whole: bool, smoke: bool
) -> Experiment:
    checkpoint = directory / "short" if smoke else work.minilm()
    texts = dict(zip(("ours", "peer"), work.short_lines(sizes, whole), strict=True))
    files = {
        who: work.write_lines(directory / "lines" / f"{who}.json", lines)
        for who, lines in texts.items()
    }
    minilm = {**sizes.backbone} if smoke else {
        "vocabulary_size": 30522, "num_layers": 6, "hidden_dim": 384, "intermediate_dim": 1536
    }  # fmt: skip

    def side(part: Part) -> str:
        return "ours" if part.library == OURS else "peer"

    def operations(part: Part) -> float:
        tokens = work.lengths(texts[side(part)], sizes.limit)
        masked = sum(max(1.0, work.MASK_RATE * (length - 2)) for length in tokens)
        return flops.training("Bert", minilm, tokens, masked, len(tokens) // sizes.batch)

    return Experiment(
        name,
        parts,
        "lines",
        lambda part: {
            "checkpoint": str(checkpoint),
            "lines": files[side(part)],
            "limit": sizes.limit,
            "batch": sizes.batch,
            "slots": slots(sizes.limit),
        },
        lambda part: len(texts[side(part)]),
        operations,
    )


def _steps(
    name: str, parts: tuple[Part, ...], directory: Path, sizes: Sizes, whole: bool, smoke: bool
) -> Experiment:
    family, count = FAMILIES[name], sizes.steps[name] * sizes.rows
    settings = {k: v for k, v in sizes.backbone.items() if k != "num_heads" or family != "FNet"}
    rows = work.full_rows(directory / name / "rows.npz", count, sizes)
    masked = round(work.MASK_RATE * (sizes.length - 2)) * count
    needed = flops.training(family, settings, [sizes.length] * count, masked, sizes.steps[name])
    return Experiment(
        name,
        parts,
        "steps",
        lambda part: {
            "family": family,
            "settings": settings,
            "dtype": part.dtype,
            "rows": rows,
            "batch": sizes.rows,
        },
        lambda part: count,
        lambda part: needed,
    )


def _pipeline(
    name: str, parts: tuple[Part, ...], directory: Path, sizes: Sizes, whole: bool, smoke: bool
) -> Experiment:
    texts = work.shuffled(work.verses(), 10)[: sizes.pipeline_lines]
    given = {
        "checkpoint": str(directory / "short" if smoke else work.minilm()),
        "lines": work.write_lines(directory / "pipeline" / "lines.json", texts),
        "limit": sizes.limit,
        "batch": sizes.batch,
        "slots": slots(sizes.limit),
    }
    return Experiment(name, parts, "pipeline", lambda part: given, lambda part: len(texts))


def _load(
    name: str, parts: tuple[Part, ...], directory: Path, sizes: Sizes, whole: bool, smoke: bool
) -> Experiment:
    files = directory / ("loaded" if name == "load" else "recorded")
    given = {"preset": str(files / "preset"), "small": str(files / "small")}
    weights = list((files / "preset").rglob("*.h5"))
    for path in weights:
        path.read_bytes()  # a warm disk
    return Experiment(
        name,
        parts,
        "load" if name == "load" else "load_backbone",
        lambda part: given,
        fresh=True,
        rounds=None if name == "load" else 1,
        weights=sum(path.stat().st_size for path in weights),
    )


def _start_up(
    name: str, parts: tuple[Part, ...], directory: Path, sizes: Sizes, whole: bool, smoke: bool
) -> Experiment:
    return Experiment(name, _on_one_backend(parts), None)


def run_command(part: Part) -> dict[str, Any]:
    """Seconds of a whole process: our list of presets, or the import of a peer."""
    arguments = ["-m", "mlmzoo", "presets"] if part.library == OURS else ["-c", "import keras_hub"]
    environment = {**os.environ, "KERAS_BACKEND": part.backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, check=True)
    return {"seconds": time.perf_counter() - start}


def _fill_mask(
    name: str, parts: tuple[Part, ...], directory: Path, sizes: Sizes, whole: bool, smoke: bool
) -> Experiment:
    texts = work.texts_with_a_mask(sizes.masked_texts)
    return _asked(name, parts, directory, sizes, smoke, "fill_mask", texts)


def _score(
    name: str, parts: tuple[Part, ...], directory: Path, sizes: Sizes, whole: bool, smoke: bool
) -> Experiment:
    texts = work.texts_to_score(sizes.scored_texts)
    return _asked(name, parts, directory, sizes, smoke, "score", texts)


def _asked(
    name: str,
    parts: tuple[Part, ...],
    directory: Path,
    sizes: Sizes,
    smoke: bool,
    job: str,
    texts: list[str],
) -> Experiment:
    """Something that a trained model is asked about each text."""
    given = {
        "checkpoint": str(directory / ("short" if smoke else "filled")),
        "texts": work.write_lines(directory / name / "texts.json", texts),
        "batch": sizes.batch,
    }
    return Experiment(name, parts, job, lambda part: given, lambda part: len(texts))


def _quality(
    name: str, parts: tuple[Part, ...], directory: Path, sizes: Sizes, whole: bool, smoke: bool
) -> Experiment:
    texts, held_out = work.reference()
    texts = texts[: sizes.adapted_lines]
    checkpoints = {layout: directory / "adapted" / layout for layout in ("keras", "transformers")}
    limit = min(sizes.limit, 128)
    lines = work.write_lines(directory / "quality" / "lines.json", texts)
    batches = work.held_out_batches(
        directory / "quality" / "held_out.npz", held_out, checkpoints["transformers"], limit
    )

    def given(part: Part) -> dict[str, Any]:
        layout = "transformers" if part.library == TRANSFORMERS else "keras"
        return {
            "checkpoint": str(checkpoints[layout]),
            "lines": lines,
            "held_out": batches,
            "limit": limit,
            "batch": sizes.batch,
            "epochs": sizes.epochs,
            "slots": slots(limit),
        }

    return Experiment(
        name,
        _on_one_backend(parts),
        "quality",
        given,
        lambda part: len(texts) * sizes.epochs,
        rounds=1 if smoke else SEEDS,
        seeds=True,
    )


def _on_one_backend(parts: tuple[Part, ...]) -> tuple[Part, ...]:
    """The first part of each library: what is compared does not depend on the backend."""
    return tuple({part.library: part for part in reversed(parts)}.values())[::-1]


MAKERS = {
    "lines": _lines,
    "full": _steps,
    "bfloat16": _steps,
    "deberta": _steps,
    "fnet": _steps,
    "pipeline": _pipeline,
    "load": _load,
    "recorded": _load,
    "start-up": _start_up,
    "fill-mask": _fill_mask,
    "score": _score,
    "quality": _quality,
}
