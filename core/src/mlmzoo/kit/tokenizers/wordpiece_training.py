"""Learns a WordPiece vocabulary from text, the same one from the same text."""

from __future__ import annotations

from collections import Counter
from typing import Any

from mlmzoo.contract.errors import InputError
from mlmzoo.kit.tokenizers.training_texts import Texts, batches, no_text, training_texts


def train_vocabulary(
    data: Any,
    encoder: Any,
    *,
    vocabulary_size: int,
    first_tokens: list[str],
    suffix_indicator: str,
    min_frequency: int,
    limit_alphabet: int,
) -> list[str]:
    """Tokens in id order: `first_tokens`, single characters, then pieces as they were joined.

    Args:
        data: Texts or files, see `WordPiece.train`.
        encoder: A ``tokenizers.Tokenizer`` whose normalisation and splitting is used.
        vocabulary_size: Number of tokens.
        first_tokens: Tokens to put first, special ones.
        suffix_indicator: What marks a piece that continues a word.
        min_frequency: How often a pair of pieces must occur to be joined.
        limit_alphabet: How many different characters to keep.
    """
    texts = training_texts(data)
    alphabet, suffixes = _alphabet(texts, encoder, suffix_indicator)
    if len(alphabet) > limit_alphabet:
        alphabet = _most_frequent(texts, encoder, limit_alphabet, alphabet)
        kept = {suffix_indicator + character for character in alphabet}
        suffixes = [suffix for suffix in suffixes if suffix in kept]
    if not alphabet:
        raise no_text()
    smallest = len({*first_tokens, *alphabet, *suffixes})
    if vocabulary_size < smallest:
        raise InputError(
            f"vocabulary_size={vocabulary_size} was asked for, and the special tokens with the "
            f"{len(alphabet)} different characters of the text take {smallest} already. Ask for "
            "more, or lower limit_alphabet."
        )
    # The trainer numbers continuing characters in the order of a hash map, which differs from
    # run to run, and breaks ties by number. Given as special tokens they have numbers already.
    ids = _run_trainer(
        texts,
        encoder,
        vocab_size=vocabulary_size,
        min_frequency=min_frequency,
        special_tokens=[*first_tokens, *suffixes],
        initial_alphabet=alphabet,
        limit_alphabet=len(alphabet),
        continuing_subword_prefix=suffix_indicator,
    )
    joined = sorted(ids.keys() - {*first_tokens, *alphabet, *suffixes}, key=ids.__getitem__)
    return list(dict.fromkeys([*first_tokens, *alphabet, *suffixes, *joined]))


def _alphabet(texts: Texts, encoder: Any, suffix_indicator: str) -> tuple[list[str], list[str]]:
    """All characters of the text, and all that continue a word, with the suffix indicator."""
    ids = _run_trainer(
        texts, encoder, vocab_size=0, continuing_subword_prefix=suffix_indicator, min_frequency=0
    )
    suffixes = sorted(token for token in ids if len(token) > 1)
    return sorted(token for token in ids if len(token) == 1), suffixes


def _most_frequent(texts: Texts, encoder: Any, limit: int, alphabet: list[str]) -> list[str]:
    # Counted here because the trainer breaks ties in the order of a hash map.
    counts: Counter[str] = Counter()
    normalize = encoder.normalizer.normalize_str
    for text in texts():
        counts.update(normalize(text))
    return sorted(sorted(alphabet, key=lambda character: (-counts[character], character))[:limit])


def _run_trainer(texts: Texts, encoder: Any, **settings: Any) -> dict[str, int]:
    from tokenizers import Tokenizer, models, trainers

    learner = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    learner.normalizer = encoder.normalizer
    if encoder.pre_tokenizer is not None:
        learner.pre_tokenizer = encoder.pre_tokenizer
    trainer = trainers.WordPieceTrainer(show_progress=False, **settings)
    learner.train_from_iterator(batches(texts()), trainer)
    ids: dict[str, int] = learner.get_vocab()
    return ids
