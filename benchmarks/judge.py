"""Held-out loss, the same for all: the same masked batches, and one way to compute it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

LEARNING_RATE = 5e-4
EPSILON = 1e-10
"""Of Adam in the adaptation that is judged. Keras and PyTorch add epsilon at different places; at
their defaults that alone moves the loss, at this one it does not."""
RATE = 0.15
MASKED, RANDOM = 0.8, 0.1


def mask(
    ids: np.ndarray, real: np.ndarray, mask_id: int, drawn_ids: np.ndarray, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mask rows by BERT's rule (Devlin et al., 2018, appendix A.1).

    Args:
        ids: Tokens ``(B, L)``.
        real: Which of them may be masked, bool ``(B, L)``; at least one in each row.
        mask_id: Id of the mask token.
        drawn_ids: Ids that random replacements are drawn from.
        seed: Of all that is drawn.

    Returns:
        The masked tokens ``(B, L)``, and the places ``(B, M)`` that were selected, ascending; a row
        with fewer than the most has its first one again, with weight 0: the weights ``(B, M)``.
    """
    rng = np.random.default_rng(seed)
    counts = np.maximum(1, np.round(RATE * real.sum(1)).astype(int))
    order = np.argsort(np.where(real, rng.random(ids.shape), 2.0), axis=1)
    positions = np.full((len(ids), counts.max()), -1)
    for row, count in enumerate(counts):
        positions[row, :count] = np.sort(order[row, :count])
    weights = (positions >= 0).astype("float32")
    positions = np.where(positions < 0, positions[:, :1], positions)
    fate = rng.random(positions.shape)
    stood = np.take_along_axis(ids, positions, axis=1)
    drawn = rng.choice(drawn_ids, positions.shape)
    new = np.select([fate < MASKED, fate < MASKED + RANDOM], [mask_id, drawn], stood)
    masked = ids.copy()
    # From the last slot to the first, so that of a place that is there twice the first one decides.
    for slot in reversed(range(positions.shape[1])):
        masked[np.arange(len(ids)), positions[:, slot]] = new[:, slot]
    return masked, positions, weights


def loss(path: str, logits_of: Callable[[dict[str, Any]], Any]) -> float:
    """Mean cross-entropy over all masked tokens of the held-out batches, in nats.

    Args:
        path: Where `benchmarks.work` has written them.
        logits_of: From a batch to logits ``(B, M, V)`` at its ``mask_positions``.
    """
    with np.load(path) as file:
        data = dict(file)
    total = 0.0
    for begin in range(0, len(data["token_ids"]), 32):
        batch = {name: value[begin : begin + 32] for name, value in data.items()}
        logits = np.asarray(logits_of(batch), "float64")
        shifted = logits - logits.max(-1, keepdims=True)
        normaliser = np.log(np.exp(shifted).sum(-1))
        right = np.take_along_axis(shifted, batch["labels"][..., None], axis=-1)[..., 0]
        total += float(((normaliser - right) * batch["weights"]).sum())
    return total / float(data["weights"].sum())
