"""Words as further pieces of a sentencepiece model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mlmzoo.kit.tokenizers.unigram_model import NORMAL, SPACE, UNIGRAM, UNKNOWN, Model, libraries
from mlmzoo.kit.tokenizers.words import is_word

MARGIN = 0.1
"""How much better a word is than the pieces it was: more than what float32 loses in the sum over
a long text, and less than what would take it into other words."""
UNKNOWN_PENALTY = 10.0
"""What sentencepiece takes from the lowest score for a character without a piece."""


def holds(model: Model, spelled: str) -> bool:
    """Whether a text, as sentencepiece spells it, can be a piece of a model as every other is."""
    word = spelled.removeprefix(SPACE)
    return (
        model.message.trainer_spec.model_type == UNIGRAM
        and spelled.startswith(SPACE)
        and is_word(word)
        and SPACE not in word
    )


def scores(words: Mapping[str, Sequence[int]], model: Model) -> dict[str, float]:
    """The scores of words that take the place of their pieces wherever these were the best.

    Args:
        words: Each word, as sentencepiece spells it -> the ids of its pieces.
        model: The model as it runs.
    """
    pieces = model.message.pieces
    unknown = min(piece.score for piece in pieces if piece.type == NORMAL) - UNKNOWN_PENALTY
    found: dict[str, float] = {}
    beginnings: list[str] = []
    for word in sorted(words):
        while beginnings and not word.startswith(beginnings[-1]):
            beginnings.pop()
        beginnings.append(word)
        before = [pieces[id].score if pieces[id].type != UNKNOWN else unknown for id in words[word]]
        # It has to be better than another new word with the rest of it behind, too.
        found[word] = sum(before) + MARGIN * len(beginnings)
    return {word: found[word] for word in words}


def with_pieces(model: Model, scores: Mapping[str, float]) -> bytes:
    """A model with further pieces behind those it has."""
    _, model_pb2 = libraries()
    message: Any = model_pb2.ModelProto()
    message.CopyFrom(model.message)
    for piece, value in scores.items():
        message.pieces.add(piece=piece, score=value, type=NORMAL)
    message.trainer_spec.vocab_size = len(message.pieces)
    serialized: bytes = message.SerializeToString()
    return serialized
