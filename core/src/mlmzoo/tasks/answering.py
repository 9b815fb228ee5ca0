"""What all questions about raw text share: what is refused, and the form of the answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any

import numpy as np

from mlmzoo.contract.errors import InputError, RandomHeadError
from mlmzoo.data.inputs import Texts, TextStream, open_texts
from mlmzoo.data.numbers import check_count
from mlmzoo.data.strings import plain
from mlmzoo.tasks.matching import refuse_mismatch

Text = str | tuple[str, str]


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
