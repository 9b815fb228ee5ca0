"""Streams of texts, of batches of them, or of what is tokenised already."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlmzoo.contract.errors import InputError
from mlmzoo.data.strings import (
    OtherFormError,
    columns,
    from_array,
    from_list,
    not_a_text,
    plain,
    shown,
    strings,
)

TEXT_COLUMN = "text"
"""The entry of a mapping that holds its text, as data sets of the field name it."""
CHUNK = 4096
"""Texts read at a time."""
CHUNK_CHARACTERS = 2**22
"""Characters after which fewer are read."""


@dataclass(frozen=True)
class Texts:
    """Texts, or pairs of them, as plain lists.

    Args:
        first: The texts, or the first segment of each pair.
        second: The second segment of each pair; ``None`` for single texts.
        weights: float32 of shape ``(N,)``, one weight a text, or ``None``.
        batch_size: Size of the first batch of a stream that came in batches, else ``None``.
    """

    first: list[str]
    second: list[str] | None = None
    weights: np.ndarray | None = None
    batch_size: int | None = None

    def __len__(self) -> int:
        return len(self.first)

    def part(self, start: int, stop: int) -> Texts:
        """Texts ``start:stop``."""
        return Texts(
            self.first[start:stop],
            None if self.second is None else self.second[start:stop],
            None if self.weights is None else self.weights[start:stop],
            self.batch_size,
        )


@dataclass(frozen=True)
class TextStream:
    """Texts of any number, some at a time.

    Args:
        chunks: Gives `Texts` of up to `CHUNK` each or as many as were asked for, but whole batches;
            can be gone through once.
        batch_size: Size of the first batch of a stream that came in batches, else ``None``.
    """

    chunks: Iterator[Texts]
    batch_size: int | None = None


@dataclass(frozen=True)
class Tokenised:
    """Input that is tokenised already and goes to Keras.

    Args:
        x: What to hand to Keras. It is the object given, but for a one-shot iterator: that had to
            be looked into, so this is a generator that starts with the element looked at.
    """

    x: Any


def in_chunks(texts: Texts, at_once: int | None = None) -> Iterator[Texts]:
    """Texts that are in memory, up to `CHUNK` at a time, or `at_once`."""
    start = 0
    while start < len(texts):
        stop = min(start + (at_once or CHUNK), len(texts))
        while stop > start + 1 and _characters(texts, start, stop) > CHUNK_CHARACTERS:
            stop = start + (stop - start) // 2
        yield texts.part(start, stop)
        start = stop


def _characters(texts: Texts, start: int, stop: int) -> int:
    columns = (texts.first, texts.second or [])
    return sum(sum(map(len, column[start:stop])) for column in columns)


def from_stream(
    x: Iterable[Any], limit: tuple[int, int] | None, at_once: int | None = None
) -> TextStream | Tokenised:
    """Read a stream of texts or pairs, or of batches of them, to its end or to `limit`.

    Args:
        x: Any iterable. An element can be a mapping with an entry ``"text"``.
        limit: Most batches to take, and how many texts count as one where elements are single.
        at_once: Texts a chunk, by default `CHUNK`.

    Raises:
        InputError: The stream says that it has no end and there is no limit, it is empty, or its
            elements are no texts or not all of one form. What is found later in the stream is
            said when it is reached.
    """
    if _is_tokenised(getattr(x, "element_spec", None)):  # a tf.data.Dataset tells without reading
        return Tokenised(x)
    if limit is None and _is_endless(x):
        raise InputError(
            f"Asked to read all texts of a {type(x).__name__}; found that it has no end. "
            "Give steps_per_epoch, or take the repetition out."
        )
    # A DataLoader turns a batch of pairs into a list of two columns.
    collated = _inherits(x, "DataLoader", "torch.utils.data")
    iterator = iter(x)
    for element in iterator:
        if _is_tokenised(element):
            return Tokenised(_from(element, iterator) if iterator is x else x)
        ones, _, batched = _element(element, 0, collated)
        chunks = _chunks(_from(element, iterator), collated, limit, at_once or CHUNK)
        return TextStream(chunks, len(ones) if batched else None)
    raise nothing_found()


def nothing_found() -> InputError:
    """The error for data without a text."""
    return OtherFormError("Asked to read texts; found none: the data is empty.")


def _chunks(
    elements: Iterator[Any], collated: bool, limit: tuple[int, int] | None, at_once: int
) -> Iterator[Texts]:
    form: str | None = None
    first: list[str] = []
    second: list[str] = []
    read = characters = 0

    def chunk() -> Texts:
        return Texts(first, second if form and form.endswith("pairs") else None)

    for index, element in enumerate(elements):
        ones, twos, batched = _element(element, index, collated)
        found = ("batches of " if batched else "") + ("texts" if twos is None else "pairs")
        if form is not None and found != form:
            raise InputError(
                f"Asked to read a stream of {form}; found {found} at index {index}: "
                f"{shown(element)}. Give elements of one form."
            )
        form = found
        first += ones
        second += twos or []
        read += len(ones)
        characters += sum(map(len, ones)) + sum(map(len, twos or []))
        # Asked before the next element is pulled: pulling may wait, or count.
        if limit and (index + 1 >= limit[0] if batched else read >= limit[0] * limit[1]):
            break
        if len(first) >= at_once or characters >= CHUNK_CHARACTERS:
            yield chunk()
            first, second, characters = [], [], 0
    if first:
        yield chunk()
    if not read:
        raise nothing_found()


def _element(element: Any, index: int, collated: bool) -> tuple[list[str], list[str] | None, bool]:
    """First segments, second segments, and whether the element is a batch."""
    what = f"element {index} of a stream"
    if isinstance(element, Mapping):
        if TEXT_COLUMN not in element:
            raise not_a_text(element, index, "a stream of texts")
        element = element[TEXT_COLUMN]
    element = plain(element)
    if isinstance(element, tuple) and len(element) == 1:
        element = plain(element[0])
    if isinstance(element, str | bytes):
        return strings([element], what), None, False
    if collated and isinstance(element, list) and len(element) == 2:
        if all(isinstance(part, list | tuple) for part in element):
            element = tuple(element)
    if isinstance(element, tuple) and len(element) == 2:
        parts = [plain(part) for part in element]
        if all(isinstance(part, str | bytes) for part in parts):
            return strings(parts[:1], what), strings(parts[1:], what), False
        return *columns(parts, what), True
    if isinstance(element, np.ndarray):
        return *from_array(element), True
    if isinstance(element, list):
        return *from_list(element, what), True
    raise not_a_text(element, index, "a stream of texts")


def _is_tokenised(element: Any) -> bool:
    # A DataLoader makes a list of a tuple.
    head = element[0] if isinstance(element, tuple | list) and element else element
    return isinstance(head, Mapping) and TEXT_COLUMN not in head


def _is_endless(x: Any) -> bool:
    """Whether a stream says that it has no end; most cannot tell."""
    if _inherits(x, "DatasetV2", "tensorflow.python"):
        return int(x.cardinality()) == -1
    return _inherits(x, "PyDataset", "keras.") and x.num_batches is None


def _from(first: Any, rest: Iterator[Any]) -> Iterator[Any]:
    # A generator function, for Keras takes no other kind of iterator.
    yield first
    yield from rest


def _inherits(x: Any, name: str, module: str) -> bool:
    return any(
        parent.__name__ == name and parent.__module__.startswith(module)
        for parent in type(x).__mro__
    )
