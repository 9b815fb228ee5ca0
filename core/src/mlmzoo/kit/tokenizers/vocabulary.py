"""Vocabularies as lists of tokens in id order: read and checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mlmzoo.contract.errors import InputError, PresetFormatError


def ids_of(tokens: list[str], name: str) -> dict[str, int]:
    """The id of each token of a vocabulary given to the class called `name`."""
    if not tokens:
        raise InputError(f"{name} was given an empty vocabulary. Give every token, in id order.")
    ids: dict[str, int] = {}
    for number, token in enumerate(tokens):
        if not isinstance(token, str):
            raise InputError(
                f"{name} was given a vocabulary whose entry {number} is {token!r}, of type "
                f"{type(token).__name__}. Every token must be a string."
            )
        if ids.setdefault(token, number) != number:
            raise InputError(
                f"{name} was given a vocabulary that holds {token!r} twice, as ids {ids[token]} "
                f"and {number}. Every token must be there once."
            )
    return ids


def read_lines(path: Path, strip: Callable[[str], str]) -> list[str]:
    """The lines of a vocabulary file."""
    try:
        with path.open(encoding="utf-8") as file:
            return [strip(line) for line in file]
    except UnicodeDecodeError as error:
        raise PresetFormatError(
            f"The vocabulary {path} is not UTF-8 text: {error}. Give a text file with one token a "
            "line."
        ) from error


def checked(vocabulary: list[str], path: Path) -> list[str]:
    """The vocabulary of a preset, or an error that names the file."""
    if not vocabulary:
        raise PresetFormatError(f"The vocabulary {path} is empty. Fetch or write the preset again.")
    seen: dict[str, int] = {}
    for number, token in enumerate(vocabulary):
        if seen.setdefault(token, number) != number:
            raise PresetFormatError(
                f"The vocabulary {path} holds {token!r} twice, in lines {seen[token] + 1} and "
                f"{number + 1}, so its id is unclear. Correct one of the lines."
            )
    return vocabulary


def in_id_order(
    ids: Mapping[Any, Any], what: str, error: type[Exception] = PresetFormatError
) -> list[Any]:
    """The tokens of a mapping of tokens to ids, which must be 0 to n - 1."""
    tokens: dict[Any, Any] = {}
    for token, id in ids.items():
        if not isinstance(id, int) or isinstance(id, bool) or id in tokens:
            raise error(
                f"{what} with {token!r} as id {id!r}"
                + (f", which {tokens[id]!r} is already" if id in tokens else "")
                + ". Ids must be whole numbers, each used once."
            )
        tokens[id] = token
    for id in range(len(tokens)):
        if id not in tokens:
            raise error(
                f"{what} of {len(tokens)} tokens in which no token is id {id} (the highest id is "
                f"{max(tokens)}). Ids must be 0 to {len(tokens) - 1}, without a gap."
            )
    return [tokens[id] for id in range(len(tokens))]
