"""Text files to texts, one a line."""

from __future__ import annotations

import glob
import gzip
import os
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from mlmzoo.contract.errors import InputError

LONGEST_PATH = 4096
"""Characters of a path that systems take at most."""


def read_lines(paths: Iterable[str | os.PathLike[str]]) -> list[str]:
    """Read text files, one text a line, into a list; see `stream_lines`."""
    return list(stream_lines(paths))


def stream_lines(paths: Iterable[str | os.PathLike[str]]) -> Iterator[str]:
    """Read text files, one text a line; empty lines are skipped.

    Args:
        paths: Paths or glob patterns (``"corpus/**/*.txt"``), ``~`` allowed. A file whose name
            ends in ``.gz`` is decompressed. The files of a pattern are read in sorted order.

    Returns:
        The texts, without surrounding white space, in file and line order, read as they are
        asked for. All files are looked for at once.

    Raises:
        InputError: A path matches no file, is a directory or is not UTF-8; or no file holds a text.
    """
    asked = [os.fspath(path) for path in paths]
    files = [file for path in asked for file in _matches(path)]
    return _texts(files, asked)


def _texts(files: list[Path], asked: list[str]) -> Iterator[str]:
    empty = True
    for file in files:
        for text in _lines(file):
            empty = False
            yield text
    if empty:
        raise InputError(
            f"Asked for texts from {_quoted(asked)}; every line of what was found is empty. "
            "Give files with one text a line."
        )


def _matches(path: str) -> list[Path]:
    expanded = os.path.expanduser(path)
    # A name that exists wins over its reading as a pattern: "notes[1].txt" is a fine file name.
    found = [expanded] if os.path.exists(expanded) else _of_pattern(expanded)
    files = [Path(name) for name in found if not os.path.isdir(name)]
    if files:
        return files
    if found:
        raise InputError(
            f"Asked for texts from {path!r}; found a directory. "
            f"Give its files as a pattern, e.g. {os.path.join(path, '*.txt')!r}."
        )
    shown = path if len(path) <= 100 else path[:97] + "..."
    raise InputError(
        f"Asked for texts from {shown!r}; no file matches. A single str is the path or glob of "
        "text files, one text a line: check it, or for one text itself give a list: [text]."
    )


def _of_pattern(pattern: str) -> list[str]:
    # A text that was meant to be one: to look for what it matches could take hours.
    if len(pattern) > LONGEST_PATH or "\0" in pattern:
        return []
    return sorted(glob.glob(pattern, recursive=True))


def _lines(file: Path) -> Iterator[str]:
    opener = gzip.open if file.suffix == ".gz" else open
    number = 0
    try:
        # utf-8-sig: a byte order mark is an editor's trace, not part of the first text.
        with opener(file, "rt", encoding="utf-8-sig") as stream:
            # Not splitlines(): a form feed or U+2028 inside a line does not end the text.
            for number, line in enumerate(stream, start=1):  # noqa: B007 - read by the error
                if text := line.strip():
                    yield text
    except (UnicodeDecodeError, gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise InputError(
            f"Asked for texts from {str(file)!r}; found bytes that cannot be read ({error}), not "
            f"far behind line {number}. Give UTF-8 text files, plain or gzip-compressed with a "
            "name ending in '.gz'."
        ) from error


def _quoted(paths: list[str]) -> str:
    shown = ", ".join(repr(path) for path in paths[:3])
    return shown + (f" and {len(paths) - 3} more" if len(paths) > 3 else "")
