"""Learns a byte-level BPE vocabulary from text, the same one from the same text."""

from __future__ import annotations

import json
from typing import Any

from mlmzoo.contract.errors import InputError
from mlmzoo.kit.tokenizers.training_texts import batches, no_text, training_texts


def train_vocabulary(
    data: Any,
    *,
    vocabulary_size: int,
    first_tokens: list[str],
    last_tokens: list[str],
    add_prefix_space: bool,
    min_frequency: int,
) -> tuple[list[str], list[tuple[str, str]]]:
    """Tokens in id order, and merges.

    Args:
        data: Texts or files, see `ByteLevelBPE.train`.
        vocabulary_size: Number of tokens.
        first_tokens: Tokens before the pieces, special ones.
        last_tokens: Tokens after them.
        add_prefix_space: Whether a text is read as if it began with a space.
        min_frequency: How often a pair of pieces must occur to be joined.

    Returns:
        The tokens: `first_tokens`, the 256 bytes, pieces as they were joined, `last_tokens`.
        And the merges, which make the pieces in that order.
    """
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    texts = training_texts(data)
    if not any(text.strip() for text in texts()):
        raise no_text()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    around = {*first_tokens, *last_tokens} - set(alphabet)
    if vocabulary_size < len(around) + len(alphabet):
        raise InputError(
            f"vocabulary_size={vocabulary_size} was asked for, and the special tokens with the "
            f"256 bytes take {len(around) + len(alphabet)} already. Ask for more."
        )
    learner = Tokenizer(models.BPE())
    learner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=add_prefix_space)
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary_size - len(around),
        min_frequency=min_frequency,
        initial_alphabet=alphabet,
        show_progress=False,
    )
    learner.train_from_iterator(batches(texts()), trainer)
    model = json.loads(learner.to_str())["model"]
    pieces = sorted(model["vocab"], key=model["vocab"].__getitem__)
    inner = [piece for piece in pieces if piece not in last_tokens]
    tokens = list(dict.fromkeys([*first_tokens, *inner, *last_tokens]))
    return tokens, [(left, right) for left, right in model["merges"]]
