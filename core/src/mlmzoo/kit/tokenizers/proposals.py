"""Words of a corpus that would be worth a token of their own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

import numpy as np

from mlmzoo.contract.errors import InputError
from mlmzoo.kit.tokenizers.settings import is_count
from mlmzoo.kit.tokenizers.training_texts import batches, training_texts

_TRIED = 1000
"""Words that are looked at together."""


@dataclass(frozen=True)
class Proposal:
    """A word that a tokenizer splits.

    Args:
        word: The word, as the tokenizer reads it: in lower case where it lowercases.
        pieces: The tokens that it is now.
        count: How often it occurs.
    """

    word: str
    pieces: tuple[str, ...]
    count: int

    @property
    def saved(self) -> int:
        """How many tokens fewer the corpus would have."""
        return self.count * (len(self.pieces) - 1)

    def to_dict(self) -> dict[str, Any]:
        """The same as plain data."""
        return {**asdict(self), "saved": self.saved}

    def __str__(self) -> str:
        return f"{self.word!r}: {len(self.pieces)} pieces, {self.count} times"


def propose_tokens(tokenizer: Any, data: Any, limit: int, min_count: int) -> list[Proposal]:
    """What `Growing.propose_tokens` does."""
    for name, number in (("limit", limit), ("min_count", min_count)):
        if not is_count(number):
            raise InputError(f"{name}={number!r} was asked for. Give a positive integer.")
    counts: Counter[tuple[int, ...]] = Counter()
    texts = data if isinstance(data, Iterator) else training_texts(data)()
    for batch in batches(texts):
        counts.update(_split_words(tokenizer, batch))
    split = [(ids, count) for ids, count in counts.items() if count >= min_count]
    split.sort(key=lambda item: (-item[1] * (len(item[0]) - 1), item[0]))
    return list(islice(_whole(tokenizer, split), limit))


def _split_words(tokenizer: Any, texts: list[str]) -> Iterator[tuple[int, ...]]:
    for row in tokenizer.encode(texts):
        ids = np.array(row, np.int64)
        starts = np.flatnonzero(tokenizer.word_starts(ids))
        ends = np.append(starts[1:], len(row))
        for number in np.flatnonzero(ends - starts > 1):
            yield tuple(row[starts[number] : ends[number]])


def _whole(tokenizer: Any, split: list[tuple[tuple[int, ...], int]]) -> Iterator[Proposal]:
    """Those that can become a token, and are the same pieces wherever they stand as a word."""
    for start in range(0, len(split), _TRIED):
        tried = split[start : start + _TRIED]
        words = [tokenizer.detokenize(list(ids)).strip() for ids, _ in tried]
        lettered = [
            (word, ids, count)
            for word, (ids, count) in zip(words, tried, strict=True)
            if any(map(str.isalpha, word))
        ]
        additions = tokenizer._additions([word for word, _, _ in lettered])
        for (word, ids, count), addition in zip(lettered, additions, strict=True):
            if addition.whole and addition.pieces == ids and addition.token not in tokenizer._ids:
                yield Proposal(word, tuple(map(tokenizer.id_to_token, ids)), count)
