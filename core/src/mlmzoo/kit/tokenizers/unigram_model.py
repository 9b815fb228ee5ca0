"""SentencePiece models as data: read, checked, and put into the id order of a family."""

from __future__ import annotations

import base64
import binascii
import math
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlmzoo.contract.errors import InputError, PresetFormatError, PresetMissingError
from mlmzoo.kit.tokenizers import charsmap
from mlmzoo.kit.tokenizers.reading import SPECIAL_TOKENS, TOKEN_CHARACTERS, TOKENS, read_bytes
from mlmzoo.kit.tokenizers.settings import is_id
from mlmzoo.kit.tokenizers.unigram_wire import FIRST_BYTE, wire_fault

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = 1, 2, 3, 4, 5, 6
"""Types of pieces, as sentencepiece numbers them."""
UNIGRAM, BPE, WORD = 1, 2, 3
"""Types of models, as sentencepiece numbers them."""
SPACE = "▁"
"""What sentencepiece writes for a space."""
APART = re.compile(r"\d,$")
"""Pieces that end with a comma after a digit."""
APART_PENALTY = 100.0
"""What takes a piece out of the running (transformers' ``AlbertConverter`` takes the same)."""
NESTED = 64
"""Most symbols of the user that begin one another: what sentencepiece has room for."""


@dataclass(frozen=True)
class Model:
    """A sentencepiece model.

    Args:
        message: A ``sentencepiece_model_pb2.ModelProto``.
        serialized: The same as bytes.
        name: What to call it in an error: "The file x".
        pieces: The text of each piece.
        types: The type of each piece.
    """

    message: Any
    serialized: bytes
    name: str
    pieces: list[str]
    types: list[int]

    @property
    def unknown(self) -> str:
        """The token of characters that have no piece."""
        return self.pieces[self.types.index(UNKNOWN)]

    def control(self, start: int = 0) -> list[str]:
        """The tokens, from piece number `start` on, that no text gives."""
        return [
            self.pieces[id] for id, type in enumerate(self.types) if type == CONTROL and id >= start
        ]


def libraries() -> tuple[Any, Any]:
    """The modules ``sentencepiece`` and ``sentencepiece.sentencepiece_model_pb2``."""
    try:
        import sentencepiece
        from sentencepiece import sentencepiece_model_pb2
    except ImportError as error:
        raise ImportError(
            "SentencePiece tokenization needs the packages `sentencepiece` and `protobuf`, and "
            f"one is not installed ({error}): pip install sentencepiece protobuf"
        ) from error
    return sentencepiece, sentencepiece_model_pb2


def processor(serialized: bytes, name: str) -> Any:
    """The library's object that runs a model.

    Raises:
        PresetFormatError: It cannot: its character map is broken, say.
    """
    sentencepiece, _ = libraries()
    try:
        return sentencepiece.SentencePieceProcessor(model_proto=serialized)
    except RuntimeError as error:
        raise PresetFormatError(
            f"{name} is no model that sentencepiece can run: {error}. Fetch or write it again."
        ) from error


# Reading ----------------------------------------------------------------------------------------


def read_proto(proto: Any, kind: str) -> Model:
    """The model that a class called `kind` was given.

    Args:
        proto: The bytes of a model; the path of a file; base64 text of the bytes; or a `Model`.
        kind: The class' name, for the error.

    Raises:
        InputError: None of these.
        PresetMissingError: A path where there is no file.
        PresetFormatError: Not a sentencepiece model, or one that broke off.
    """
    if isinstance(proto, Model):
        return proto
    if isinstance(proto, str) and (data := decoded(proto)) is not None:
        proto = data
    if isinstance(proto, bytes):
        return parsed(proto, f"The model given to {kind}")
    forms = "Give the path of a sentencepiece model (.spm, .model), its bytes, or these in base64."
    if not isinstance(proto, str | os.PathLike):
        raise InputError(
            f"{kind} was given proto={proto!r:.60} of type {type(proto).__name__}. {forms}"
        )
    path = Path(proto)
    if not path.is_file():
        raise PresetMissingError(
            f"{kind} was given proto={str(proto)[:200]!r}, and there is no such file. {forms}"
        )
    return parsed(read_bytes(path, FIRST_BYTE), f"The file {path}")


