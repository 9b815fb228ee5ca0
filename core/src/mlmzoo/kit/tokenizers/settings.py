"""What settings found in a preset's files may be: checked before anything is made from them."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mlmzoo.contract.errors import PresetFormatError
from mlmzoo.kit.tokenizers.reading import SPECIAL_TOKENS, TOKENS

SEQUENCE_LENGTH = 2**20
"""Longest rows that a preset may ask for."""
CHARACTERS_PER_WORD = 1000
"""Longest word that a preset may ask to be matched: work grows with its square."""
FLAGS = ("single_word", "lstrip", "rstrip", "normalized", "special")
"""Arguments of ``tokenizers.AddedToken`` besides its text."""


@dataclass(frozen=True)
class Kind:
    """What a setting may be.

    Args:
        wanted: The same in words.
        holds: Whether a value is that.
    """

    wanted: str
    holds: Callable[[Any], bool]


def refuse_others(settings: Mapping[str, Any], kinds: Mapping[str, Kind], where: str) -> None:
    """Refuses settings that are not what they may be; those without a kind may be anything.

    Raises:
        PresetFormatError: There is one; it is named.
    """
    for name, value in settings.items():
        if name in kinds and not kinds[name].holds(value):
            raise PresetFormatError(
                f"{where} sets {name!r} to {value!r:.100}, and it must be {kinds[name].wanted}. "
                "Correct it, or fetch the preset again."
            )


def kinds_of(cls: type) -> dict[str, Kind]:
    """What the constructor arguments of a class may be: its `argument_kinds` and its bases'."""
    kinds = [vars(base).get("argument_kinds", {}) for base in reversed(cls.__mro__)]
    return {name: kind for of_base in kinds for name, kind in of_base.items()}


def is_count(value: Any) -> bool:
    """Whether a value is an integer from 1, NumPy's too; ``True`` is none here."""
    try:
        return operator.index(value) >= 1 and not isinstance(value, bool)
    except TypeError:
        return False


def is_id(value: Any) -> bool:
    """Whether a value is a token's id."""
    return type(value) is int and 0 <= value < TOKENS


def is_added_token(value: Any) -> bool:
    """Whether a value is an added token: its text, or that with flags."""
    if isinstance(value, Mapping):
        flags = all(type(value.get(name, False)) is bool for name in FLAGS)
        return flags and _is_token(value.get("content"))
    return _is_token(value)


def _is_argument(value: Any) -> bool:
    known = not isinstance(value, Mapping) or set(value) <= {"content", *FLAGS}
    return known and is_added_token(value)


def _is_token(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _is_list(value: Any, holds: Callable[[Any], bool]) -> bool:
    return isinstance(value, list) and len(value) <= SPECIAL_TOKENS and all(map(holds, value))


def _is_mapping(value: Any, holds: Callable[[Any], bool]) -> bool:
    return (
        isinstance(value, Mapping)
        and _is_list([*value], _is_token)
        and all(map(holds, value.values()))
    )


def _is_size(value: Any, most: int) -> bool:
    return type(value) is int and 1 <= value <= most


BOOLEAN = Kind("true, false or null", lambda value: value is None or isinstance(value, bool))
TEXT = Kind("a text", lambda value: isinstance(value, str))
TEXT_OR_NONE = Kind("a text or null", lambda value: value is None or isinstance(value, str))
LENGTH = Kind(
    f"a whole number from 1 to {SEQUENCE_LENGTH}, or null",
    lambda value: value is None or _is_size(value, SEQUENCE_LENGTH),
)
WORD_LENGTH = Kind(
    f"a whole number from 1 to {CHARACTERS_PER_WORD}",
    lambda value: _is_size(value, CHARACTERS_PER_WORD),
)
TOKEN = Kind(
    "a token, or null",
    lambda value: value is None or isinstance(value, str) or is_added_token(value),
)
TOKEN_LIST = Kind(
    f"a list of at most {SPECIAL_TOKENS} tokens, or null",
    lambda value: value is None or _is_list(value, _is_token),
)
SPECIALS = Kind(
    f"a list or mapping of at most {SPECIAL_TOKENS} tokens, or null",
    lambda value: value is None or _is_list(value, _is_token) or _is_mapping(value, _is_token),
)
NAMED_TOKENS = Kind(
    f"a list or mapping of at most {SPECIAL_TOKENS} tokens, or null",
    lambda value: (
        value is None or _is_list(value, is_added_token) or _is_mapping(value, is_added_token)
    ),
)
ADDED = Kind(
    f"a list of at most {SPECIAL_TOKENS} tokens with true or false as their flags",
    lambda value: _is_list(value, _is_argument),
)
ADDED_IDS = Kind(
    f"a list of at most {SPECIAL_TOKENS} tokens, or a mapping of them to ids below {TOKENS}",
    lambda value: _is_list(value, _is_token) or _is_mapping(value, is_id),
)
