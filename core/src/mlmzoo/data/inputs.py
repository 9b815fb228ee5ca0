"""What people hand to ``fit`` to plain lists of texts.

Frameworks are recognised by the names of their classes, never imported.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from mlmzoo.contract.errors import InputError
from mlmzoo.data.streams import TEXT_COLUMN, Texts, Tokenised, checked, from_stream
from mlmzoo.data.strings import FORMS, columns, from_array, from_list, not_a_text, plain, shown
from mlmzoo.data.text_files import read_lines

__all__ = ["FORMS", "Texts", "Tokenised", "read_texts"]


def read_texts(
    x: Any, sample_weight: Any = None, limit: int | None = None, batch_size: int = 32
) -> Texts | Tokenised:
    """Read texts from any form that ``fit`` takes.

    Args:
        x: See `FORMS`. A mapping with an entry ``"text"`` stands for that entry.
        sample_weight: One finite, non-negative number a text, shape ``(N,)``.
        limit: Most batches to take from a stream, for one that may be endless
            (``steps_per_epoch * epochs``). Ignored for what is not a stream.
        batch_size: What `limit` counts in where a stream gives single texts.

    Returns:
        The texts; or `Tokenised` where `x` is a dict, a tuple that starts with one, or a stream
        of these.

    Raises:
        InputError: `x` is of another form, empty, or holds something that is no text.
    """
    result = _read(x, None if limit is None else (limit, batch_size))
    if isinstance(result, Tokenised) or sample_weight is None:
        return result
    weights = _weights(sample_weight, len(result))
    return Texts(result.first, result.second, weights, result.batch_size)


def _read(x: Any, limit: tuple[int, int] | None) -> Texts | Tokenised:
    if isinstance(x, Mapping) and _package(x) == "datasets":
        raise InputError(
            f"Asked to read texts from a {type(x).__name__}; found the splits {list(x)}. "
            f"Give one of them, e.g. data[{next(iter(x), 'train')!r}]."
        )
    if isinstance(x, Mapping):
        return _read(x[TEXT_COLUMN], limit) if TEXT_COLUMN in x else Tokenised(x)
    if isinstance(x, str | os.PathLike):
        return Texts(read_lines([x]))
    if isinstance(x, tuple):
        return _from_tuple(x)
    if _package(x) == "datasets" and getattr(x, "column_names", None) is not None:
        if TEXT_COLUMN not in x.column_names:
            raise InputError(
                f"Asked to read the column {TEXT_COLUMN!r} of a datasets.{type(x).__name__}; found "
                f"the columns {list(x.column_names)}. Rename the one that holds the text: "
                f"data.rename_column('…', {TEXT_COLUMN!r})."
            )
        if hasattr(x, "__getitem__"):
            return _from_sequence(list(x[TEXT_COLUMN]))
    if type(x).__name__ == "DataFrame":
        raise InputError(
            "Asked to read texts from a DataFrame; found a table. Give one column: "
            f"data[{TEXT_COLUMN!r}], or two for pairs: (data['first'], data['second'])."
        )
    x = plain(x)
    if isinstance(x, np.ndarray):
        return checked(*from_array(x))
    if isinstance(x, list):
        return _from_sequence(x)
    if isinstance(x, str | bytes | bytearray) or not isinstance(x, Iterable):
        raise InputError(f"Asked to read texts; found {shown(x)}. {FORMS}")
    return from_stream(x, limit)


def _from_tuple(x: tuple[Any, ...]) -> Texts | Tokenised:
    if x and isinstance(x[0], Mapping):
        return Tokenised(x)
    if x and all(isinstance(item, str | bytes) for item in x):
        raise InputError(
            f"Asked to read texts from a tuple of str, {shown(x)}; that could be texts or the "
            "segments of one pair. Write a list for texts: ['text one', 'text two'], and either "
            "of these for pairs: (['first', …], ['second', …]) or [('first', 'second'), …]."
        )
    if len(x) != 2:
        raise InputError(
            f"Asked to read pairs from a tuple; found {len(x)} parts. Give two equally long "
            "sequences: (['first', …], ['second', …])."
        )
    return checked(*columns(x, "a tuple"))


def _from_sequence(x: list[Any]) -> Texts:
    if x and isinstance(x[0], os.PathLike):
        for index, path in enumerate(x):
            if not isinstance(path, os.PathLike):
                raise not_a_text(path, index, "a list of paths")
        return Texts(read_lines(x))
    return checked(*from_list(x, "a list"))


def _weights(sample_weight: Any, count: int) -> np.ndarray:
    try:
        weights = np.asarray(plain(sample_weight), dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"Asked to weight {count} texts; found sample_weight {shown(sample_weight)}. "
            "Give one number a text."
        ) from error
    if weights.shape != (count,):
        raise InputError(
            f"Asked to weight {count} texts; found sample_weight of shape {weights.shape}. "
            f"Give one number a text, shape ({count},)."
        )
    wrong = np.flatnonzero(~(np.isfinite(weights) & (weights >= 0)))
    if wrong.size:
        raise InputError(
            f"Asked to weight texts; found sample_weight {weights[wrong[0]]} at index {wrong[0]}. "
            "Give finite numbers that are not negative."
        )
    return weights


def _package(x: Any) -> str:
    return type(x).__module__.partition(".")[0]
