"""One text, many, or a stream of them: an answer, a list, or a stream of answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any

import numpy as np

from mlmzoo.contract.errors import InputError
from mlmzoo.data.inputs import Texts, TextStream, open_texts
from mlmzoo.data.strings import plain

Text = str | tuple[str, str]


def answer_texts(texts: Any, answer: Callable[[Texts], Any]) -> Any:
    """Answer texts in the form in which they were given.

    Args:
        texts: One text (a str, or a pair of them in a tuple); many (a list or array of texts, a
            tuple of two sequences for pairs); or a stream (a generator or data set).
        answer: Answers some texts: a sequence, in their order.

    Returns:
        One answer; a list; or for a stream an iterator, which reads it some texts at a time.

    Raises:
        InputError: `texts` is of another form, empty, or tokenised already.
    """
    if isinstance(texts, str | bytes) or is_pair(texts):
        return answer(_open([texts]).__next__())[0]
    answered = chain.from_iterable(map(answer, _open(texts)))
    return list(answered) if isinstance(plain(texts), list | tuple | np.ndarray) else answered


def _open(texts: Any) -> Iterator[Texts]:
    opened = open_texts(texts)
    if not isinstance(opened, TextStream):
        raise InputError(
            "Texts were to be answered, and tokenised input was given. Give texts; predict() "
            "takes tokenised input."
        )
    return iter(opened.chunks)


def is_pair(x: Any) -> bool:
    """Whether this is one pair of texts."""
    return isinstance(x, tuple) and len(x) == 2 and all(isinstance(part, str) for part in x)


def given(texts: Texts) -> list[Text]:
    """The texts as they were given: each a str, or a tuple of two."""
    if texts.second is None:
        return list(texts.first)
    return list(zip(texts.first, texts.second, strict=True))


def shorten(text: Text, width: int = 60) -> str:
    """A text for a message."""
    whole = text if isinstance(text, str) else " / ".join(text)
    return whole if len(whole) <= width else whole[: width - 1] + "…"
