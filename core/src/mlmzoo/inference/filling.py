"""The answers to a mask: its most probable tokens."""

from __future__ import annotations

from collections.abc import Callable
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
class MaskAnswer:
    """The candidates for one mask, most probable first.

    Args:
        position: Which token of the row the mask is, special tokens counted, from 0.
        candidates: The candidates.
    """

    position: int
    candidates: tuple[Candidate, ...]

    def __repr__(self) -> str:
        return f"mask at {self.position}: " + ", ".join(map(repr, self.candidates))

    def to_dict(self) -> dict[str, Any]:
        """The fields, for JSON."""
        return asdict(self)


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
        return asdict(self)


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Log-probabilities over the last axis, in float64.

    Args:
        logits: ``(..., V)``.
    """
    shifted = logits.astype("float64") - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def best_candidates(
    logits: np.ndarray,
    top_k: int,
    id_to_token: Callable[[int], str],
    to_text: Callable[[int], str],
) -> tuple[Candidate, ...]:
    """The `top_k` most probable tokens, equal ones in the order of their ids.

    Args:
        logits: ``(V,)``.
        top_k: How many.
        id_to_token: Spelling of an id in the vocabulary.
        to_text: Text of an id.
    """
    probabilities = np.exp(log_softmax(logits))
    order = np.argsort(-probabilities, kind="stable")[:top_k]
    return tuple(
        Candidate(id_to_token(int(i)), to_text(int(i)), int(i), float(probabilities[i]))
        for i in order
    )
