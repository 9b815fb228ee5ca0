"""Text to judge a model by: parted from what it trains on, and what a baseline reaches on it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from mlmzoo.contract.errors import InputError
from mlmzoo.data.inputs import Texts
from mlmzoo.data.masking import draw
from mlmzoo.data.pipeline import MASKS
from mlmzoo.inference.baseline import UnigramScore, unigram_score
from mlmzoo.tasks.text_batches import EVALUATION_SEED


def held_out_split(texts: Sequence[str], share: float, seed: int) -> tuple[list[str], list[str]]:
    """Part texts into those to train on and those to judge by, at random but always the same.

    Each part keeps the order of the texts. A text that occurs several times goes to one part
    with all its copies: what was trained on must not be judged by.

    Args:
        texts: The texts.
        share: Share of the different texts to hold out, between 0 and 1; at least one is.
        seed: The same seed and texts give the same parts everywhere.

    Raises:
        InputError: The share makes no sense, or the texts are not at least two different ones.

    Example:
        >>> held_out_split(["a", "b", "c", "d"], 0.25, seed=1)
        (['a', 'b', 'c'], ['d'])
    """
    if not 0 < share < 1:
        raise InputError(
            f"A share of {share} of the texts was to be held out. Give a number between 0 and 1."
        )
    different = list(dict.fromkeys(texts))
    count = max(1, round(share * len(different)))
    if count >= len(different):
        raise InputError(
            f"A share of {share} of {len(different)} different texts was to be held out, which "
            "leaves none to train on. Give more texts, or a smaller share."
        )

    def place(text: str) -> bytes:
        # A digest, not a random generator, so that texts that are added leave the others on
        # their side, as far as the count allows.
        return hashlib.sha256(f"{seed}\n{text}".encode()).digest()

    held_out = set(sorted(different, key=place)[:count])
    return (
        [text for text in texts if text not in held_out],
        [text for text in texts if text in held_out],
    )


def masked_labels(preprocessor: Any, texts: Sequence[str]) -> np.ndarray:
    """Ids ``(K,)`` of the tokens that `MaskedLM.evaluate` masks in these texts."""
    rows = preprocessor.rows(Texts(list(texts)))
    return draw(rows, preprocessor.rule, (EVALUATION_SEED, 0, MASKS)).labels


def unigram_baseline(
    preprocessor: Any, training: Sequence[str], held_out: Sequence[str]
) -> UnigramScore:
    """What token frequencies alone reach, on the very masks that `MaskedLM.evaluate` draws.

    Args:
        preprocessor: The `MaskedLMPreprocessor` of the model to compare with.
        training: Texts to count tokens in.
        held_out: Texts to be judged by.
    """
    rule = preprocessor.rule
    return unigram_score(
        preprocessor.rows(Texts(list(training))).ids,
        masked_labels(preprocessor, held_out),
        rule.vocabulary_size,
        rule.special_ids,
    )
