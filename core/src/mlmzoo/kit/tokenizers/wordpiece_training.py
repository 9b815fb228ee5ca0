"""Learns a WordPiece vocabulary from text, the same one from the same text."""

from __future__ import annotations

import glob
import gzip
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from mlmzoo.contract.errors import InputError

ENDINGS = (".txt", ".txt.gz")


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
    texts = _texts(data)
    alphabet, suffixes = _alphabet(texts, encoder, suffix_indicator)
    if len(alphabet) > limit_alphabet:
        alphabet = _most_frequent(texts, encoder, limit_alphabet, alphabet)
        kept = {suffix_indicator + character for character in alphabet}
        suffixes = [suffix for suffix in suffixes if suffix in kept]
    if not alphabet:
        raise InputError(
            "A vocabulary was to be learnt, and there was no text in what was given. Give a list "
            "of texts, or the path of a text file with one text a line."
        )
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


def _alphabet(texts: _Texts, encoder: Any, suffix_indicator: str) -> tuple[list[str], list[str]]:
    """All characters of the text, and all that continue a word, with the suffix indicator."""
    ids = _run_trainer(
        texts, encoder, vocab_size=0, continuing_subword_prefix=suffix_indicator, min_frequency=0
    )
    suffixes = sorted(token for token in ids if len(token) > 1)
    return sorted(token for token in ids if len(token) == 1), suffixes


def _most_frequent(texts: _Texts, encoder: Any, limit: int, alphabet: list[str]) -> list[str]:
    # Counted here because the trainer breaks ties in the order of a hash map.
    counts: Counter[str] = Counter()
    normalize = encoder.normalizer.normalize_str
    for text in texts():
        counts.update(normalize(text))
    return sorted(sorted(alphabet, key=lambda character: (-counts[character], character))[:limit])


def _run_trainer(texts: _Texts, encoder: Any, **settings: Any) -> dict[str, int]:
    from tokenizers import Tokenizer, models, trainers

    learner = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    learner.normalizer = encoder.normalizer
    if encoder.pre_tokenizer is not None:
        learner.pre_tokenizer = encoder.pre_tokenizer
    trainer = trainers.WordPieceTrainer(show_progress=False, **settings)
    learner.train_from_iterator(_batches(texts()), trainer)
    ids: dict[str, int] = learner.get_vocab()
    return ids


_Texts = Callable[[], Iterator[str]]


def _texts(data: Any) -> _Texts:
    """A function that goes through the texts from the start, as often as it is called."""
    if isinstance(data, str | os.PathLike):
        # A file may have a name that reads as a pattern.
        found = [os.fspath(data)] if Path(data).is_file() else sorted(glob.glob(os.fspath(data)))
        if not found:
            raise InputError(
                f"Text was to be read from {os.fspath(data)!r}, and no file matches that. Give "
                "the path of a text file, a glob such as 'texts/*.txt', or a list of texts."
            )
        data = [Path(path) for path in found]
    else:
        data = list(data)
        if data and all(isinstance(x, str) and x.endswith(ENDINGS) for x in data):
            data = [Path(path) for path in data]
    if data and all(isinstance(x, os.PathLike) for x in data):
        paths = [Path(path) for path in data]
        if missing := [str(path) for path in paths if not path.is_file()]:
            raise InputError(
                f"Text was to be read from {', '.join(missing)}, and there is no such file."
            )
        return lambda: (line for path in paths for line in _lines(path))
    for number, text in enumerate(data):
        if not isinstance(text, str):
            raise InputError(
                f"Text number {number} to learn from is {text!r} of type {type(text).__name__}. "
                "Give a list of texts, a path or glob of text files, or a list of paths."
            )
    return lambda: iter(data)


def _lines(path: Path) -> Iterator[str]:
    opener: Any = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rt", encoding="utf-8") as file:
            for line in file:
                yield line.rstrip("\n")
    except UnicodeDecodeError as error:
        raise InputError(
            f"The text file {path} is not UTF-8: {error}. Convert it to UTF-8 first."
        ) from error


def _batches(texts: Iterable[str]) -> Iterator[list[str]]:
    texts = iter(texts)
    while batch := list(islice(texts, 1000)):
        yield batch