def decoded(text: str) -> bytes | None:
    """The bytes of a model in base64; ``None`` where the text is something else."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    # A path may happen to be made of base64's characters; it does not happen to be a model.
    return data if data[:1] == FIRST_BYTE and len(text) > 100 else None


def parsed(data: bytes, name: str) -> Model:
    """A serialized model.

    Args:
        data: The bytes.
        name: What to call it in an error.

    Raises:
        PresetFormatError: Not a sentencepiece model, or one that broke off.
    """
    _, model_pb2 = libraries()
    from google.protobuf.message import DecodeError

    message = model_pb2.ModelProto()
    pieces: list[str] = []
    if not (reason := wire_fault(data)):
        try:
            message.ParseFromString(data)
            pieces = [piece.piece for piece in message.pieces]
        except (DecodeError, UnicodeDecodeError) as error:
            reason = f"it cannot be parsed ({error})"
    model = Model(message, data, name, pieces, [piece.type for piece in message.pieces])
    if reason := reason or _fault(model):
        raise PresetFormatError(
            f"{name} is no sentencepiece model: {reason}. A model that sentencepiece has trained "
            "was expected (vocabulary.spm, spiece.model, spm.model, sentencepiece.bpe.model). "
            "Fetch or write it again."
        )
    return model


def _fault(model: Model) -> str:
    parts = ("trainer_spec", "normalizer_spec")
    if not all(model.pieces):
        return "it has a piece without text"
    if not all(isinstance(piece, str) for piece in model.pieces):
        return "it has a piece that is not UTF-8"  # which protobuf gives as bytes
    if any("\0" in piece for piece in model.pieces):
        return "it has a piece with a NUL character"
    if max(map(len, model.pieces)) > TOKEN_CHARACTERS:
        return f"it has a piece of more than {TOKEN_CHARACTERS} characters"
    if not all(math.isfinite(piece.score) for piece in model.message.pieces):
        return "it has a piece whose score is not finite"
    if not all(map(model.message.HasField, parts)):
        return f"it breaks off after {len(model.pieces)} pieces"
    if len(set(model.pieces)) < len(model.pieces):
        return "it has a piece twice"
    if model.types.count(UNKNOWN) != 1:
        return f"{model.types.count(UNKNOWN)} of its pieces stand for unknown characters"
    pieces = zip(model.pieces, model.types, strict=True)
    if _nested(piece for piece, type in pieces if type == USER_DEFINED):
        return f"more than {NESTED} of its symbols begin one another"
    specs = (model.message.normalizer_spec, model.message.denormalizer_spec)
    return next(filter(None, (charsmap.fault(spec.precompiled_charsmap) for spec in specs)), "")


def _nested(symbols: Iterable[str]) -> bool:
    """Whether more than `NESTED` of some texts begin one another."""
    beginnings: list[str] = []
    for symbol in sorted(symbols):
        while beginnings and not symbol.startswith(beginnings[-1]):
            beginnings.pop()
        beginnings.append(symbol)
        if len(beginnings) > NESTED:
            return True
    return False


# A family's model -------------------------------------------------------------------------------


def check_family(
    model: Model,
    kind: str,
    *,
    first: tuple[str, ...],
    needed: Mapping[str, str],
    outside: Iterable[str],
    unknown: str | None,
) -> None:
    """Refuses a model of another family.

    Args:
        model: The model.
        kind: The class that was given it, for the error.
        first: What its first pieces must be; none: anything.
        needed: Role -> special token that it, or `outside`, must hold.
        outside: Tokens that are not to be in the model.
        unknown: The token that must stand for unknown characters; ``None``: any.

    Raises:
        PresetFormatError: It is another.
    """
    known = {*model.pieces, *outside}
    missing = {role: token for role, token in needed.items() if token not in known}
    found = model.pieces[: len(first)]
    if tuple(found) != first:
        reason = f"its first pieces are {found}, not {list(first)}"
    elif missing:
        tokens = ", ".join(f"{token!r} ({role})" for role, token in missing.items())
        reason = f"its {len(model.pieces)} pieces lack the special tokens {tokens}"
    elif unknown not in (None, model.unknown):
        reason = f"its token of unknown characters is {model.unknown!r}, not {unknown!r}"
    else:
        return
    raise PresetFormatError(
        f"{model.name} is of no use to {kind}: {reason}. Load the model with the family it belongs "
        "to, or say which tokens it has, such as special_tokens={'mask': 'the token', ...}."
    )


def ids_after(
    added: Mapping[str, int] | Sequence[str], after: Sequence[str], model: Model, shift: int
) -> dict[str, int]:
    """The tokens that follow the pieces, and their ids.

    Args:
        added: Such tokens, with ids or in id order.
        after: Such tokens that are needed, unless the model has them.
        model: The model.
        shift: How many more ids there are than pieces.

    Raises:
        InputError: A token that is no string, an id that is none, or one far beyond the pieces:
            all ids between get placeholders, which take memory and time.
    """
    ids = dict(added) if isinstance(added, Mapping) else {}
    listed = [] if isinstance(added, Mapping) else list(added)
    if bad := [t for t in (*ids, *listed) if not isinstance(t, str) or not is_id(ids.get(t, 0))]:
        raise InputError(
            f"added_tokens has {bad[0]!r:.100}{f' with the id {ids[bad[0]]}' if ids else ''}. Give "
            f"strings, and whole numbers below {TOKENS} as their ids."
        )
    pieces = set(model.pieces)
    free = max([len(pieces) + shift - 1, *ids.values()]) + 1
    for token in dict.fromkeys([*after, *listed]):
        if token not in pieces and token not in ids:
            ids[token] = free
            free += 1
    if free - (size := len(pieces) + shift) > SPECIAL_TOKENS:
        raise InputError(
            f"{model.name} was to be used with tokens up to number {free - 1}, and its pieces end "
            f"with number {size - 1}; {SPECIAL_TOKENS} tokens beyond it are the most. Give added "
            "tokens the ids that follow the pieces."
        )
    return ids


def in_id_order(
    model: Model,
    before: Sequence[str],
    replaced: int,
    added: Mapping[str, int],
    special: Iterable[str],
    commas_apart: bool,
) -> Model:
    """The model as it runs: its pieces are the vocabulary, and special tokens are never produced.

    Args:
        model: The model as it was read.
        before: Tokens put in the place of the model's first `replaced` pieces.
        replaced: How many that are.
        added: Tokens after the pieces, and their ids. Ids without a token get placeholders.
        special: Tokens that no text may give.
        commas_apart: Whether pieces that end with a comma after a digit are kept out.

    Raises:
        InputError: An id that is another token's.
    """
    _, model_pb2 = libraries()
    running, rest = model_pb2.ModelProto(), model_pb2.ModelProto()
    rest.CopyFrom(model.message)
    rest.DiscardUnknownFields()  # what was not looked at does not run
    del rest.pieces[:replaced]
    for token in before:
        running.pieces.add(
            piece=token, score=0.0, type=UNKNOWN if token == model.unknown else CONTROL
        )
    running.MergeFrom(rest)
    pieces = [*before, *model.pieces[replaced:]]
    types = [piece.type for piece in running.pieces[: len(before)]] + model.types[replaced:]
    ids = {token: id for id, token in reversed(list(enumerate(pieces)))}

    def control(id: int, token: str) -> None:
        if id == len(pieces):
            pieces.append(token)
            types.append(CONTROL)
            running.pieces.add(score=0.0)
        pieces[id], types[id] = token, CONTROL
        running.pieces[id].piece, running.pieces[id].type = token, CONTROL

    for token in set(before) & set(model.pieces[replaced:]):
        # A model may have, say, padding of its own after the tokens that are replaced.
        id = pieces.index(token, len(before))
        control(id, f"<unused_{id}>")
    for token, id in sorted(added.items(), key=lambda item: item[1]):
        if ids.get(token, id) != id or (id < len(pieces) and token not in ids):
            raise InputError(
                f"{model.name} was to be used with the token {token!r} as number {id}, and "
                + (f"it is number {ids[token]}" if token in ids else f"that is {pieces[id]!r}")
                + ". The tokenizer's files belong to another model."
            )
        while len(pieces) < id:
            control(len(pieces), f"<unused_{len(pieces)}>")
        if token not in ids:
            control(len(pieces), token)
    for token in special:
        if token in ids and types[ids[token]] != UNKNOWN:
            control(ids[token], token)
    for id, token in enumerate(pieces) if commas_apart else ():
        if types[id] == NORMAL and APART.search(token):
            running.pieces[id].score -= APART_PENALTY
    return Model(running, running.SerializeToString(), model.name, pieces, types)
