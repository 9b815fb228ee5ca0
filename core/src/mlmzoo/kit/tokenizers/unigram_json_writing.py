"""Sentencepiece models written as transformers' ``tokenizer.json``."""

from __future__ import annotations

import base64
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mlmzoo.contract.errors import PresetWarning, UnsupportedSettingError
from mlmzoo.kit.tokenizers.transformers_files import FLAGS
from mlmzoo.kit.tokenizers.unigram_model import (
    BPE,
    NORMAL,
    SPACE,
    UNIGRAM,
    UNUSED,
    USER_DEFINED,
    WORD,
    Model,
)

if TYPE_CHECKING:
    from mlmzoo.kit.tokenizers.unigram import Unigram


def as_by_default(tokenizer: Unigram, model: Model) -> bool:
    """Whether transformers' own class of the family tokenizes as `tokenizer` does."""
    kind = type(tokenizer)
    first = kind.tokens_before or kind.model_tokens
    free = ["lowercase"] if "do_lower_case" in kind.transformers_switches else []
    free += ["strip_accents"] if "keep_accents" in kind.transformers_switches else []
    return (
        model.message.trainer_spec.model_type == UNIGRAM
        and not model.message.trainer_spec.byte_fallback
        and bool(model.message.normalizer_spec.precompiled_charsmap)
        and model.message.normalizer_spec.add_dummy_prefix
        and model.message.normalizer_spec.remove_extra_whitespaces
        and tokenizer.unknown_token in first
        and tokenizer.token_to_id(tokenizer.unknown_token) == first.index(tokenizer.unknown_token)
        and not set(tokenizer.added_tokens) - set(tokenizer.special_tokens.values())
        and all(
            on == kind.preparation.get(name, False)
            for name, on in tokenizer.switches.items()
            if name not in ("commas_apart", *free)  # that is in the scores
        )
    )


def tokenizer_json(tokenizer: Unigram, model: Model) -> dict[str, Any]:
    """A ``tokenizer.json`` that gives our tokens.

    Args:
        tokenizer: What to write.
        model: Its model as it runs.

    Raises:
        UnsupportedSettingError: The model marks spaces at the end of words.
    """
    if model.message.trainer_spec.treat_whitespace_as_suffix:
        raise UnsupportedSettingError(
            "The tokenizer was to be written in the transformers layout, and its sentencepiece "
            "model puts ▁ after words, which that layout cannot say. Use the keras layout."
        )
    scheme = "always" if model.message.normalizer_spec.add_dummy_prefix else "never"
    metaspace = {
        "type": "Metaspace",
        "replacement": SPACE,
        "prepend_scheme": scheme,
        "split": model.message.trainer_spec.model_type != UNIGRAM or scheme == "always",
    }
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": _added_tokens(tokenizer),
        "normalizer": {"type": "Sequence", "normalizers": list(_normalizers(tokenizer, model))},
        "pre_tokenizer": metaspace,
        "post_processor": _packing(tokenizer),
        "decoder": metaspace,
        "model": _model(
            model, set(tokenizer.added_tokens) - set(tokenizer.special_tokens.values())
        ),
    }


def _added_tokens(tokenizer: Unigram) -> list[dict[str, Any]]:
    special = set(tokenizer.special_tokens.values())
    ids = {token: tokenizer.token_to_id(token) for token in {*special, *tokenizer.added_tokens}}
    return [
        {"id": id, "content": token, **FLAGS, "normalized": False, "special": token in special}
        for token, id in sorted(ids.items(), key=lambda item: item[1])
    ]


def _normalizers(tokenizer: Unigram, model: Model) -> Iterator[dict[str, Any]]:
    if tokenizer.straight_quotes:
        yield from (_replace("String", quotes, '"') for quotes in ("``", "''"))
    if tokenizer.strip_accents:
        yield from ({"type": "NFKD"}, {"type": "StripAccents"})
    if tokenizer.lowercase:
        yield {"type": "Lowercase"}
    if tokenizer.compose:
        yield from (_replace("Regex", r"\s{2,}|[\n\r\t]", " "), {"type": "NFC"})
    if charsmap := model.message.normalizer_spec.precompiled_charsmap:
        text = base64.b64encode(charsmap).decode("ascii")
        yield {"type": "Precompiled", "precompiled_charsmap": text}
    if model.message.normalizer_spec.remove_extra_whitespaces:
        yield from (_replace("Regex", "^ +| +$", ""), _replace("Regex", " {2,}", " "))


