"""Text that a vocabulary is learnt from: the forms it is given in."""

from __future__ import annotations

import glob
import gzip
import os
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from mlmzoo.contract.errors import InputError

ENDINGS = (".txt", ".txt.gz")

Texts = Callable[[], Iterator[str]]
"""Goes through the texts from the start, as often as it is called."""


def training_texts(data: Any) -> Texts:
    """The texts to learn from.

    Args:
        data: Texts; or text files, one text a line, gzipped if they end in ``.gz``: one path or
            glob, or a list of paths. A list of strings that all end in ``.txt`` or ``.txt.gz`` is
            read as paths.

    Raises:
        InputError: A path that matches no file, or something that is not a text.
    """
    if isinstance(data, str | os.PathLike):
        # A file may have a name that reads as a pattern.
        found = [os.fspath(data)] if Path(data).is_file() else sorted(glob.glob(os.fspath(data)))
        if not found:
            raise InputError(
                f"Text was to be read from {os.fspath(data)!r}, and no file matches that. Give "
                "the path of a text file, a glob such as 'texts/*.txt', or a list of texts."
            )
        data = [Path(path) for path in found]
    else:
        data = list(data)
        if data and all(isinstance(x, str) and x.endswith(ENDINGS) for x in data):
            data = [Path(path) for path in data]
    if data and all(isinstance(x, os.PathLike) for x in data):
        paths = [Path(path) for path in data]
        if missing := [str(path) for path in paths if not path.is_file()]:
            raise InputError(
                f"Text was to be read from {', '.join(missing)}, and there is no such file."
            )
        return lambda: (line for path in paths for line in _lines(path))
    for number, text in enumerate(data):
        if not isinstance(text, str):
            raise InputError(
                f"Text number {number} to learn from is {text!r} of type {type(text).__name__}. "
                "Give a list of texts, a path or glob of text files, or a list of paths."
            )
    return lambda: iter(data)


def no_text() -> InputError:
    """The error of data in which there is nothing to learn from."""
    return InputError(
        "A vocabulary was to be learnt, and there was no text in what was given. Give a list of "
        "texts, or the path of a text file with one text a line."
    )


def batches(texts: Iterable[str]) -> Iterator[list[str]]:
    """Lists of a thousand texts, as the `tokenizers` library's trainers take them."""
    texts = iter(texts)
    while batch := list(islice(texts, 1000)):
        yield batch


def _lines(path: Path) -> Iterator[str]:
    opener: Any = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rt", encoding="utf-8") as file:
            for line in file:
                yield line.rstrip("\n")
    except UnicodeDecodeError as error:
        raise InputError(
            f"The text file {path} is not UTF-8: {error}. Convert it to UTF-8 first."
        ) from error
