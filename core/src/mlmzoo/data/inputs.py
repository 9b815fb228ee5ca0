"""What people hand to ``fit`` to texts, some at a time or all in a list.

Frameworks are recognised by the names of their classes, never imported.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from typing import Any

import numpy as np

from mlmzoo.contract.errors import InputError
from mlmzoo.data.streams import (
    CHUNK,
    TEXT_COLUMN,
    Texts,
    TextStream,
    Tokenised,
    from_stream,
    in_chunks,
    nothing_found,
)
from mlmzoo.data.strings import (
    OtherFormError,
    columns,
    from_array,
    from_list,
    not_a_text,
    plain,
    shown,
)
from mlmzoo.data.text_files import stream_lines
from mlmzoo.data.tokenised import check_weights, on_host

__all__ = ["TextStream", "Texts", "Tokenised", "open_texts", "read_texts", "untokenised"]

FORMS = (
    "Texts can be a list, numpy array or pandas Series of str; a path or glob of text files (one "
    "text a line); or a tf.data.Dataset, datasets.Dataset, DataLoader, generator or other iterable "
    "of texts or batches of texts. Pairs can be a tuple (first segments, second segments) or a "
    "list of 2-tuples. Token ids go in as a dict of integer arrays, with preprocessor=None."
)
"""What ``fit`` takes, for errors."""
Limit = tuple[int, int] | None
"""Most batches to take from a stream, and how many texts are one."""


def read_texts(x: Any, sample_weight: Any = None, **options: Any) -> Texts:
    """Read texts into lists, from any form that ``fit`` takes. For arguments see `open_texts`.

    Raises:
        InputError: See `open_texts` and `untokenised`.
    """
    opened = untokenised(open_texts(x, sample_weight, **options))
    chunks = list(opened.chunks)
    if len(chunks) == 1:
        only = chunks[0]
        return Texts(only.first, only.second, only.weights, opened.batch_size)
    pairs = chunks[0].second is not None
    weighted = chunks[0].weights is not None
    return Texts(
        list(chain.from_iterable(chunk.first for chunk in chunks)),
        list(chain.from_iterable(chunk.second or [] for chunk in chunks)) if pairs else None,
        np.concatenate([chunk.weights for chunk in chunks]) if weighted else None,
        opened.batch_size,
    )


def open_texts(
    x: Any,
    sample_weight: Any = None,
    limit: int | None = None,
    batch_size: int = 32,
    at_once: int | None = None,
    forms: str = FORMS,
) -> TextStream | Tokenised:
    """Read texts some at a time, from any form that ``fit`` takes.

    Args:
        x: See `FORMS`. A mapping with an entry ``"text"`` stands for that entry.
        sample_weight: One finite, non-negative number a text, shape ``(N,)``.
        limit: Most batches to take from a stream, for one that may be endless
            (``steps_per_epoch * epochs``). Ignored for what is not a stream.
        batch_size: What `limit` counts in where a stream gives single texts.
        at_once: Texts of a stream that are read at a time, by default `CHUNK`.
        forms: What the caller takes, for errors.

    Returns:
        The texts, none of them copied that are in memory, nor read that are in a file or stream;
        or `Tokenised` where `x` is a dict, a tuple that starts with one, or a stream of these.

    Raises:
        InputError: `x` is of another form, empty, or holds something that is no text. In a file
            or stream that is said when it is reached.
    """
    with _naming(forms):
        opened = _open(x, None if limit is None else (limit, batch_size), at_once)
        if isinstance(opened, Texts) and not len(opened):
            raise nothing_found()
    if isinstance(opened, Texts):
        if sample_weight is not None:
            weights = _weights(sample_weight, len(opened))
            opened = Texts(opened.first, opened.second, weights)
        return TextStream(in_chunks(opened))
    if isinstance(opened, TextStream):
        chunks = _read_naming(forms, opened.chunks)
        if sample_weight is not None:
            chunks = _weighted(chunks, sample_weight)
        return TextStream(chunks, opened.batch_size)
    return opened


def untokenised(opened: TextStream | Tokenised) -> TextStream:
    """What `open_texts` gave, where only texts will do.

    Raises:
        InputError: It is tokenised already.
    """
    if isinstance(opened, Tokenised):
        raise InputError(
            f"Asked to read texts; found {shown(opened.x)}, which is tokenised already. Give "
            "texts; fit(), evaluate() and predict() take tokenised input."
        )
    return opened


@contextmanager
def _naming(forms: str) -> Iterator[None]:
    """Errors about another form name those that there are."""
    try:
        yield
    except OtherFormError as error:
        raise InputError(f"{error} {forms}") from None


def _read_naming(forms: str, chunks: Iterator[Texts]) -> Iterator[Texts]:
    with _naming(forms):
        yield from chunks


def _weighted(chunks: Iterator[Texts], sample_weight: Any) -> Iterator[Texts]:
    """The chunks with their weights; that there is one for each text shows at the end."""
    weights = _numbers(sample_weight)
    if weights.ndim != 1:
        _weights(weights, sum(map(len, chunks)))
    done = 0
    for chunk in chunks:
        part = weights[done : done + len(chunk)]
        done += len(chunk)
        if len(part) == len(chunk):
            yield Texts(chunk.first, chunk.second, part, chunk.batch_size)
    _weights(weights, done)


def _open(x: Any, limit: Limit, at_once: int | None) -> Texts | TextStream | Tokenised:
    if isinstance(x, Mapping) and _package(x) == "datasets":
        raise InputError(
            f"Asked to read texts from a {type(x).__name__}; found the splits {list(x)}. "
            f"Give one of them, e.g. data[{next(iter(x), 'train')!r}]."
        )
    if isinstance(x, Mapping):
        return _open(x[TEXT_COLUMN], limit, at_once) if TEXT_COLUMN in x else Tokenised(x)
    if isinstance(x, str | os.PathLike):
        return from_stream(stream_lines([x]), None, at_once)
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
            return _from_table(x, at_once)
    if type(x).__name__ == "DataFrame":
        raise InputError(
            "Asked to read texts from a DataFrame; found a table. Give one column: "
            f"data[{TEXT_COLUMN!r}], or two for pairs: (data['first'], data['second'])."
        )
    if isinstance(x, set | frozenset):
        raise InputError(
            f"Asked to read texts from a {type(x).__name__}, which has no order of its own, so no "
            "run could be repeated. Give a list: sorted(texts)."
        )
    x = plain(x)
    if isinstance(x, np.ndarray):
        return Texts(*from_array(x))
    if isinstance(x, list):
        return _from_sequence(x, at_once)
    if isinstance(x, str | bytes | bytearray) or not isinstance(x, Iterable):
        raise OtherFormError(f"Asked to read texts; found {shown(x)}.")
    return from_stream(x, limit, at_once)


def _from_table(x: Any, at_once: int | None) -> Texts | TextStream | Tokenised:
    """A table on disk is read some rows at a time."""
    step = at_once or CHUNK
    parts = (x[start : start + step][TEXT_COLUMN] for start in range(0, len(x), step))
    opened = from_stream(map(list, parts), None, at_once)
    # Its size is that of our chunks, not of anybody's batches.
    return TextStream(opened.chunks) if isinstance(opened, TextStream) else opened


def _from_tuple(x: tuple[Any, ...]) -> Texts | TextStream | Tokenised:
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
    return Texts(*columns(x, "a tuple"))


def _from_sequence(x: list[Any], at_once: int | None) -> Texts | TextStream | Tokenised:
    if x and isinstance(x[0], os.PathLike):
        for index, path in enumerate(x):
            if not isinstance(path, os.PathLike):
                raise not_a_text(path, index, "a list of paths")
        return from_stream(stream_lines(x), None, at_once)
    return Texts(*from_list(x, "a list"))


def _weights(sample_weight: Any, count: int) -> np.ndarray:
    weights = _numbers(sample_weight)
    if weights.shape != (count,):
        raise InputError(
            f"Asked to weight {count} texts; found sample_weight of shape {weights.shape}. "
            f"Give one number a text, shape ({count},)."
        )
    check_weights(weights, "texts")
    return weights


def _numbers(sample_weight: Any) -> np.ndarray:
    try:
        return on_host(sample_weight).astype(np.float32)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"Asked to weight texts; found sample_weight {shown(sample_weight)}. "
            "Give one number a text."
        ) from error


def _package(x: Any) -> str:
    return type(x).__module__.partition(".")[0]