def _replace(way: str, pattern: str, content: str) -> dict[str, Any]:
    return {"type": "Replace", "pattern": {way: pattern}, "content": content}


def _packing(tokenizer: Unigram) -> dict[str, Any] | None:
    if tokenizer.start is None or tokenizer.end is None:
        return None
    start, end = tokenizer.start_token, tokenizer.end_token
    second = int("token_type_ids" in tokenizer.transformers_inputs)

    def token(text: str, segment: int = 0) -> dict[str, Any]:
        return {"SpecialToken": {"id": text, "type_id": segment}}

    def text(name: str, segment: int = 0) -> dict[str, Any]:
        return {"Sequence": {"id": name, "type_id": segment}}

    between = [token(end)] * tokenizer.pair_separators
    return {
        "type": "TemplateProcessing",
        "single": [token(start), text("A"), token(end)],
        "pair": [token(start), text("A"), *between, text("B", second), token(end, second)],
        "special_tokens": {
            name: {"id": name, "ids": [tokenizer.token_to_id(name)], "tokens": [name]}
            for name in (start, end)
        },
    }


def _model(model: Model, found_whole: set[str]) -> dict[str, Any]:
    kind, pieces = model.message.trainer_spec.model_type, list(model.message.pieces)
    fallback = bool(model.message.trainer_spec.byte_fallback)
    if kind == UNIGRAM:
        return {
            "type": "Unigram",
            "unk_id": model.pieces.index(model.unknown),
            "vocab": list(_scores(pieces, found_whole)),
            "byte_fallback": fallback,
        }
    vocab = {token: id for id, token in enumerate(model.pieces)}
    if kind == WORD:
        warnings.warn(
            "The tokenizer has a sentencepiece model of whole words. transformers will give one "
            "unknown token for each unknown word; here and in KerasHub a run of them is one token.",
            PresetWarning,
            stacklevel=2,
        )
        return {"type": "WordLevel", "vocab": vocab, "unk_token": model.unknown}
    return {
        "type": "BPE",
        "dropout": None,
        "unk_token": model.unknown,
        "continuing_subword_prefix": None,
        "end_of_word_suffix": None,
        "fuse_unk": True,
        "byte_fallback": fallback,
        "ignore_merges": False,
        "vocab": vocab,
        "merges": list(_merges(pieces)) if kind == BPE else [],
    }


def _scores(pieces: list[Any], found_whole: set[str]) -> Iterator[tuple[str, float]]:
    """The pieces of a Unigram model and their scores, as the library weighs them."""
    scores = [piece.score for piece in pieces if piece.type == NORMAL]
    highest, lowest = max(scores, default=0.0), min(scores, default=0.0)
    for piece in pieces:
        score = piece.score
        if piece.type == USER_DEFINED:
            # What sentencepiece gives these: better than any other way to write the same.
            score = len(piece.piece.encode()) * highest - 0.1
        elif piece.type == UNUSED or piece.piece in found_whole:
            score = lowest - 100.0  # the library knows no pieces that are not to be produced
        yield piece.piece, score


def _merges(pieces: list[Any]) -> Iterator[list[str]]:
    """The pairs that make the pieces of a BPE model, best ones first."""
    known = {piece.piece for piece in pieces if piece.type in (NORMAL, USER_DEFINED)}
    joined = (piece for piece in pieces if piece.type == NORMAL and len(piece.piece) > 1)
    for piece in sorted(joined, key=lambda piece: -piece.score):
        text = piece.piece
        for cut in range(1, len(text)):
            if text[:cut] in known and text[cut:] in known:
                yield [text[:cut], text[cut:]]
