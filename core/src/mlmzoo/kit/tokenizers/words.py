"""Where words begin in rows of token ids, from what each id says by itself.

A token begins a word if it carries a space before it, or stands beside punctuation: a piece of
punctuation is a word of its own, and so is what follows it. Symbols count as punctuation.
"""

from __future__ import annotations

import re
import unicodedata

import numpy as np

BEGINS = 1
"""The token begins a word wherever it stands: there is a space in front."""
APART_BEFORE = 2
"""Its first character is punctuation, so it does not continue a word."""
APART_AFTER = 4
"""Its last character is punctuation or a space, so no word goes on behind it."""
BLANK = 8
"""It is nothing but space, the beginning of the word behind it."""
ALONE = 16
"""It is a special token."""

UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u30ff\u3400-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff]"
)
"""Characters of scripts without spaces: Thai, Lao, Burmese, Khmer, Chinese and Japanese."""


def flags_of(surface: bytes) -> int:
    """What a token says of words.

    Args:
        surface: The part of a text it stands for, in UTF-8. It may be part of a character only.
    """
    # A byte that is no whole character becomes one of U+DC80 to U+DCFF, neither space nor
    # punctuation, so what follows continues the word.
    text = surface.decode("utf-8", "surrogateescape")
    if not text:
        return 0
    if text.isspace():
        return BEGINS | BLANK
    flags = 0
    if text[0].isspace():
        flags |= BEGINS
    elif _apart(text[0]):
        flags |= APART_BEFORE
    if text[-1].isspace() or _apart(text[-1]):
        flags |= APART_AFTER
    return flags


def starts(flags: np.ndarray) -> np.ndarray:
    """Whether a word begins at each token.

    Args:
        flags: uint8 of shape ``(T,)``: those of each token, in the order of the text.

    Returns:
        bool of shape ``(T,)``.
    """
    before = np.empty_like(flags)
    before[:1] = ALONE
    before[1:] = flags[:-1]
    result = flags & (BEGINS | APART_BEFORE) != 0
    result |= before & APART_AFTER != 0
    result &= before & BLANK == 0
    result |= (flags | before) & ALONE != 0
    return result


def is_word(text: str) -> bool:
    """Whether a text is one word, which spaces or punctuation part from what is around it.

    Scripts that put no spaces between words, as Chinese and Thai, have none of these.
    """
    apart = any(character.isspace() or _apart(character) for character in text)
    return bool(text) and not apart and not UNSPACED.search(text)


def _apart(character: str) -> bool:
    return unicodedata.category(character)[0] in "PS"
