"""What all questions about raw text share: what is refused, and the form of the answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import numpy as np

from mlmzoo.contract.errors import InputError, RandomHeadError
from mlmzoo.data.inputs import Texts, open_texts, untokenised
from mlmzoo.data.numbers import check_count
from mlmzoo.data.streams import in_chunks
from mlmzoo.data.strings import plain
from mlmzoo.tasks.matching import refuse_mismatch

Text = str | tuple[str, str]
AT_ONCE = 256
"""Texts of a stream that are answered together: eight batches, enough to put those of similar
length into one, and few enough for the first answer to come soon."""
ASKED_FORMS = (
    "Give one text; a list, array or Series of texts; or a stream: a generator, a data set or the "
    "path of a file. A pair of texts is a tuple."
)


@dataclass(frozen=True)
class Asked(Texts):
    """Some of the texts that a question is about.

    Args:
        begin: How many were given before them; ``None`` where only one was given.
    """

    begin: int | None = 0

    def name(self, number: int) -> str:
        """Which of the texts that were given is number `number` of these, for a message."""
        return "the text" if self.begin is None else f"the text at index {self.begin + number}"


class Answering:
    """Mixin: a task that is asked about raw text, through its preprocessor."""

    backbone: Any
    preprocessor: Any
    head_state: str

    def _need_preprocessor(self, what: str, batch_size: int = 1) -> None:
        if self.preprocessor is None:
            raise InputError(
                f"{what} was asked of a model whose preprocessor is None. Set "
                "`model.preprocessor`, or use predict() with tokenised input."
            )
        check_count("batch_size", batch_size)
        refuse_mismatch(self.backbone, self.preprocessor)

    def _refuse_to_answer(self, what: str, batch_size: int) -> None:
        if self.head_state == "random":
            raise RandomHeadError(
                f"{what} was asked of a masked-LM head that was never trained: its answers would "
                "be noise. Load a preset that has a trained head, or train this one with fit()."
            )
        self._need_preprocessor(what, batch_size)


def answer_texts(texts: Any, answer: Callable[[Asked], Any], at_once: int | None = None) -> Any:
    """Answer texts in the form in which they were given.

    Args:
        texts: One text (a str, or a pair of them in a tuple); many (a list or array of texts, a
            tuple of two sequences for pairs); or a stream (a generator or data set).
        answer: Answers some texts: a sequence, in their order.
        at_once: Most texts that are answered at a time, by default `AT_ONCE` of a stream, and of
            what is in memory as many as are tokenised together anyway.

    Returns:
        One answer; a list; or for a stream an iterator, which reads it some texts at a time.

    Raises:
        InputError: `texts` is of another form, empty, or tokenised already.
    """
    if isinstance(texts, str | bytes) or is_pair(texts):
        (only,) = _open([texts])
        return answer(replace(only, begin=None))[0]
    in_memory = isinstance(plain(texts), list | tuple | np.ndarray)
    opened = _open(texts, at_once or (None if in_memory else AT_ONCE))
    answered = chain.from_iterable(map(answer, opened))
    return list(answered) if in_memory else answered


def _open(texts: Any, at_once: int | None = None) -> Iterator[Asked]:
    opened = untokenised(open_texts(texts, at_once=at_once, forms=ASKED_FORMS))
    return _asked(opened.chunks, at_once)


def _asked(chunks: Iterator[Texts], at_once: int | None) -> Iterator[Asked]:
    begin = 0
    for chunk in chunks:
        for part in in_chunks(chunk, at_once):  # a batch of a stream may hold many
            yield Asked(part.first, part.second, begin=begin)
            begin += len(part)


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
