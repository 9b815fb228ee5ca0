"""The unigram baseline: what a model that knows only how frequent each token is would reach."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class UnigramScore:
    """How a unigram model does on some masked tokens.

    Args:
        loss: Cross-entropy in nats, mean over the masked tokens.
        accuracy: Share of masked tokens that are the most frequent one, 0 to 1.
        most_frequent: Id of that token.
        tokens: Number of masked tokens.
    """

    loss: float
    accuracy: float
    most_frequent: int
    tokens: int


def unigram_score(
    training_ids: np.ndarray, labels: np.ndarray, vocabulary_size: int, special_ids: tuple[int, ...]
) -> UnigramScore:
    """Score the token frequencies of the training text on the masked tokens of another text.

    Each ordinary token is counted once more than it occurs (add-one smoothing), so that one the
    training text lacks has a probability too.

    Args:
        training_ids: Token ids of the training text ``(T,)``; special ones are left out.
        labels: Ids of the masked tokens ``(K,)``.
        vocabulary_size: Number of token ids.
        special_ids: Ids that are never masked.
    """
    counts = np.bincount(training_ids, minlength=vocabulary_size).astype("float64") + 1.0
    counts[list(special_ids)] = 0.0
    best = int(counts.argmax())
    log_probabilities = np.log(counts[labels] / counts.sum())
    return UnigramScore(
        loss=float(-log_probabilities.mean()),
        accuracy=float((labels == best).mean()),
        most_frequent=best,
        tokens=len(labels),
    )
