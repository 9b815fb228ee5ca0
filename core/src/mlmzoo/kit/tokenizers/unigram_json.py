"""Sentencepiece models made from transformers' ``tokenizer.json``."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlmzoo.contract.errors import PresetFormatError, UnsupportedSettingError
from mlmzoo.kit.tokenizers.merges import parts_of
from mlmzoo.kit.tokenizers.settings import is_added_token, is_id
from mlmzoo.kit.tokenizers.transformers_files import read_model, section
from mlmzoo.kit.tokenizers.unigram_model import (
    BPE,
    BYTE,
    CONTROL,
    NORMAL,
    SPACE,
    UNIGRAM,
    UNKNOWN,
    USER_DEFINED,
    libraries,
)
from mlmzoo.kit.tokenizers.vocabulary import in_id_order

if TYPE_CHECKING:
    from mlmzoo.kit.tokenizers.unigram import Unigram

STEPS = (
    *("quotes", "NFKD", "StripAccents", "Lowercase", "spaces", "NFC", "Precompiled"),
    *("escape", "prefix"),
)
"""What `Unigram` can do to a text, in the order in which it does it."""
HIGHEST_SCORE = 3.4e38
"""What a sentencepiece model can hold as a score, 32-bit floating point."""
REPLACEMENTS = {
    ("String", "``", '"'): "quotes",
    ("String", "''", '"'): "quotes",
    ("Regex", r"\s{2,}|[\n\r\t]", " "): "spaces",
    ("String", " ", SPACE): "escape",
    ("Regex", " {2,}", " "): "trim",
    ("Regex", " {2,}", SPACE): "trim",
    ("Regex", "^ +| +$", ""): "trim",
    ("Regex", r"\A +| +\z", ""): "trim",
    # Metaspace puts no ▁ before a text that begins with one; after this there are two, as
    # sentencepiece gives. Written since transformers 5.24.
    ("Regex", rf"\A{SPACE}", SPACE * 2): "prefix",
}
"""Replacements: kind of pattern, pattern and content -> the step it is, or a part of."""


@dataclass(frozen=True)
class Normalization:
    """How a ``tokenizer.json`` prepares text.

    Args:
        switches: Constructor arguments of `Unigram`.
        charsmap: Its character map, compiled by sentencepiece; ``b""`` for none.
        prefix: Whether a space is put before a text.
        trim: Whether spaces around a text go, and runs of them become one.
        symbols: Pieces that are cut out of the text before the rest is weighed.
    """

    switches: dict[str, bool]
    charsmap: bytes
    prefix: bool
    trim: bool
    symbols: frozenset[str] = frozenset()


# Reading ----------------------------------------------------------------------------------------


def normalization(data: Mapping[str, Any], where: str) -> Normalization:
    """How a ``tokenizer.json`` prepares text.

    Raises:
        UnsupportedSettingError: In a way that `Unigram` does not know.
    """
    charsmap, found = b"", []
    for step in _flat(section(data, "normalizer", where), "normalizers", where):
        found.append(_step(step))
        if found[-1] == "Precompiled":
            charsmap = _charsmap(step, where)
    splitters = list(_flat(section(data, "pre_tokenizer", where), "pretokenizers", where))
    symbols = _symbols(splitters[-1]) if splitters else frozenset()
    if symbols:
        splitters.pop()
    kinds = [f"{splitter.get('type')!s:.100}" for splitter in splitters]
    scheme = _prefix_scheme(splitters[-1]) if splitters else "never"
    steps = [step for step in found if step not in ("trim", "Strip")]
    known = (
        steps == [step for step in STEPS for _ in range(steps.count(step))]
        and all(steps.count(step) == (2 if step == "quotes" else 1) for step in set(steps))
        and ("NFKD" in steps) == ("StripAccents" in steps)
        and ("spaces" in steps) == ("NFC" in steps)
        and ("escape" in steps or splitters)
        and ("prefix" not in steps or (kinds == ["Metaspace"] and scheme == "always"))
        and kinds in ([], ["Metaspace"], ["WhitespaceSplit", "Metaspace"])
        and (scheme == "always" or (scheme == "never" and "WhitespaceSplit" not in kinds))
    )
    if not known:
        raise UnsupportedSettingError(
            f"{where} prepares text with the normalizers {found or 'none'} and the pre-tokenizers "
            f"{kinds or 'none'}{f' (prepend_scheme={scheme})' if splitters else ''}, which cannot "
            "be done the same way here. Known are, in this order, quotes made straight, NFKD with "
            "StripAccents, Lowercase, whitespace made single with NFC, and Precompiled; then "
            "Metaspace, alone, after WhitespaceSplit or before a Split at fixed texts. Put the "
            "sentencepiece model beside it, or load another checkpoint."
        )
    return Normalization(
        switches={
            "straight_quotes": "quotes" in steps,
            "strip_accents": "NFKD" in steps,
            "lowercase": "Lowercase" in steps,
            "compose": "NFC" in steps,
        },
        charsmap=charsmap,
        prefix=scheme == "always",
        trim="WhitespaceSplit" in kinds or "trim" in found or "spaces" in found,
        symbols=symbols,
    )


def model_of(kind: type[Unigram], data: Mapping[str, Any], where: str) -> tuple[bytes, Any]:
    """The sentencepiece model that a ``tokenizer.json`` was made from, serialized, and switches.

    Raises:
        PresetFormatError: It holds another kind of model, or one of another family.
        UnsupportedSettingError: See `normalization`.
    """
    _, model_pb2 = libraries()
    settings = normalization(data, where)
    merged = isinstance(data.get("model"), Mapping) and data["model"].get("type") == "BPE"
    source = read_model(data, "BPE" if merged else "Unigram", where)
    listed = data.get("added_tokens")
    entries = [
        entry
        for entry in (listed if isinstance(listed, list) else ())
        if isinstance(entry, Mapping) and is_added_token(entry)
    ]
    special = {entry.get("content") for entry in entries if entry.get("special")}
    symbols = {entry.get("content") for entry in entries} - special | settings.symbols
    special |= set(kind.special_tokens.values())
    if merged:
        pieces, unknown = _merged_pieces(source, special | symbols, where)
    else:
        pieces, unknown = weighed_pieces(source, where)
    if before := kind.tokens_before:
        found = tuple(token for token, _ in pieces[: len(before)])
        if found != before:
            raise PresetFormatError(
                f"{where} begins with the tokens {list(found)}, and {kind.__name__} expects "
                f"{list(before)}. Load it with the family it belongs to."
            )
        special |= set(kind.model_tokens)
        pieces = [(token, 0.0) for token in kind.model_tokens] + pieces[len(before) :]
    while pieces and pieces[-1][0] in kind.tokens_after:
        pieces.pop()
    model = model_pb2.ModelProto()
    for token, score in pieces:
        piece = model.pieces.add(piece=token, score=score, type=NORMAL)
        if token == unknown:
            piece.type = UNKNOWN
        elif token in special:
            piece.type = CONTROL
        elif source.get("byte_fallback") and re.fullmatch("<0x[0-9A-F]{2}>", token):
            piece.type = BYTE
        elif token in symbols:
            piece.type = USER_DEFINED
    tokens = [token for token, _ in pieces]
    if unknown not in tokens:
        raise PresetFormatError(
            f"{where} makes {unknown!r:.100} the unknown token, which {kind.__name__} has outside "
            "of its model. Load the preset with the family it belongs to."
        )
    trainer = model.trainer_spec
    trainer.model_type = BPE if merged else UNIGRAM
    trainer.vocab_size = len(tokens)
    trainer.byte_fallback = bool(source.get("byte_fallback"))
    trainer.unk_piece, trainer.unk_id = unknown, tokens.index(unknown)
    for role, default in (("pad", "<pad>"), ("bos", "<s>"), ("eos", "</s>")):
        token = kind.special_tokens.get(role, default)
        setattr(trainer, f"{role}_id", tokens.index(token) if token in tokens else -1)
        setattr(trainer, f"{role}_piece", token)
    normalizer = model.normalizer_spec
    normalizer.name = "user_defined" if settings.charsmap else "identity"
    normalizer.precompiled_charsmap = settings.charsmap
    normalizer.add_dummy_prefix = settings.prefix
    normalizer.remove_extra_whitespaces = settings.trim
    return model.SerializeToString(), settings.switches


def weighed_pieces(source: Mapping[str, Any], where: str) -> tuple[list[tuple[str, float]], str]:
    """The pieces of a Unigram model with their scores, and the unknown one.

    Raises:
        PresetFormatError: They are not that.
    """
    pieces, unknown = source["vocab"], source.get("unk_id")
    bad = [pair for pair in pieces if not _is_weighed(pair)]
    if not bad and unknown in range(len(pieces)) and is_id(unknown):
        return [(token, float(score)) for token, score in pieces], pieces[unknown][0]
    raise PresetFormatError(
        f"{where} holds a malformed vocabulary ("
        + (f"it has {bad[0]!r:.100}" if bad else f"its unk_id is {unknown!r:.100}")
        + "). Pairs of a piece and its score, and the number of the unknown one, were expected. "
        "Fetch the preset again."
    )


def _is_weighed(pair: Any) -> bool:
    return (
        isinstance(pair, list)
        and [isinstance(part, str) for part in pair] == [True, False]
        and type(pair[1]) in (int, float)
        and abs(pair[1]) <= HIGHEST_SCORE
    )


def _merged_pieces(
    source: Mapping[str, Any], added: set[Any], where: str
) -> tuple[list[tuple[str, float]], str]:
    """The same of a BPE model that was made from a sentencepiece model.

    sentencepiece joins any two pieces whose text together is a piece, the best such first.
    """
    vocabulary = in_id_order(source["vocab"], f"{where} has a vocabulary")
    merges = source.get("merges") or []
    if not isinstance(merges, list):
        raise PresetFormatError(f"{where} holds no list of merges. Fetch the preset again.")
    pairs = parts_of(merges, source["vocab"], where, PresetFormatError)
    ranks: dict[str, int] = {}
    for left, right in pairs:
        ranks.setdefault(left + right, len(ranks))
    known, listed = set(vocabulary) - added, set(pairs)
    unlisted = (
        (token[:cut], token[cut:])
        for token in known
        for cut in range(1, len(token))
        if token[:cut] in known and token[cut:] in known
    )
    pair = next((pair for pair in unlisted if pair not in listed), None)
    if (
        pair is not None
        or not source.get("fuse_unk")
        or not isinstance(source.get("unk_token"), str)
        or source["unk_token"] not in source["vocab"]
    ):
        raise UnsupportedSettingError(
            f"{where} holds a BPE model that was not made from a sentencepiece model: it "
            + (f"never joins {pair}" if pair else "does not fuse unknown characters")
            + ". Load the preset with the family it belongs to."
        )
    scores = [-float(ranks.get(token, len(ranks) + id)) for id, token in enumerate(vocabulary)]
    return list(zip(vocabulary, scores, strict=True)), str(source["unk_token"])


def _flat(step: Any, parts: str, where: str) -> Iterator[Mapping[str, Any]]:
    """A step, or those of a sequence; nothing for an empty one."""
    if not isinstance(step, Mapping):
        raise PresetFormatError(f"{where} has {step!r:.100} among its {parts}. Fetch it again.")
    if step.get("type") == "Sequence":
        listed = step.get(parts)
        for part in listed if isinstance(listed, list) else [listed]:
            yield from _flat(part, parts, where)
    elif step:
        yield step


def _charsmap(step: Mapping[str, Any], where: str) -> bytes:
    try:
        return base64.b64decode(step.get("precompiled_charsmap") or "", validate=True)
    except (TypeError, ValueError) as error:
        raise PresetFormatError(
            f"{where} has a character map that is no base64 ({error}). Fetch the preset again."
        ) from error


def _step(step: Mapping[str, Any]) -> str:
    """The name of a normalizer, that of `STEPS` where it is one of these."""
    kind = f"{step.get('type')!s:.100}"
    if kind != "Replace":
        return kind
    pattern = step.get("pattern")
    way, text = (
        next(iter(pattern.items())) if isinstance(pattern, Mapping) and pattern else ("", "")
    )
    content = step.get("content")
    return REPLACEMENTS.get(
        (way, str(text), str(content)), f"Replace({text!r:.100} by {content!r:.100})"
    )


def _symbols(splitter: Mapping[str, Any]) -> frozenset[str]:
    """The texts that a ``Split`` isolates, longest first; none where it does anything else.

    So transformers writes, since 5.24, what sentencepiece calls symbols of the user.
    """
    pattern = splitter.get("pattern")
    text = pattern.get("Regex") if isinstance(pattern, Mapping) else None
    if splitter.get("type") != "Split" or not isinstance(text, str) or splitter.get("invert"):
        return frozenset()
    symbols = [re.sub(r"\\(.)", r"\1", part) for part in re.findall(r"(?:\\.|[^|\\])+", text)]
    same = "|".join(map(re.escape, sorted(symbols, key=len, reverse=True))) == text
    return frozenset(symbols if same and splitter.get("behavior") == "Isolated" else ())


def _prefix_scheme(splitter: Mapping[str, Any]) -> str:
    if splitter.get("type") != "Metaspace" or splitter.get("replacement", SPACE) != SPACE:
        return "unknown"
    old = "always" if splitter.get("add_prefix_space", True) else "never"
    return f"{splitter.get('prepend_scheme', old)!s:.100}"
