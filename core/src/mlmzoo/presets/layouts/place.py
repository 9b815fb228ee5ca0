"""Where a preset may be saved, and which files of an older one go away then."""

from __future__ import annotations

import fnmatch
import json
import os
from collections.abc import Callable
from pathlib import Path

from mlmzoo.contract.errors import SavingError
from mlmzoo.presets.contents import WriteRequest

_N = "[0-9]" * 5

MODEL = (
    *("config.json", "metadata.json", "task.json", "task.weights.h5"),
    *("model.weights.h5", "model.weights.json", f"model_{_N}.weights.h5"),
    *("model.safetensors", "model.safetensors.index.json", f"model-{_N}-of-{_N}.safetensors"),
    *("pytorch_model.bin", "pytorch_model.bin.index.json", f"pytorch_model-{_N}-of-{_N}.bin"),
)
"""What a model's files are called, in both layouts."""

TOKENIZER = (
    *("tokenizer.json", "assets/tokenizer/*"),
    *("tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"),
    *("vocab.txt", "vocab.json", "merges.txt"),
    *("spiece.model", "spm.model", "sentencepiece.bpe.model"),
)
"""What a tokenizer's files are called, in both layouts."""

PREPROCESSOR = ("preprocessor.json",)

_TELLING = ("config.json", "tokenizer.json", *PREPROCESSOR)
"""Files that say what wrote them, under one of `_KEYS`; others have files of these names, too."""
_KEYS = frozenset({"registered_name", "model_type", "vocab_size", "added_tokens"})


def check_place(directory: str | os.PathLike[str], overwrite: bool = False) -> Path:
    """The directory that `directory` means, links followed, if a preset may be saved there.

    Args:
        directory: A directory, or where to make one.
        overwrite: Whether it may also be a file, or a directory that holds other things than a
            preset. Only what is named like a file of the preset is replaced there.

    Raises:
        SavingError: It is a file, holds something else, is the current directory, a mount point
            or a root, or cannot be written to.
    """
    target = Path(os.path.realpath(os.path.expanduser(directory)))
    asked = f"A preset was to be saved in {os.fspath(directory)!r}"
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
    if os.path.lexists(target) and not os.path.isdir(target):
        if not overwrite:
            raise SavingError(
                f"{asked}, which is a file. Name a directory, or replace it with overwrite=True."
            )
    elif os.path.isdir(target) and not overwrite and not holds_preset(target):
        names = sorted(os.listdir(target))
        if names:
            raise SavingError(
                f"{asked}, which holds {', '.join(names[:3])}{' and more' if names[3:] else ''}, "
                "and no preset. Name another directory, or pass overwrite=True: that keeps what "
                "is there and replaces files named like those of the preset."
            )
    return target


def holds_preset(directory: Path) -> bool:
    """Whether a directory holds a preset or a part of one, of either layout."""
    if any(os.path.isfile(directory / name) for name in TOKENIZER if name not in _TELLING):
        return True
    for name in _TELLING:
        path = directory / name
        try:
            value = json.loads(path.read_text("utf-8")) if os.path.isfile(path) else None
        except (OSError, ValueError, RecursionError):
            continue
        if isinstance(value, dict) and _KEYS & value.keys():
            return True
    return False


def stale(target: Path, request: WriteRequest) -> Callable[[str], bool]:
    """Which files in `target` go away when `request` is written there, unless it writes them.

    A part that is written takes the place of its older self in either layout: a head beside
    another backbone, or shards beside a whole file, would be worse than none. In a directory
    without a preset nothing goes away.
    """
    patterns: list[str] = []
    if target.is_dir() and holds_preset(target):
        patterns += MODEL if request.backbone is not None else ()
        patterns += TOKENIZER if request.tokenizer is not None else ()
        patterns += PREPROCESSOR if request.preprocessor is not None else ()
    return lambda name: any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def _current_is_in(directory: Path) -> bool:
    try:
        return Path(os.path.realpath(os.getcwd())).is_relative_to(directory)
    except FileNotFoundError:  # it was removed
        return False
