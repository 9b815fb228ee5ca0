"""Several masks filled together, by a beam search over the order in which they are filled."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from mlmzoo.inference.filling import best_ids, in_words, normalisers

ORDERS = ("confident", "left_to_right")
"""``"confident"``: next comes the mask whose best token is the most probable.
``"left_to_right"``: next comes the first mask that is left."""


@dataclass(frozen=True, repr=False)
class Fill:
    """What was put in the place of one mask.

    Args:
        text: The tokens as text.
        tokens: The tokens as the vocabulary spells them, one or several.
        ids: Their ids.
        span: Where the mask stands in the text as it was given, ``text[start:end]``.
        segment: 0, or 1 in the second text of a pair.
    """

    text: str
    tokens: tuple[str, ...]
    ids: tuple[int, ...]
    span: tuple[int, int]
    segment: int = 0

    def __repr__(self) -> str:
        return repr(" ".join(self.tokens))  # "##t" and "t" are both "t" as text


@dataclass(frozen=True, repr=False)
class Completion:
    """One way to fill all masks of a text.

    Args:
        text: The text with the masks filled; of a pair, both texts.
        fills: One for each mask, from left to right.
        log_probability: Natural logarithm of the joint probability: the sum of the
            log-probabilities of the tokens, each as the model gave it when it was filled, those
            filled before it being seen and the others masked.
    """

    text: str | tuple[str, str]
    fills: tuple[Fill, ...]
    log_probability: float

    @property
    def probability(self) -> float:
        """The joint probability, between 0 and 1."""
        return math.exp(self.log_probability)

    @property
    def score(self) -> float:
        """Log-probability divided by the number of tokens: what completions of different lengths
        are ranked by.
        """
        return self.log_probability / max(1, sum(len(fill.ids) for fill in self.fills))

    def __repr__(self) -> str:
        return f"{', '.join(map(repr, self.fills))} {self.probability:.2%}"

    def to_dict(self) -> dict[str, Any]:
        """The fields, the probability and the score, for JSON."""
        return {**asdict(self), "probability": self.probability, "score": self.score}


@dataclass(frozen=True, repr=False)
class CompletedText:
    """One text and the ways to fill its masks, best first.

    Args:
        text: The text as it was given; of a pair, both texts.
        completions: The completions.
    """

    text: str | tuple[str, str]
    completions: tuple[Completion, ...]

    def __repr__(self) -> str:
        return "\n".join([f"{self.text!r}", *(f"  {each}" for each in in_words(self.completions))])

    def to_dict(self) -> dict[str, Any]:
        """The fields, for JSON."""
        return {"text": self.text, "completions": [each.to_dict() for each in self.completions]}


@dataclass(frozen=True)
class Hypothesis:
    """A row with some of its masks filled.

    Args:
        ids: Token ids of the row, special tokens included.
        open: Places in it that are still masked, ascending.
        log_probability: Of what was filled so far.
    """

    ids: tuple[int, ...]
    open: tuple[int, ...]
    log_probability: float = 0.0

    def filled(self, place: int, id: int, log_probability: float) -> Hypothesis:
        """This one with a further token."""
        return Hypothesis(
            (*self.ids[:place], id, *self.ids[place + 1 :]),
            tuple(other for other in self.open if other != place),
            self.log_probability + log_probability,
        )


class Beam:
    """The best hypotheses for one row, extended by one token at a time.

    Args:
        width: How many are kept.
        order: One of `ORDERS`.
        start: The row with all of its masks.
    """

    def __init__(self, width: int, order: str, start: Hypothesis) -> None:
        self.width = width
        self.order = order
        self.start = start
        self.hypotheses = [start]
        """Those kept so far, best first."""

    @property
    def done(self) -> bool:
        """Whether no mask is left."""
        return not self.hypotheses[0].open

    def extensions(
        self, hypothesis: Hypothesis, logits: np.ndarray, excluded: Sequence[int]
    ) -> list[Hypothesis]:
        """The best ways to fill one more mask of a hypothesis, `width` of them.

        Args:
            hypothesis: One of `hypotheses`.
            logits: float32 of shape ``(len(hypothesis.open), V)``.
            excluded: Ids that are never filled in. Probabilities are not rescaled without them.
        """
        logits = logits[:1] if self.order == "left_to_right" else logits
        highest, log_sums = normalisers(logits)
        allowed = logits.copy()
        allowed[:, list(excluded)] = -np.inf
        # The first of equals, so that the order is the same everywhere.
        which = int((allowed.max(axis=-1) - highest - log_sums).argmax())
        best = best_ids(allowed[which], self.width)
        values = allowed[which, best].astype("float64") - highest[which] - log_sums[which]
        place = hypothesis.open[which]
        return [
            hypothesis.filled(place, id, value)
            for id, value in zip(best.tolist(), values.tolist(), strict=True)
            if value > -math.inf
        ]

    def keep(self, extended: Iterable[Hypothesis]) -> None:
        """Go on with the best of what all hypotheses were extended to."""
        self.hypotheses = best_of(extended, self.width)


def best_of(hypotheses: Iterable[Hypothesis], count: int) -> list[Hypothesis]:
    """The `count` most probable ones; of those that filled in the same, the most probable one."""
    kept: dict[Any, Hypothesis] = {}
    for each in sorted(hypotheses, key=lambda each: (-each.log_probability, each.ids)):
        kept.setdefault((each.ids, each.open), each)
    return list(kept.values())[:count]
