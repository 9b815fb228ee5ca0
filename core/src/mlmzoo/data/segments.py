"""Where words begin by a segmenter of the user's, for scripts without spaces."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

import numpy as np

from mlmzoo.contract.errors import InputError

Segmenter: TypeAlias = Callable[[str], Iterable[str]]
"""From a text to its words, which in a row are the text again, whitespace aside."""


def word_starts(text: str, segmenter: Segmenter, spans: Sequence[tuple[int, int]]) -> np.ndarray:
    """Whether a word begins at each token of a text.

    Tokens that share a word, and words that share a token, are one.

    Args:
        text: The text.
        segmenter: See `Segmenter`.
        spans: First character, and the one after the last, of each token, T of them.

    Returns:
        bool of shape ``(T,)``.

    Raises:
        InputError: The segmenter's words are not those of the text.
    """
    words = _words(text, segmenter)
    # From here on places count the characters that are no whitespace, of which each has a word.
    visible = np.fromiter((not character.isspace() for character in text), bool, len(text))
    seen = np.concatenate([[0], np.cumsum(visible)])
    word_of = np.repeat(np.arange(len(words)), [len(word) for word in words])
    borders = seen[np.asarray(spans, np.int64).reshape(-1, 2)]
    begin, end = borders[:, 0], borders[:, 1]
    result = np.ones(len(begin), bool)
    if not len(word_of):
        return result
    last = len(word_of) - 1
    # A token of whitespace alone belongs to the word behind it.
    before = np.maximum(end[:-1] - 1, begin[:-1])
    result[1:] = word_of[np.minimum(begin[1:], last)] != word_of[np.minimum(before, last)]
    return result


def _words(text: str, segmenter: Segmenter) -> list[str]:
    """The segmenter's words without whitespace."""
    given = segmenter(text)
    listed = isinstance(given, Iterable) and not isinstance(given, str)
    words = list(given) if listed else []
    if not listed or not all(isinstance(word, str) for word in words):
        raise InputError(
            f"The segmenter was asked for the words of {_shown(text)}; it gave {_shown(given)}. It "
            "must give a list of strings."
        )
    words = [visible for word in words if (visible := "".join(word.split()))]
    if "".join(words) != "".join(text.split()):
        raise InputError(
            f"The segmenter was asked for the words of {_shown(text)}; it gave {_shown(words)}. In "
            "a row they must be the text again, whitespace aside: no character left out or changed."
        )
    return words


def _shown(value: object) -> str:
    return f"{value!r:.200}"
