"""Learns a sentencepiece model from text, the same one from the same text."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mlmzoo.contract.errors import InputError
from mlmzoo.kit.tokenizers.training_texts import no_text, training_texts
from mlmzoo.kit.tokenizers.unigram_model import libraries
from mlmzoo.kit.tokenizers.unigram_text import Preparation

_ROLES = {"unk": "<unk>", "pad": "<pad>", "bos": "<s>", "eos": "</s>"}
"""The special tokens that sentencepiece has arguments for, and what it calls them by itself."""
_LONGEST = 1 << 20
"""Bytes of a text. Longer ones are left out; sentencepiece's own limit is 4192."""


def train_model(
    data: Any,
    prepare: Preparation,
    *,
    vocabulary_size: int,
    outside: int,
    special_tokens: Sequence[str],
    roles: Mapping[str, str],
    character_coverage: float,
) -> bytes:
    """A serialized sentencepiece model.

    Args:
        data: Texts or files, see `Unigram.train`.
        prepare: What is done to a text first.
        vocabulary_size: Number of tokens.
        outside: How many of these are not in the model.
        special_tokens: Tokens to put first, in id order.
        roles: Role -> special token.
        character_coverage: See `Unigram.train`.
    """
    sentencepiece, _ = libraries()
    texts = training_texts(data)
    tokens = list(special_tokens)
    options: dict[str, Any] = {}
    for role, default in _ROLES.items():
        token = roles.get(role, default)
        if token in tokens:
            options |= {f"{role}_id": tokens.index(token), f"{role}_piece": token}
        else:
            options[f"{role}_id"] = -1
    named = {options.get(f"{role}_piece") for role in _ROLES}
    failure: list[BaseException] = []

    def prepared() -> Iterator[str]:
        try:
            for text in texts():
                if text.strip():
                    yield prepare(text)
        except GeneratorExit:
            raise
        except BaseException as error:  # sentencepiece keeps only what it says
            failure.append(error)
            raise

    if next(prepared(), None) is None:
        raise no_text()
    model = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=prepared(),
            model_writer=model,
            model_type="unigram",
            vocab_size=vocabulary_size - outside,
            hard_vocab_limit=False,
            character_coverage=character_coverage,
            control_symbols=[token for token in tokens if token not in named],
            max_sentence_length=_LONGEST,
            minloglevel=2,
            **options,
        )
    except (RuntimeError, OSError, ValueError) as error:
        if failure:
            raise failure[0] from None
        sizes = re.search(r"smaller than required_chars\D+(\d+) vs (\d+)", str(error))
        needed = f" It takes at least {int(sizes[2]) + outside}." if sizes else ""
        raise InputError(
            f"vocabulary_size={vocabulary_size} was asked for, and sentencepiece could not learn "
            f"that many tokens from this text: {error}.{needed} Ask for another size, or lower "
            "character_coverage."
        ) from error
    return model.getvalue()
