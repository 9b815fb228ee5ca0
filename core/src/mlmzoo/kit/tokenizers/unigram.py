"""`Unigram`: SentencePiece tokenization, on the `sentencepiece` library."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

from mlmzoo.contract.errors import InputError
from mlmzoo.contract.protocols import Files
from mlmzoo.kit.tokenizers import unigram_files, unigram_growth, unigram_model
from mlmzoo.kit.tokenizers.base import TokenizerBase
from mlmzoo.kit.tokenizers.growth import Addition
from mlmzoo.kit.tokenizers.settings import ADDED_IDS, BOOLEAN, Kind
from mlmzoo.kit.tokenizers.texts import refuse_invalid_unicode
from mlmzoo.kit.tokenizers.unigram_text import (
    SWITCHES,
    Preparation,
    any_of,
    characters,
    joined_bytes,
    octet,
    split,
)
from mlmzoo.kit.tokenizers.vocabulary import refuse_surrogates
from mlmzoo.kit.tokenizers.words import flags_of

_THREADS_FROM = 64
"""Fewer texts than this are encoded by one thread."""


class Unigram(TokenizerBase):
    """Text to pieces, as the `sentencepiece` library makes them from a trained model.

    The text is normalised by the character map in the model, spaces become ``▁``, one is put
    before the text, and of all ways to cut it into pieces the most probable one is taken (Kudo,
    2018, https://arxiv.org/abs/1804.10959). Characters without a piece become the unknown token,
    a run of them one token. sentencepiece runs models of its other types (BPE, words, characters)
    too, so they are taken as well.

    Args:
        proto: The path of a sentencepiece model; its bytes; or these in base64.
        lowercase: Whether to lowercase text, character by character.
        strip_accents: Whether to take characters apart (NFKD) and drop combining marks.
        straight_quotes: Whether two backticks or two apostrophes become one quotation mark.
        compose: Whether to put characters together (NFC) and make runs of whitespace one space.
        commas_apart: Whether a comma after a digit is a token of its own.
        special_tokens: A mapping of roles to tokens, changing or adding to the class' own; or a
            list of further special tokens.
        special_tokens_in_text: Whether calling the tokenizer recognises special tokens written
            in a text.
        sequence_length: Length to pad and truncate to when called, or ``None``.
        added_tokens: Tokens that the model lacks, in id order, or a mapping to their ids; ids
            between that have no token get placeholders. Those that are not special tokens are
            found in any text before it is cut.
        add_bos: KerasHub's name for adding a start token. Packing does that: must be ``False``.
        add_eos: The same for the end token.

    `lowercase`, `strip_accents`, `straight_quotes`, `compose` and `commas_apart` are as the class
    says in `preparation` unless they are given.

    Raises:
        InputError: See `TokenizerBase`.
        PresetMissingError: `proto` names a file that is not there.
        PresetFormatError: It is no sentencepiece model, or one that lacks a special token.

    Example:
        >>> tokenizer = Unigram.train(["the quick fox", "the lazy dog"] * 9, 30)
        >>> tokenizer.detokenize(tokenizer("the lazy fox"))
        'the lazy fox'
    """

    preparation: ClassVar[Mapping[str, bool]] = {}
    """Switches of the constructor that are on in this family."""
    model_tokens: ClassVar[tuple[str, ...]] = ("<unk>", "<s>", "</s>")
    """The first tokens of a model of this family, in id order: where `train` puts them."""
    tokens_before: ClassVar[tuple[str, ...]] = ()
    """Tokens put in the place of `model_tokens`; none: these stay as they are."""
    tokens_after: ClassVar[tuple[str, ...]] = ()
    """Tokens that get the ids after the last piece, unless the model has them."""
    model_file: ClassVar[str] = "spiece.model"
    """The model's file name in the transformers layout."""
    transformers_class: ClassVar[str | None] = None
    """The transformers class that reads what we write; ``None``: its generic one."""
    transformers_switches: ClassVar[tuple[str, ...]] = ()
    """Which settings transformers has for it: ``"do_lower_case"``, ``"keep_accents"``."""
    transformers_inputs: ClassVar[tuple[str, ...]] = (
        "input_ids",
        "token_type_ids",
        "attention_mask",
    )
    """What transformers' model takes."""

    argument_kinds: ClassVar[Mapping[str, Kind]] = {
        **dict.fromkeys((*SWITCHES, "add_bos", "add_eos"), BOOLEAN),
        "added_tokens": ADDED_IDS,
    }

    lowercase: bool
    strip_accents: bool
    straight_quotes: bool
    compose: bool
    commas_apart: bool

    def __init__(
        self,
        proto: bytes | str | os.PathLike[str] | None = None,
        *,
        lowercase: bool | None = None,
        strip_accents: bool | None = None,
        straight_quotes: bool | None = None,
        compose: bool | None = None,
        commas_apart: bool | None = None,
        special_tokens: Mapping[str, str] | Sequence[str] | None = None,
        special_tokens_in_text: bool = False,
        sequence_length: int | None = None,
        added_tokens: Mapping[str, int] | Sequence[str] = (),
        add_bos: bool = False,
        add_eos: bool = False,
        **kwargs: Any,
    ) -> None:
        name = type(self).__name__
        self._refuse_unknown(kwargs)
        if add_bos or add_eos:
            raise InputError(
                f"{name} was given add_bos={add_bos} and add_eos={add_eos}. Tokens are added where "
                "texts are packed, by the preprocessor. Leave both False."
            )
        given = {
            "lowercase": lowercase,
            "strip_accents": strip_accents,
            "straight_quotes": straight_quotes,
            "compose": compose,
            "commas_apart": commas_apart,
        }
        switches = self._switches(given)
        for switch, on in switches.items():
            setattr(self, switch, on)
        self._prepare = _preparation(switches)
        model = unigram_model.read_proto(proto, name)
        replaced = len(self.model_tokens) if self.tokens_before else 0
        self._reserved = model.control(replaced)
        roles = {} if isinstance(special_tokens, str) else self._roles(special_tokens)
        named = special_tokens if isinstance(special_tokens, Mapping) else {}
        outside = (*roles.values(), *added_tokens)
        refuse_surrogates([token for token in outside if isinstance(token, str)], name)
        first, before, after = self._places(roles, model.pieces[replaced:])
        unigram_model.check_family(
            model,
            name,
            first=first if before else (),
            needed={
                r: roles[r] for r in type(self).special_tokens if r in roles and r not in named
            },
            outside=[*before, *after],
            unknown=roles.get("unk"),
        )
        shift = len(before) - replaced
        self._after = len(model.pieces) + shift  # the id after the last piece
        self.added_tokens = unigram_model.ids_after(added_tokens, after, model, shift)
        self._added_by_class = self.added_tokens == unigram_model.ids_after((), after, model, shift)
        running = unigram_model.in_id_order(
            model,
            before,
            replaced,
            self.added_tokens,
            [*roles.values(), *before],
            self.commas_apart,
        )
        self.proto: bytes = model.serialized
        """The sentencepiece model, as it was given."""
        self.unknown_token = running.unknown
        self._control = set(running.control())
        self._by_score = running.message.trainer_spec.model_type == unigram_model.UNIGRAM
        self._byte_fallback = bool(running.message.trainer_spec.byte_fallback)
        self._prefix = " " if running.message.normalizer_spec.add_dummy_prefix else ""
        self._processor = unigram_model.processor(running.serialized, model.name)
        self._patterns: dict[str, re.Pattern[str] | None] = {}
        super().__init__(
            running.pieces,
            special_tokens=special_tokens,
            special_tokens_in_text=special_tokens_in_text,
            sequence_length=sequence_length,
            **kwargs,
        )

    @classmethod
    def train(
        cls,
        data: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
        vocabulary_size: int,
        *,
        character_coverage: float = 0.9995,
        **kwargs: Any,
    ) -> Self:
        """A tokenizer whose model is learnt from text; the same text gives the same one.

        Args:
            data: Texts; or text files, one text a line, gzipped if they end in ``.gz``: one path
                or glob, or a list of paths. A list of strings that all end in ``.txt`` or
                ``.txt.gz`` is read as paths.
            vocabulary_size: Number of tokens, special tokens included. Fewer come out where the
                text has no more pieces.
            character_coverage: Which part of all characters of the text must have a piece; the
                rarest beyond it are unknown. sentencepiece's own default.
            **kwargs: Constructor arguments, `lowercase` and `strip_accents` among them.

        Raises:
            InputError: No text, a path that matches no file, or a `vocabulary_size` that does
                not hold even the characters.
        """
        from mlmzoo.kit.tokenizers.unigram_training import train_model

        cls._refuse_unknown(set(kwargs) - set(cls._arguments()))
        roles = cls._named(kwargs.get("special_tokens"))
        first, before, after = cls._places(roles)
        outside = list(dict.fromkeys([*before, *after, *kwargs.get("added_tokens", ())]))
        inside = list(dict.fromkeys([*first, *(t for t in roles.values() if t not in outside)]))
        proto = train_model(
            data,
            _preparation(cls._switches(kwargs)),
            vocabulary_size=vocabulary_size,
            outside=len(outside) - (len(first) if before else 0),
            special_tokens=inside,
            roles=roles,
            character_coverage=character_coverage,
        )
        return cls(proto=proto, **kwargs)

    @property
    def switches(self) -> dict[str, bool]:
        """The constructor arguments that say how text is prepared."""
        return {name: getattr(self, name) for name in SWITCHES}

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments, the model in base64 included, as JSON can hold them."""
        config = super().get_config()
        del config["vocabulary"]
        return {
            "proto": base64.b64encode(self.proto).decode("ascii"),
            **config,
            **self.switches,
            "added_tokens": dict(self.added_tokens),
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """A tokenizer with the given constructor arguments, the model in base64 or as bytes.

        Raises:
            PresetFormatError: The model is something else, such as the path of a file.
        """
        proto = config.get("proto")
        data = unigram_model.decoded(proto) if isinstance(proto, str) else None
        return super().from_config(config if data is None else {**config, "proto": data})

    def keras_config(self) -> dict[str, Any]:
        """The ``config`` object of KerasHub's ``tokenizer.json``, in its argument names."""
        return {**super().keras_config(), "proto": None, "add_bos": False, "add_eos": False}

    def extras(self) -> dict[str, Any]:
        """Constructor arguments that `keras_config` cannot express; empty where it says it all."""
        given = self._given_special_tokens
        extras: dict[str, Any] = {name: True for name, on in self.switches.items() if on}
        if given:
            extras["special_tokens"] = dict(given) if isinstance(given, Mapping) else list(given)
        if self.special_tokens_in_text:
            extras["special_tokens_in_text"] = True
        if not self._added_by_class:
            extras["added_tokens"] = dict(self.added_tokens)
        return extras

    def write_files(self, directory: str | os.PathLike[str], layout: str = "keras") -> None:
        """Writes the model (and, in the transformers layout, its settings) to a directory.

        Args:
            directory: A preset's directory; made if it is not there.
            layout: ``"keras"`` (``assets/tokenizer/vocabulary.spm``; `keras_config` and `extras`
                go into the preset's JSON) or ``"transformers"`` (the family's `model_file`,
                ``tokenizer.json``, ``tokenizer_config.json``).

        Raises:
            InputError: An unknown layout.
        """
        unigram_files.write(self, Path(directory), layout)

    # What TokenizerBase asks for -----------------------------------------------------------------

    @classmethod
    def _read_files(
        cls, files: Files, layout: str, config: dict[str, Any]
    ) -> tuple[dict[str, Any], tuple[str, ...]]:
        return unigram_files.read(cls, files, layout, config)

    def _roles(self, given: Any) -> dict[str, str]:
        roles = super()._roles(given)
        # What the model keeps out of texts is special, whether or not the family uses it.
        return roles | {t: t for t in self._reserved if t not in roles.values()}

    def _encode_batch(self, texts: Sequence[str], specials: str) -> list[list[int]]:
        prepare = self._prepare
        if (pattern := self._pattern(specials)) is None:
            return self._run(texts if prepare.nothing else list(map(prepare, texts)))
        parts: list[str] = []
        places: list[list[int]] = []  # of each text: a token's id, or ~the number of a part
        for text in texts:
            place = []
            for _, part, token in split(pattern, text):
                if part:
                    place.append(~len(parts))
                    parts.append(prepare(part))
                if token:
                    place.append(self._ids[token])
            places.append(place)
        rows = self._run(parts)
        return [
            [id for item in place for id in (rows[~item] if item < 0 else (item,))]
            for place in places
        ]

    def _encode_offsets(
        self, texts: Sequence[str], specials: str
    ) -> tuple[list[list[int]], list[list[tuple[int, int]]]]:
        from sentencepiece import sentencepiece_pb2

        pattern = self._pattern(specials)
        rows: list[list[int]] = []
        spans: list[list[tuple[int, int]]] = []
        refuse_invalid_unicode(texts)
        for text in texts:
            ids: list[int] = []
            where: list[tuple[int, int]] = []
            for offset, part, token in split(pattern, text):
                prepared, starts, ends = self._prepare.aligned(part)
                message = sentencepiece_pb2.SentencePieceText()
                message.ParseFromString(
                    self._processor.encode(prepared, out_type="serialized_proto")
                )
                numbers = characters(prepared)
                for piece in message.pieces:
                    first, last = numbers[piece.begin], numbers[piece.end]
                    end = ends[last - 1] if last else 0
                    start = starts[first] if first < last else end
                    if word := part[start:end].lstrip():
                        start = end - len(word)  # the space before it is no part of it
                    ids.append(piece.id)
                    where.append((offset + start, offset + end))
                if token:
                    end = offset + len(part)
                    ids.append(self._ids[token])
                    where.append((end, end + len(token)))
            rows.append(ids)
            spans.append(where)
        return rows, spans

    def _additions(self, texts: Sequence[str]) -> list[Addition]:
        found = []
        for text, ids in zip(texts, self.encode(texts), strict=True):
            spelled = "".join(self._processor.encode(self._prepare(text), out_type=str))
            whole = self._by_score and unigram_growth.holds(spelled)
            found.append(Addition(text, text, spelled if whole else text, tuple(ids), whole))
        return found

    def _enlarged(self, words: Sequence[Addition], others: Sequence[Addition]) -> dict[str, Any]:
        model = unigram_model.parsed(self.proto, type(self).__name__)
        sums = {word.token: sum(map(self._processor.get_score, word.pieces)) for word in words}
        scores = unigram_growth.scores(sums)
        # What follows the pieces makes room for more of them.
        added = {
            token: id + len(words) if id >= self._after else id
            for token, id in self.added_tokens.items()
        }
        free = len(self._tokens) + len(words)
        added |= {other.token: free + number for number, other in enumerate(others)}
        return {"proto": unigram_growth.enlarged(model, scores), "added_tokens": added}

    def _decode(self, ids: Sequence[int]) -> str:
        text = ""
        for token in map(self._tokens.__getitem__, ids):
            if token not in self._control:
                text += token.replace(unigram_model.SPACE, " ")
            else:
                # A space before it gives the same tokens, and reads better.
                text += token if text.endswith(" ") or not text else f" {token}"
        if self._byte_fallback:
            text = joined_bytes(text)
        return text.removeprefix(self._prefix)

    def _word_flags(self, token: str) -> int:
        if self._byte_fallback and (byte := octet(token)):
            return flags_of(byte)
        return flags_of(token.replace(unigram_model.SPACE, " ").encode("utf-8"))

    # sentencepiece -------------------------------------------------------------------------------

    def running_model(self) -> unigram_model.Model:
        """The model as it runs: its pieces are the vocabulary."""
        return unigram_model.parsed(self._processor.serialized_model_proto(), type(self).__name__)

    def _run(self, texts: Sequence[str]) -> list[list[int]]:
        threads = 1 if len(texts) < _THREADS_FROM else -1
        try:
            rows: list[list[int]] = self._processor.encode(list(texts), num_threads=threads)
        except (RuntimeError, TypeError, ValueError):
            refuse_invalid_unicode(texts)
            raise
        return rows

    def _pattern(self, specials: str) -> re.Pattern[str] | None:
        """What finds the tokens that a text is split at; ``None`` where there are none."""
        if specials not in self._patterns:
            special = set(self.special_tokens.values())
            found = {*self.added_tokens} - special | self._known(specials)
            self._patterns[specials] = re.compile(any_of(sorted(found))) if found else None
        return self._patterns[specials]

    # Inside --------------------------------------------------------------------------------------

    @classmethod
    def _switches(cls, given: Mapping[str, Any]) -> dict[str, bool]:
        values = {name: given.get(name) for name in SWITCHES}
        return {
            name: cls.preparation.get(name, False) if value is None else bool(value)
            for name, value in values.items()
        }

    @classmethod
    def _places(
        cls, roles: Mapping[str, str], pieces: Iterable[str] = ()
    ) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
        """`model_tokens`, `tokens_before` and `tokens_after` where roles have other tokens.

        A role may also be given to one of the `pieces`, which then is where it was.
        """
        taken = set(pieces)
        renamed = {
            token: roles[role]
            for role, token in cls.special_tokens.items()
            if role in roles and roles[role] not in taken
        }
        first, before, after = (
            tuple(renamed.get(token, token) for token in tokens)
            for tokens in (cls.model_tokens, cls.tokens_before, cls.tokens_after)
        )
        return first, before, after


def _preparation(switches: Mapping[str, bool]) -> Preparation:
    return Preparation(**{name: on for name, on in switches.items() if name != "commas_apart"})
