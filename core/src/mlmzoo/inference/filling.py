"""The answers to a mask: its most probable tokens."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, repr=False)
class Candidate:
    """One token that may stand in a mask.

    Args:
        token: The token as the vocabulary spells it, e.g. ``"##ing"``.
        text: The token as text; a piece of a word keeps its mark, as in transformers.
        id: Its id.
        probability: Softmax over the whole vocabulary, between 0 and 1.
    """

    token: str
    text: str
    id: int
    probability: float

    def __repr__(self) -> str:
        return f"{self.token!r} {self.probability:.1%}"

    def to_dict(self) -> dict[str, Any]:
        """The fields, for JSON."""
        return asdict(self)


@dataclass(frozen=True, repr=False)
class Phrase:
    """A word or phrase that was proposed for a mask.

    Args:
        text: The phrase as it was given.
        tokens: The tokens it becomes where the mask stands, as the vocabulary spells them; a
            token that is nothing but the space before it is one of them.
        ids: Their ids.
        log_probability: Natural logarithm of its probability: with as many masks as it has tokens
            in the place of the mask, the sum of the log-probabilities of its tokens from left to
            right, each where those before it are seen and those after it are masked.
    """

    text: str
    tokens: tuple[str, ...]
    ids: tuple[int, ...]
    log_probability: float

    @property
    def probability(self) -> float:
        """The probability of the phrase among all of as many tokens, between 0 and 1."""
        return math.exp(self.log_probability)

    @property
    def score(self) -> float:
        """Log-probability divided by the number of tokens: what phrases are ranked by, as a longer
        one is less probable for its length alone.
        """
        return self.log_probability / len(self.ids)

    def __repr__(self) -> str:
        return f"{self.text!r} {self.probability:.2g}"

    def to_dict(self) -> dict[str, Any]:
        """The fields, the probability and the score, for JSON."""
        return {**asdict(self), "probability": self.probability, "score": self.score}


@dataclass(frozen=True, repr=False)
class MaskAnswer:
    """The candidates for one mask, best first.

    Args:
        position: Which token of the row the mask is, special tokens counted, from 0.
        candidates: The candidates; those that were asked for are `Phrase`.
        span: Where the mask stands in the text as it was given, ``text[start:end]``.
        segment: 0, or 1 in the second text of a pair.
    """

    position: int
    candidates: tuple[Candidate, ...] | tuple[Phrase, ...]
    span: tuple[int, int]
    segment: int = 0

    def __repr__(self) -> str:
        return f"mask at {self.position}: " + ", ".join(in_words(self.candidates))

    def to_dict(self) -> dict[str, Any]:
        """The fields, for JSON."""
        return {**asdict(self), "candidates": [each.to_dict() for each in self.candidates]}


@dataclass(frozen=True, repr=False)
class FilledText:
    """One text and the answers to its masks, each answered independently of the others.

    Args:
        text: The text as it was given; of a pair, both texts.
        masks: One answer per mask, from left to right.
    """

    text: str | tuple[str, str]
    masks: tuple[MaskAnswer, ...]

    def __repr__(self) -> str:
        return "\n".join([f"{self.text!r}", *(f"  {answer!r}" for answer in self.masks)])

    def to_dict(self) -> dict[str, Any]:
        """The fields, for JSON."""
        return {"text": self.text, "masks": [answer.to_dict() for answer in self.masks]}


def in_words(answers: Sequence[Any]) -> list[str]:
    """Answers as people read them: with the score they are ranked by, where that is not the order
    of their probabilities.
    """
    probabilities = [answer.probability for answer in answers]
    if probabilities == sorted(probabilities, reverse=True):
        return list(map(repr, answers))
    return [f"{answer!r} ({answer.score:.2f} per token)" for answer in answers]


def best_candidates(
    logits: np.ndarray,
    top_k: int,
    id_to_token: Callable[[int], str],
    to_text: Callable[[int], str],
) -> list[tuple[Candidate, ...]]:
    """The `top_k` most probable tokens at each mask, equal ones in the order of their ids.

    Args:
        logits: float32 of shape ``(T, V)``.
        top_k: How many.
        id_to_token: Spelling of an id in the vocabulary.
        to_text: Text of an id.
    """
    highest, log_sums = normalisers(logits)
    found = []
    for row, top, log_sum in zip(logits, highest, log_sums, strict=True):
        ids = best_ids(row, top_k)
        probabilities = np.exp(row[ids].astype("float64") - top - log_sum)
        found.append(
            tuple(
                Candidate(id_to_token(i), to_text(i), i, probability)
                for i, probability in zip(ids.tolist(), probabilities.tolist(), strict=True)
            )
        )
    return found


def normalisers(logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What makes log-probabilities of logits: take off the first, then the second.

    Args:
        logits: float32 of shape ``(T, V)``.

    Returns:
        float64 of shape ``(T,)``: the highest of each mask; and the logarithm of the sum of the
        exponentials of the differences to it.
    """
    highest = logits.max(axis=-1)
    # Thousands of small numbers: single precision is enough for each, not for their sum.
    sums = np.exp(logits - highest[:, None]).sum(axis=-1, dtype="float64")
    return highest.astype("float64"), np.log(sums)


def best_ids(logits: np.ndarray, top_k: int) -> np.ndarray:
    """Ids of the `top_k` highest of ``(V,)``, equal ones in the order of their ids.

    Found without sorting all of them.
    """
    ids = np.arange(len(logits))
    if top_k < len(logits):
        least = np.partition(logits, -top_k)[-top_k]
        ids = np.flatnonzero(logits >= least)  # more than top_k where some are equal
    return ids[np.argsort(-logits[ids], kind="stable")][:top_k]
