"""Pseudo-log-likelihood: how probable a masked language model finds a text.

Salazar et al. (2020), https://arxiv.org/abs/1910.14659: the sum, over the tokens of a text, of the
log-probability of each where it is masked and all others are seen. Kauf and Ivanova (2023),
https://arxiv.org/abs/2305.10588: the rest of the token's word is masked, too, as otherwise a rare
word of several tokens looks probable because each part gives the others away.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from mlmzoo.contract.errors import InputError

METHODS = ("pll", "pll_word_l2r", "one_pass")
"""``"pll"``: each token is masked in turn. ``"pll_word_l2r"``: and what follows it in its word.
``"one_pass"``: nothing is masked, and the model sees each token that it is asked for: quick, an
approximation, and no pseudo-log-likelihood."""

TIE = 1e-5
"""Difference in log-probability, for each token, that says nothing: single precision gives the same
text other numbers in another batch."""


@dataclass(frozen=True, repr=False)
class TokenScore:
    """How probable one token is.

    Args:
        token: The token as the vocabulary spells it.
        id: Its id.
        span: Characters it was made from, ``text[start:end]`` of the text as it was given.
        log_probability: Natural logarithm of its probability.
        segment: 0, or 1 for a token of the second text of a pair.
    """

    token: str
    id: int
    span: tuple[int, int]
    log_probability: float
    segment: int = 0

    def __repr__(self) -> str:
        return f"{self.token!r} {self.log_probability:.2f}"

    def to_dict(self) -> dict[str, Any]:
        """The fields, for JSON."""
        return asdict(self)


@dataclass(frozen=True, repr=False)
class TextScore:
    """How probable one text is.

    Args:
        text: The text as it was given; of a pair, both texts.
        method: How it was scored, one of `METHODS`.
        tokens: One score a token, special tokens left out.
    """

    text: str | tuple[str, str]
    method: str
    tokens: tuple[TokenScore, ...]

    @property
    def log_probability(self) -> float:
        """The sum over the tokens: the pseudo-log-likelihood, unless `approximate`."""
        return math.fsum(token.log_probability for token in self.tokens)

    @property
    def pseudo_perplexity(self) -> float:
        """Perplexity of the text alone: lower is more probable. NaN without tokens."""
        return pseudo_perplexity([self]) if self.tokens else math.nan

    @property
    def approximate(self) -> bool:
        """Whether this is the approximation of one pass rather than a pseudo-log-likelihood."""
        return self.method == "one_pass"

    def __repr__(self) -> str:
        name = "approximate log-probability" if self.approximate else "pseudo-log-likelihood"
        return f"{self.text!r}: {name} {self.log_probability:.2f}, {len(self.tokens)} tokens"

    def to_dict(self) -> dict[str, Any]:
        """The fields, the sum, the pseudo-perplexity (``None`` without tokens, or where no float
        can hold it) and the approximation's label, for JSON.
        """
        value = self.pseudo_perplexity
        return {
            "text": self.text,
            "method": self.method,
            "approximate": self.approximate,
            "log_probability": self.log_probability,
            "pseudo_perplexity": value if math.isfinite(value) else None,
            "tokens": [token.to_dict() for token in self.tokens],
        }


@dataclass(frozen=True, repr=False)
class Preference:
    """Which of two texts is more probable.

    Args:
        a: The score of the first.
        b: The score of the second.
    """

    a: TextScore
    b: TextScore

    @property
    def difference(self) -> float:
        """Log-probability of a minus that of b: positive where a is preferred. Not divided by the
        number of tokens, as the texts of a minimal pair differ in little.
        """
        return self.a.log_probability - self.b.log_probability

    @property
    def preferred(self) -> str | None:
        """``"a"``, ``"b"``, or ``None`` for a tie: a difference of less than `TIE` a token."""
        if abs(self.difference) < TIE * max(len(self.a.tokens), len(self.b.tokens), 1):
            return None
        return "a" if self.difference > 0 else "b"

    def __repr__(self) -> str:
        return f"prefers {self.preferred}, by {abs(self.difference):.2f}: {self.a!r} | {self.b!r}"

    def to_dict(self) -> dict[str, Any]:
        """The fields, for JSON."""
        return {
            "preferred": self.preferred,
            "difference": self.difference,
            "a": self.a.to_dict(),
            "b": self.b.to_dict(),
        }


def check_method(method: str) -> None:
    """Raise `InputError` for a method that is not there."""
    if method not in METHODS:
        raise InputError(
            f"method={method!r} was asked for. Give one of {', '.join(map(repr, METHODS))}."
        )


def pseudo_perplexity(scores: Iterable[TextScore]) -> float:
    """Pseudo-perplexity of a corpus: exp of minus the mean log-probability of all its tokens.

    Args:
        scores: What `MaskedLM.score` gave, a list or a stream; nothing of it is kept.

    Returns:
        At least 1; lower is more probable; infinite where no float can hold it. With scores of
        ``method="one_pass"`` an approximation that is far too low.

    Raises:
        InputError: There are no tokens.
    """
    total, count = 0.0, 0
    for score in scores:
        total += score.log_probability
        count += len(score.tokens)
    if not count:
        raise InputError(
            "Pseudo-perplexity was asked of texts without tokens. Give at least one token."
        )
    return perplexity(-total / count)


def perplexity(loss: float) -> float:
    """That of a mean loss in nats: exp, infinite where no float can hold it (from 709.8 on)."""
    try:
        return math.exp(loss)
    except OverflowError:
        return math.inf
