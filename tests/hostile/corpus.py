"""Presets that are out to do harm: each a small change to a good one, and the error it must raise.

A module called ``corpus_*.py`` beside this one adds some, each as a function that writes the change
into a directory that already holds a good preset:

    @hostile("keras", says=("20000000 bytes",))
    def config_of_megabytes(directory: Path) -> None:
        ...

Files that lie outside the preset and must not be opened go to ``canaries(directory)``.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mlmzoo.contract.errors import MlmzooError, PresetFormatError


@dataclass(frozen=True)
class Hostile:
    """One hostile preset.

    Args:
        name: Its name, unique.
        layout: Layout of the good preset it is made from: ``"keras"`` or ``"transformers"``.
        write: Called with the directory of that preset; changes it.
        error: What loading it must raise; ``None`` where it must load as if nothing were, and the
            load report says what was left unused.
        says: What the message, or the load report, must hold.
        family: Family of the good preset.
        load: What loads it: ``"task"`` is `MaskedLM.from_preset`, ``"architecture"`` the same with
            ``load_weights=False``, ``"model"`` is `load_model` of ``model.keras`` in the directory.
        needs: A package that it cannot be written or read without.
    """

    name: str
    layout: str
    write: Callable[[Path], None]
    error: type[MlmzooError] | None
    says: tuple[str, ...]
    family: str
    load: str
    needs: str


CORPUS: dict[str, Hostile] = {}


def hostile(
    layout: str,
    error: type[MlmzooError] | None = PresetFormatError,
    says: tuple[str, ...] = (),
    family: str = "toy",
    load: str = "task",
    needs: str = "",
) -> Callable[[Callable[[Path], None]], Callable[[Path], None]]:
    """Add the decorated function to the corpus, under its own name."""

    def add(write: Callable[[Path], None]) -> Callable[[Path], None]:
        name = write.__name__
        assert name not in CORPUS, f"two hostile presets are called {name}"
        CORPUS[name] = Hostile(name, layout, write, error, says, family, load, needs)
        return write

    return add


def corpus() -> dict[str, Hostile]:
    """All of them, by name."""
    for path in sorted(Path(__file__).parent.glob("corpus_*.py")):
        importlib.import_module(path.stem)
    return CORPUS


def good(where: Path, family: str, layout: str) -> Path:
    """A good preset that hostile ones are made from, tiny; made when it is first asked for."""
    from mlmzoo.plugins import registry
    from mlmzoo.testing import tiny_task

    directory = where / "good" / family / layout
    if not directory.is_dir():
        task = tiny_task(registry().family(family), head_state="trained")
        task.save_to_preset(directory, layout=layout)
        task.save(directory / "model.keras")
    return directory


def canaries(directory: Path) -> Path:
    """Where files lie that loading the preset in `directory` must not open."""
    return directory.parents[1] / "canaries"
