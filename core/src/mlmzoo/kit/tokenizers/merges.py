"""The merges of byte-pair encoding: read from files and checked against a vocabulary."""

from __future__ import annotations

from collections.abc import Container, Iterable
from pathlib import Path
from typing import Any

from mlmzoo.contract.errors import InputError
from mlmzoo.kit.tokenizers.reading import read_text


def read_merges(path: Path) -> list[str]:
    """The lines of a merges file, without its ``#version`` line and the end of the last line."""
    lines = read_text(path, f"The merges {path} are").split("\n")
    return [
        line
        for number, line in enumerate(lines)
        if not line.startswith("#version") and (line or number + 1 < len(lines))
    ]


def parts_of(
    merges: Iterable[Any], ids: Container[str], what: str, error: type[Exception] = InputError
) -> list[tuple[str, str]]:
    """The two pieces of each merge.

    Args:
        merges: Strings such as ``"th e"``, or pairs such as ``("th", "e")``.
        ids: The vocabulary: both pieces and what they make must be in it.
        what: Where the merges came from, for the error.
        error: Class of the error.

    Raises:
        InputError: Or `error`: a merge that is no pair, or has a piece that is not in `ids`.
    """
    pairs = []
    for number, merge in enumerate(merges):
        parts = merge.split(" ") if isinstance(merge, str) else merge
        if (
            not isinstance(parts, list | tuple)
            or len(parts) != 2
            or not all(isinstance(part, str) and part.split() == [part] for part in parts)
        ):
            raise error(
                f"{what} of which number {number}, {merge!r:.100}, is no pair. Each must be two "
                "pieces with a single space between them, such as 'th e'."
            )
        left, right = parts
        for piece in (left, right, left + right):
            if piece not in ids:
                raise error(
                    f"{what} of which number {number}, {merge!r:.100}, needs the piece "
                    f"{piece!r:.100}, which the vocabulary does not hold. Do the merges belong "
                    "to this vocabulary?"
                )
        pairs.append((left, right))
    return pairs
