"""What is done to a text before sentencepiece normalises it itself, with and without offsets."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby

SWITCHES = ("lowercase", "strip_accents", "straight_quotes", "compose", "commas_apart")
"""The constructor arguments of `Unigram` that say how text is prepared."""

_QUOTES = re.compile("``|''")
_SPACES = re.compile(r"\s{2,}|[\n\r\t]")
_FEW = 8
"""So many alternatives are tried one by one."""
_MARKS = "M"
"""The first letter of the Unicode categories of combining marks: Mn, Mc, Me."""


@dataclass(frozen=True)
class Preparation:
    """The steps, in the order in which they are taken.

    Args:
        straight_quotes: Two backticks or two apostrophes become one quotation mark.
        strip_accents: Characters are taken apart (NFKD) and combining marks dropped.
        lowercase: Characters become lower-case, each by itself.
        compose: Runs of whitespace, tabs and newlines become one space, and characters are put
            together (NFC).
    """

    straight_quotes: bool
    strip_accents: bool
    lowercase: bool
    compose: bool

    @property
    def nothing(self) -> bool:
        """Whether texts stay as they are."""
        return not (self.straight_quotes or self.strip_accents or self.lowercase or self.compose)

    def __call__(self, text: str) -> str:
        """The text as sentencepiece gets it."""
        if self.straight_quotes:
            text = _QUOTES.sub('"', text)
        if self.strip_accents and not text.isascii():
            text = "".join(map(_without_marks, text))
        if self.lowercase:
            # Of a whole string, Python writes a sigma at the end of a word differently.
            text = text.replace("Σ", "σ").lower()
        if self.compose:
            text = unicodedata.normalize("NFC", _marks_in_order(_SPACES.sub(" ", text)))
        return text

    def aligned(self, text: str) -> tuple[str, list[int], list[int]]:
        """The same, and for each of its characters where its part of `text` starts and ends."""
        steps: list[tuple[str, int, int]] = []
        position = 0
        for unit in self._units(text):
            end = position + len(unit)
            steps += [(character, position, end) for character in self(unit)]
            position = end
        return "".join(step[0] for step in steps), [s[1] for s in steps], [s[2] for s in steps]

    def _units(self, text: str) -> list[str]:
        """Stretches of a text that can be prepared one by one."""
        found = re.findall(self._pattern, text)
        if not self.compose:
            return found
        units: list[list[str]] = []
        for unit in found:
            # Characters that would be put together, marks and parts of Hangul, go together.
            if units and (unicodedata.combining(unit[0]) or _joins(units[-1], unit)):
                units[-1].append(unit)
            else:
                units.append([unit])
        return list(map("".join, units))

    @property
    def _pattern(self) -> re.Pattern[str]:
        patterns = [r"``|''"] * self.straight_quotes + [r"\s{2,}"] * self.compose + [r"(?s:.)"]
        return re.compile("|".join(patterns))


@lru_cache(maxsize=65536)
def _without_marks(character: str) -> str:
    parts = unicodedata.normalize("NFKD", character)
    return "".join(part for part in parts if unicodedata.category(part)[0] != _MARKS)


def _joins(parts: list[str], unit: str) -> bool:
    """Whether NFC makes one character of the end of some parts and the beginning of a unit."""
    if parts[-1].isascii():  # puts itself together with marks only
        return False
    before = unicodedata.normalize("NFC", _marks_in_order("".join(parts)))
    return unicodedata.normalize("NFC", before[-1] + unit) != before[-1] + unit


_MANY_MARKS = 100


def _marks_in_order(text: str) -> str:
    """The same text to Unicode, with the marks of long runs in the order that NFC brings them into.

    Python sorts them by insertion: a run of a million takes it an hour.
    """
    if text.isascii() or len(text) < _MANY_MARKS:
        return text
    classes = [unicodedata.combining(character) for character in text]
    begin = 0
    parts: list[str] = []
    for marks, places in groupby(range(len(text)), lambda place: classes[place] > 0):
        end = begin + sum(1 for _ in places)
        part = text[begin:end]
        if marks and len(part) > _MANY_MARKS:
            part = "".join(sorted(part, key=unicodedata.combining))
        parts.append(part)
        begin = end
    return "".join(parts)


def any_of(texts: Sequence[str], deep: int = 3) -> str:
    """A pattern that finds the longest of some texts.

    An alternation is tried from its first member at every character; parted by their first
    characters, few of thousands are.

    Args:
        texts: The texts, sorted.
        deep: Characters to part them by.
    """
    if not deep or len(texts) < _FEW:
        return "|".join(re.escape(text) for text in sorted(texts, key=len, reverse=True))
    parts = []
    for first, group in groupby(texts, lambda text: text[:1]):
        rests = [text[1:] for text in group]
        parts.append(f"{re.escape(first)}(?:{any_of(rests, deep - 1)})" if first else "")
    return "|".join(sorted(parts, reverse=True))


def split(pattern: re.Pattern[str] | None, text: str) -> Iterator[tuple[int, str, str]]:
    """The parts of a text: where one starts, its text, and the token after it or ``""``."""
    start = 0
    for match in pattern.finditer(text) if pattern else ():
        yield start, text[start : match.start()], match.group()
        start = match.end()
    yield start, text[start:], ""


def characters(text: str) -> Sequence[int]:
    """For each byte of a text in UTF-8, and for its end, the number of its character."""
    if text.isascii():
        return range(len(text) + 1)
    numbers = [number for number, character in enumerate(text) for _ in character.encode("utf-8")]
    return [*numbers, len(text)]


_BYTES = re.compile("(?:<0x[0-9A-F]{2}>)+")


def joined_bytes(text: str) -> str:
    """A text in which the tokens of bytes, such as ``<0xC3><0xA9>``, are characters."""
    return _BYTES.sub(_from_bytes, text)


def octet(token: str) -> bytes:
    """The byte that a token such as ``<0xC3>`` stands for; empty if it is no such token."""
    match = _BYTES.fullmatch(token)
    return bytes.fromhex(token[3:5]) if match and len(token) == len("<0xC3>") else b""


def _from_bytes(match: re.Match[str]) -> str:
    return bytes.fromhex(match.group().replace("<0x", "").replace(">", "")).decode(
        "utf-8", "replace"
    )
