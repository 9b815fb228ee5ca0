"""Where a preset or an export may be written, and which files of an older preset go away then."""

from __future__ import annotations

import fnmatch
import functools
import json
import os
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from mlmzoo.contract.errors import SavingError
from mlmzoo.presets.contents import WriteRequest
from mlmzoo.presets.layouts.card_file import CARD, is_ours
from mlmzoo.presets.staging import one_at_a_time

_N = "[0-9]" * 5

MODEL = (
    *("config.json", "metadata.json", "task.json", "task.weights.h5"),
    *("model.weights.h5", "model.weights.json", f"model_{_N}.weights.h5"),
    *("model.safetensors", "model.safetensors.index.json", f"model-{_N}-of-{_N}.safetensors"),
    *("pytorch_model.bin", "pytorch_model.bin.index.json", f"pytorch_model-{_N}-of-{_N}.bin"),
)
"""What a model's files are called, in both layouts."""

_VOCABULARIES = (
    *("vocab.txt", "vocab.json", "merges.txt"),
    *("spiece.model", "spm.model", "sentencepiece.bpe.model"),
)
"""Files that only a tokenizer has; others have files of the other names, too."""

TOKENIZER = (
    *("tokenizer.json", "assets/tokenizer/*"),
    *("tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"),
    *_VOCABULARIES,
)
"""What a tokenizer's files are called, in both layouts."""

PREPROCESSOR = ("preprocessor.json",)
"""What a preprocessor's file is called, in both layouts."""

EXPORT = "mlmzoo_export.json"
"""What tells an export from a preset, though some of its files are called the same."""

_TELLING: dict[str, tuple[frozenset[str], ...]] = {
    "config.json": (
        frozenset({"registered_name"}),
        frozenset({"model_type"}),
        frozenset({"vocab_size", "hidden_size"}),  # early checkpoints of transformers
    ),
    "tokenizer.json": (frozenset({"registered_name"}), frozenset({"model", "added_tokens"})),
    "tokenizer_config.json": (frozenset({"tokenizer_class"}),),
    "preprocessor.json": (frozenset({"registered_name"}),),
}
"""Files that say what wrote them, and the keys of which they then have all of one set."""


def check_place(
    directory: str | os.PathLike[str],
    overwrite: bool = False,
    request: WriteRequest | None = None,
) -> Path:
    """The directory that `directory` means, links followed, if a preset may be saved there.

    Args:
        directory: A directory, or where to make one.
        overwrite: Whether it may also be a file, or a directory that holds other things than a
            preset. Only what is named like a file of the preset is replaced there.
        request: What is to be written there; by default a model, a tokenizer and a preprocessor.

    Raises:
        SavingError: It is a file, holds something else, even if beside a part of a preset it is
            only a file in the place of one that is to be written, is the current directory, a
            mount point or a root, or cannot be written to. It holds an export, whatever
            `overwrite` says.
    """
    asked = f"A preset was to be saved in {os.fspath(directory)!r}"
    target = _usable(directory, overwrite, asked)
    with _a_look_at(target):
        exported = is_export(target)
        found, names = (set(), []) if overwrite else _in_the_way(target, request)
    if exported:
        raise SavingError(
            f"{asked}, which holds an export ({EXPORT}): its tokenizer would be replaced. Name "
            "another directory; a preset never takes the place of an export."
        )
    if names:
        raise SavingError(
            f"{asked}, which holds {_some(names)}, and no "
            f"{'model or tokenizer that they belong to' if found else 'preset'}. Name another "
            "directory, or pass overwrite=True: that keeps what is there and replaces files named "
            "like those of the preset."
        )
    return target


def check_export_place(directory: str | os.PathLike[str], overwrite: bool = False) -> Path:
    """The directory that `directory` means, links followed, if a model may be exported there.

    Args:
        directory: A directory, or where to make one.
        overwrite: Whether it may also be a file, which is replaced, or a directory that holds
            other things than an earlier export.

    Raises:
        SavingError: It is a file or holds something else; holds a preset or a part of one,
            whatever `overwrite` says; or is no place, as for `check_place`.
    """
    asked = f"A model was to be exported to {os.fspath(directory)!r}"
    target = _usable(directory, overwrite, asked)
    with _a_look_at(target):
        exported, found = is_export(target), _parts_in(target)
        names = sorted(os.listdir(target)) if target.is_dir() else []
    if found - {TOKENIZER} or (found and not exported):
        raise SavingError(
            f"{asked}, which holds a preset, or a part of one: its tokenizer would be replaced. "
            "Name another directory; an export never takes the place of a preset."
        )
    if names and not exported and not overwrite:
        raise SavingError(
            f"{asked}, which holds {_some(names)}, and no export. Name another directory, or pass "
            "overwrite=True: that keeps what is there and replaces files named like those of the "
            "export."
        )
    return target


