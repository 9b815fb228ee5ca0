"""Presets that are out to do harm: each a small change to a good one, and the error it must raise.

A module called ``corpus_*.py`` beside this one adds some, each as a function that writes the change
into a directory that already holds a good preset:

    @hostile("keras", says=("20000000 bytes",))
    def config_of_megabytes(directory: Path) -> None:
        ...
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
        error: What loading it must raise.
        says: What the message must hold.
        family: Family of the good preset.
        load: What loads it: ``"task"`` is `MaskedLM.from_preset`, ``"architecture"`` the same with
            ``load_weights=False``, ``"model"`` is `load_model` of ``model.keras`` in the directory.
    """

    name: str
    layout: str
    write: Callable[[Path], None]
    error: type[MlmzooError]
    says: tuple[str, ...]
    family: str
    load: str


CORPUS: dict[str, Hostile] = {}


def hostile(
    layout: str,
    error: type[MlmzooError] = PresetFormatError,
    says: tuple[str, ...] = (),
    family: str = "toy",
    load: str = "task",
) -> Callable[[Callable[[Path], None]], Callable[[Path], None]]:
    """Add the decorated function to the corpus, under its own name."""

    def add(write: Callable[[Path], None]) -> Callable[[Path], None]:
        name = write.__name__
        assert name not in CORPUS, f"two hostile presets are called {name}"
        CORPUS[name] = Hostile(name, layout, write, error, says, family, load)
        return write

    return add


def corpus() -> dict[str, Hostile]:
    """All of them, by name."""
    for path in sorted(Path(__file__).parent.glob("corpus_*.py")):
        importlib.import_module(path.stem)
    return CORPUS
