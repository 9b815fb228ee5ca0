"""Numbers that are given as arguments: those that make no sense are refused first of all."""

from __future__ import annotations

import numbers
import operator
from typing import Any

from mlmzoo.contract.errors import InputError


def check_count(name: str, value: Any, least: int = 1, because: str = "") -> int:
    """The whole number that was given.

    ``True`` is none, though Python counts it as 1: who writes ``batch_size=True`` meant another
    argument. Nor is 32.0, as no float is.

    Args:
        name: The argument it was given as.
        value: What was given.
        least: The smallest that makes sense.
        because: What is wrong with less, for the error.

    Raises:
        InputError: It is no integer, or less than `least`.
    """
    try:
        count = None if _is_bool(value) else operator.index(value)
    except TypeError:
        count = None
    if count is None or count < least:
        why = f": {because}" if because else ""
        raise InputError(f"Asked for {name}={value!r}; give an integer, at least {least}{why}.")
    return count


def check_counts(**given: Any) -> None:
    """Refuse arguments that are neither ``None`` nor an integer from 1.

    Raises:
        InputError: There is one.
    """
    for name, value in given.items():
        if value is not None:
            check_count(name, value)


def check_seed(value: Any, name: str = "seed") -> int:
    """The seed that was given: any integer from 0 on, however large.

    Raises:
        InputError: It is no integer, or negative.
    """
    try:
        seed = -1 if _is_bool(value) else operator.index(value)
    except TypeError:
        seed = -1
    if seed < 0:
        raise InputError(f"Asked for {name}={value!r}; give an integer that is not negative.")
    return seed


def check_share(name: str, value: Any) -> float:
    """The share that was given: a number from 0 to 1.

    Raises:
        InputError: It is no number, or NaN, or outside of 0 to 1.
    """
    share = float(value) if isinstance(value, numbers.Real) and not _is_bool(value) else -1.0
    if not 0 <= share <= 1:  # NaN fails here too
        raise InputError(f"Asked for {name}={value!r}; that is a share. Give a number from 0 to 1.")
    return share


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool) or type(value).__name__ in ("bool", "bool_")
