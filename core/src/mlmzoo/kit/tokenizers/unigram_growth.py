"""Words as further pieces of a sentencepiece model."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from operator import itemgetter
from typing import Any

from mlmzoo.contract.errors import InputError
from mlmzoo.kit.tokenizers.unigram_model import (
    NORMAL,
    SPACE,
    Model,
    libraries,
    processor,
)
from mlmzoo.kit.tokenizers.words import is_word

MARGIN = 0.1
"""How much better a word is than the pieces it was: more than what float32 loses in the sum over
a long text, and less than what would take it into other words."""
_ROUNDS = 50
"""More than words that begin one another."""


def holds(spelled: str) -> bool:
    """Whether a text, as sentencepiece spells it, can be a piece as every other is."""
    word = spelled.removeprefix(SPACE)
    return spelled.startswith(SPACE) and is_word(word) and SPACE not in word


def scores(words: Mapping[str, float]) -> dict[str, float]:
    """The scores of words that take the place of their pieces wherever these were the best.

    Args:
        words: Each word, as sentencepiece spells it -> the sum of the scores of its pieces.
    """
    found: dict[str, float] = {}
    beginnings: list[str] = []
    for word in sorted(words):
        while beginnings and not word.startswith(beginnings[-1]):
            beginnings.pop()
        beginnings.append(word)
        # It has to be better than another new word with the rest of it behind, too.
        found[word] = words[word] + MARGIN * len(beginnings)
    return {word: found[word] for word in words}


def enlarged(model: Model, words: Mapping[str, float]) -> bytes:
    """A model with further pieces behind those it has, all of which are found as before.

    Args:
        model: The model as it is stored.
        words: Each further piece -> its score.

    Raises:
        InputError: The scores are of a size at which such differences are lost.
    """
    _, model_pb2 = libraries()
    message: Any = model_pb2.ModelProto()
    message.CopyFrom(model.message)
    for piece, value in words.items():
        message.pieces.add(piece=piece, score=value, type=NORMAL)
    message.trainer_spec.vocab_size = len(message.pieces)
    before = processor(model.serialized, model.name)
    longer = _beginning_with(words, model)
    longer = [id for id in longer if _ways(before, model.pieces[id])[0] == [id]]
    changed = set(range(len(model.pieces), len(message.pieces)))
    for _ in range(_ROUNDS):
        serialized: bytes = message.SerializeToString()
        after = processor(serialized, model.name)
        beaten = {}
        for id in longer:
            # A new word and the rest of this one may come out as good as this one.
            others = [way for way in _ways(after, model.pieces[id]) if not changed.isdisjoint(way)]
            best = max((_sum(message, way) for way in others if way != [id]), default=-math.inf)
            if message.pieces[id].score < best + MARGIN / 2:
                beaten[id] = best + MARGIN
        if not beaten:
            return serialized
        for id, value in beaten.items():
            message.pieces[id].score = value
        changed |= beaten.keys()
    raise InputError(
        f"{len(words)} words were to become pieces of {model.name}, and its scores cannot be set "
        f"so that {model.pieces[min(beaten)]!r:.60} is still found. Leave out what it begins with."
    )


def _beginning_with(words: Iterable[str], model: Model) -> list[int]:
    """The ids of pieces that go on where a word ends."""
    pieces = sorted((piece, id) for id, piece in enumerate(model.pieces))
    found: set[int] = set()
    for word in words:
        at = bisect_right(pieces, word, key=itemgetter(0))
        while at < len(pieces) and pieces[at][0].startswith(word):
            found.add(pieces[at][1])
            at += 1
    return sorted(id for id in found if model.types[id] == NORMAL)


def _ways(processor: Any, piece: str) -> list[list[int]]:
    """The two best ways to cut the text that a piece, with its space, stands for, as ids."""
    text = piece.replace(SPACE, " ").strip()
    ways: list[list[int]] = processor.nbest_encode(text, nbest_size=2, out_type=int)
    return ways


def _sum(message: Any, ids: Iterable[int]) -> float:
    return sum(message.pieces[id].score for id in ids)