def is_export(directory: Path) -> bool:
    """Whether a directory holds an exported model, which is no preset."""
    return os.path.isfile(directory / EXPORT)


def _usable(directory: str | os.PathLike[str], overwrite: bool, asked: str) -> Path:
    """What `directory` means, if a directory there can be replaced, whatever is in it."""
    target = Path(os.path.realpath(os.path.expanduser(directory)))
    if os.path.ismount(target):
        raise SavingError(f"{asked}, which is a mount point or a root. Name a directory inside it.")
    if _current_is_in(target):
        raise SavingError(
            f"{asked}, and the current directory is there, which would be replaced by another. "
            "Name a directory inside it, or save from elsewhere."
        )
    above = next(parent for parent in target.parents if os.path.lexists(parent))
    for place in (above, target) if os.path.isdir(target) else (above,):
        if not os.path.isdir(place) or not os.access(place, os.R_OK | os.W_OK | os.X_OK):
            raise SavingError(
                f"{asked}, and {place} cannot be written to. The new directory is made beside the "
                "old one, so the directory they are in has to be writable, too. Set rights, or "
                "save elsewhere."
            )
    if os.path.lexists(target) and not os.path.isdir(target) and not overwrite:
        raise SavingError(
            f"{asked}, which is a file. Name a directory, or replace it with overwrite=True."
        )
    return target


def _a_look_at(target: Path) -> AbstractContextManager[None]:
    """While it is held, no other process replaces `target`: it might be gone, for a moment."""
    return one_at_a_time(target.parent) if os.path.isdir(target) else nullcontext()


def _some(names: list[str]) -> str:
    return f"{', '.join(names[:3])}{' and more' if names[3:] else ''}"


def _in_the_way(
    target: Path, request: WriteRequest | None
) -> tuple[set[tuple[str, ...]], list[str]]:
    """The parts of a preset that a directory holds, and names there that belong to none."""
    if not target.is_dir():
        return set(), []
    found = _parts_in(target)
    if not found:
        return found, sorted(os.listdir(target))
    return found, sorted(
        path.relative_to(target).as_posix()
        for part in _parts_of(request)
        if part not in found
        for pattern in part
        for path in target.glob(pattern)
    )


def holds_preset(directory: Path) -> bool:
    """Whether a directory holds a preset or a part of one, of either layout."""
    return bool(_parts_in(directory))


def stale(target: Path, request: WriteRequest) -> Callable[[str], bool]:
    """Which files in `target` go away when `request` is written there, unless it writes them.

    A part that is written takes the place of its older self in either layout: a head beside
    another backbone, or shards beside a whole file, would be worse than none. Nothing goes away
    of a part that is not there, whatever a file is called. A model card that was written here goes
    with the model it is about.
    """
    found = _parts_in(target)
    patterns = [name for part in _parts_of(request) if part in found for name in part]
    # Asked for the first time when the new directory is about to take the place of the old one.
    card_goes = functools.cache(lambda: request.backbone is not None and is_ours(target / CARD))
    return lambda name: (
        any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)
        or (name == CARD and card_goes())
    )


def _parts_of(request: WriteRequest | None) -> list[tuple[str, ...]]:
    """Names of files of the parts that are to be written."""
    if request is None:
        return [MODEL, TOKENIZER, PREPROCESSOR]
    wanted = {
        MODEL: request.backbone,
        TOKENIZER: request.tokenizer,
        PREPROCESSOR: request.preprocessor,
    }
    return [part for part, value in wanted.items() if value is not None]


def _parts_in(directory: Path) -> set[tuple[str, ...]]:
    """Names of files of the parts that a directory holds for sure."""
    found: set[tuple[str, ...]] = {
        part
        for part in (MODEL, TOKENIZER, PREPROCESSOR)
        if any(name in part and _tells(directory / name) for name in _TELLING)
    }
    if any(os.path.isfile(directory / name) for name in _VOCABULARIES):
        found.add(TOKENIZER)
    return found


def _tells(path: Path) -> bool:
    """Whether a file says that it is what its name says."""
    try:
        value = json.loads(path.read_text("utf-8")) if os.path.isfile(path) else None
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(value, dict) and any(keys <= value.keys() for keys in _TELLING[path.name])


def _current_is_in(directory: Path) -> bool:
    try:
        return Path(os.path.realpath(os.getcwd())).is_relative_to(directory)
    except FileNotFoundError:  # it was removed
        return False
