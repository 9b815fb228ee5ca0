"""Vocabularies as lists of tokens in id order: read and checked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mlmzoo.contract.errors import InputError, PresetFormatError
from mlmzoo.kit.tokenizers.reading import TOKEN_CHARACTERS, TOKENS, read_text


def ids_of(tokens: list[str], name: str) -> dict[str, int]:
    """The id of each token of a vocabulary given to the class called `name`."""
    if not tokens:
        raise InputError(f"{name} was given an empty vocabulary. Give every token, in id order.")
    if len(tokens) > TOKENS:
        raise InputError(
            f"{name} was given a vocabulary of {len(tokens)} tokens, and {TOKENS} are the most. Is "
            "it a vocabulary?"
        )
    ids: dict[str, int] = {}
    for number, token in enumerate(tokens):
        if not isinstance(token, str):
            raise InputError(
                f"{name} was given a vocabulary whose entry {number} is {token!r:.100}, of type "
                f"{type(token).__name__}. Every token must be a string."
            )
        if ids.setdefault(token, number) != number:
            raise InputError(
                f"{name} was given a vocabulary that holds {token!r:.100} twice, as ids "
                f"{ids[token]} and {number}. Every token must be there once."
            )
    if len(longest := max(tokens, key=len)) > TOKEN_CHARACTERS:
        raise InputError(
            f"{name} was given a vocabulary whose token number {ids[longest]}, {longest!r:.50}, "
            f"has {len(longest)} characters; {TOKEN_CHARACTERS} are the most. Is it a vocabulary?"
        )
    refuse_surrogates(tokens, name)
    return ids


def tokens_given(vocabulary: Any, name: str, file: str) -> list[Any]:
    """The tokens, in id order, of a vocabulary given to the class called `name`.

    Raises:
        InputError: It is no list or mapping; `file` is the kind of file that it can be instead.
    """
    if isinstance(vocabulary, Mapping):
        return in_id_order(vocabulary, f"{name} was given a vocabulary", InputError)
    if not isinstance(vocabulary, Iterable) or isinstance(vocabulary, bytes | set | frozenset):
        raise InputError(
            f"{name} was given vocabulary={vocabulary!r}. Give a list of tokens in id order, a "
            f"mapping of tokens to ids, or the path of {file}."
        )
    return [str(token) if isinstance(token, str) else token for token in vocabulary]


def refuse_surrogates(tokens: Sequence[str], name: str) -> None:
    """Refuses tokens given to the class called `name` that no file or library could hold."""
    try:
        "".join(tokens).encode("utf-8")
    except UnicodeEncodeError:
        broken = next(t for t in tokens if any("\ud800" <= c <= "\udfff" for c in t))
        raise InputError(
            f"{name} was given {broken!r:.100} as a token or a part of tokens, which is not "
            "valid Unicode. Give texts that UTF-8 can hold."
        ) from None


def read_lines(path: Path, strip: Callable[[str], str]) -> list[str]:
    """The lines of a vocabulary file."""
    text = read_text(path, f"The vocabulary {path} is")
    if (count := text.count("\n")) > TOKENS:
        raise PresetFormatError(
            f"The vocabulary {path} has {count} lines, one for each token, and {TOKENS} are the "
            "most. Check that the preset is what you think it is."
        )
    lines = text.split("\n")
    return [strip(line) for line in (lines if lines[-1] else lines[:-1])]


def checked(vocabulary: list[str], path: Path) -> list[str]:
    """The vocabulary of a preset, or an error that names the file."""
    if not vocabulary:
        raise PresetFormatError(f"The vocabulary {path} is empty. Fetch or write the preset again.")
    seen: dict[str, int] = {}
    for number, token in enumerate(vocabulary):
        if seen.setdefault(token, number) != number:
            raise PresetFormatError(
                f"The vocabulary {path} holds {token!r:.100} twice, in lines {seen[token] + 1} and "
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
            taken = isinstance(id, int) and id in tokens
            raise error(
                f"{what} with {token!r:.100} as id {id!r:.100}"
                + (f", which {tokens[id]!r:.100} is already" if taken else "")
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
