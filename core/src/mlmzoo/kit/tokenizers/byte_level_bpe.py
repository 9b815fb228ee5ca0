"""`ByteLevelBPE`: GPT-2's and RoBERTa's tokenization, on the `tokenizers` library."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from functools import cache, cached_property
from itertools import chain
from pathlib import Path
from typing import Any, ClassVar, Self

from mlmzoo.contract.errors import InputError, PresetMissingError
from mlmzoo.contract.protocols import Files
from mlmzoo.kit.tokenizers import byte_level_bpe_files
from mlmzoo.kit.tokenizers.growth import Addition
from mlmzoo.kit.tokenizers.library import LibraryTokenizer, arguments, spelling
from mlmzoo.kit.tokenizers.merges import parts_of, read_merges
from mlmzoo.kit.tokenizers.reading import parse_json, read_bytes
from mlmzoo.kit.tokenizers.settings import BOOLEAN, TEXT_OR_NONE, TOKEN_LIST, Kind
from mlmzoo.kit.tokenizers.vocabulary import tokens_given
from mlmzoo.kit.tokenizers.words import UNSPACED, flags_of


class ByteLevelBPE(LibraryTokenizer):
    """Text to pieces of its UTF-8 bytes, exactly as the `tokenizers` library makes them.

    Text is split by GPT-2's rules into words that keep the space before them, contractions,
    numbers and runs of punctuation (Radford et al., 2019); each byte is written as one printable
    character (the space as ``Ġ``); then the pairs that `merges` names are joined, the earliest
    merge first (Sennrich et al., 2015, https://arxiv.org/abs/1508.07909). Nothing is normalised
    and nothing is unknown: `detokenize` gives the text back, byte for byte.

    Args:
        vocabulary: A mapping of tokens to ids, a list of tokens in id order, or the path of a
            JSON file that holds either.
        merges: Pairs of pieces to join, first ones first: ``"Ġ t"`` or ``("Ġ", "t")``; or the
            path of a text file with one pair a line.
        add_prefix_space: Whether a text that does not begin with a space is read as if it did.
        special_tokens: A mapping of roles to tokens, changing or adding to the class' own; or a
            list of further special tokens. The role ``"unk"`` is left out where the vocabulary
            does not hold the class' token for it.
        special_tokens_in_text: Whether calling the tokenizer recognises special tokens written
            in a text.
        sequence_length: Length to pad and truncate to when called, or ``None``.
        oov_token: The token of a byte that the vocabulary lacks. ``None`` leaves such bytes out,
            as KerasHub and transformers do. Trained vocabularies hold every byte.
        unsplittable_tokens: KerasHub's name for tokens found in any text before it is split.
            Special tokens in it are recognised only where the call asks for them.
        added_tokens: The same, each a string or a mapping of the arguments of
            ``tokenizers.AddedToken``. An entry for a special token only says how that is found:
            ``{"content": "<mask>", "lstrip": False}``. The mask token takes the whitespace before
            it (``lstrip``) unless an entry says otherwise, as in the original
            (``RobertaHubInterface.fill_mask`` of https://github.com/facebookresearch/fairseq).
        ignore_merges: Whether a word that is in the vocabulary is one token, be there merges that
            make it or not.

    Raises:
        InputError: See `TokenizerBase`; a merge that is no pair or makes a piece that the
            vocabulary does not hold.
        PresetMissingError: `vocabulary` or `merges` names a file that is not there.

    Example:
        >>> tokenizer = ByteLevelBPE(["t", "h", "e", "Ġ", "th", "the"], ["t h", "th e"])
        >>> tokenizer("the the")
        array([5, 3, 5], dtype=int32)
        >>> tokenizer.detokenize([5, 3, 5])
        'the the'
    """

    argument_kinds: ClassVar[Mapping[str, Kind]] = {
        "add_prefix_space": BOOLEAN,
        "ignore_merges": BOOLEAN,
        "oov_token": TEXT_OR_NONE,
        "unsplittable_tokens": TOKEN_LIST,
    }

    def __init__(
        self,
        vocabulary: Mapping[str, int] | Sequence[str] | str | os.PathLike[str] | None = None,
        merges: Sequence[str | Sequence[str]] | str | os.PathLike[str] | None = None,
        *,
        add_prefix_space: bool = False,
        special_tokens: Mapping[str, str] | Sequence[str] | None = None,
        special_tokens_in_text: bool = False,
        sequence_length: int | None = None,
        oov_token: str | None = None,
        unsplittable_tokens: Sequence[str] | None = None,
        added_tokens: Sequence[str | Mapping[str, Any]] = (),
        ignore_merges: bool = False,
        **kwargs: Any,
    ) -> None:
        name = type(self).__name__
        self.add_prefix_space = bool(add_prefix_space)
        self.ignore_merges = bool(ignore_merges)
        self.oov_token = oov_token
        self.unsplittable_tokens = unsplittable_tokens and list(unsplittable_tokens)
        super().__init__(
            _read_vocabulary(vocabulary, name),
            added_tokens=added_tokens,
            special_tokens=special_tokens,
            special_tokens_in_text=special_tokens_in_text,
            sequence_length=sequence_length,
            **kwargs,
        )
        self._merges = parts_of(_read_merges(merges, name), self._ids, f"{name} was given merges")
        needed = [*(self.unsplittable_tokens or ()), *([] if oov_token is None else [oov_token])]
        if missing := [token for token in needed if token not in self._ids]:
            raise InputError(
                f"unsplittable_tokens or oov_token asks for {missing}, which the vocabulary does "
                "not hold. Add them to the vocabulary."
            )

    @classmethod
    def train(
        cls,
        data: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
        vocabulary_size: int,
        *,
        min_frequency: int = 2,
        **kwargs: Any,
    ) -> Self:
        """A tokenizer whose vocabulary is learnt from text; the same text gives the same one.

        Ids are in the order of special tokens, the 256 bytes, pieces as they were joined, and
        the mask token last.

        Args:
            data: Texts; or text files, one text a line, gzipped if they end in ``.gz``: one path
                or glob, or a list of paths. A list of strings that all end in ``.txt`` or
                ``.txt.gz`` is read as paths.
            vocabulary_size: Number of tokens, special tokens and the 256 bytes included. Fewer
                come out where the text has no more pairs that are frequent enough.
            min_frequency: How often a pair of pieces must occur to be joined.
            **kwargs: Constructor arguments, `add_prefix_space` among them.

        Raises:
            InputError: No text, a path that matches no file, or a `vocabulary_size` that does
                not hold even the bytes.

        Example:
            >>> ByteLevelBPE.train(["the fox", "the ox"] * 9, 260)
            <ByteLevelBPE of 260 tokens>
        """
        from mlmzoo.kit.tokenizers.byte_level_bpe_training import train_vocabulary

        roles = cls._named(kwargs.get("special_tokens"))
        last = [token for role, token in roles.items() if role == "mask"]
        added = map(spelling, kwargs.get("added_tokens", ()))
        oov = kwargs.get("oov_token")
        first = [token for token in roles.values() if token not in last]
        first += [] if oov is None else [oov]
        further = [*(kwargs.get("unsplittable_tokens") or ()), *added]
        first += [token for token in further if token not in last]
        vocabulary, merges = train_vocabulary(
            data,
            vocabulary_size=vocabulary_size,
            first_tokens=list(dict.fromkeys(first)),
            last_tokens=last,
            add_prefix_space=bool(kwargs.get("add_prefix_space")),
            min_frequency=min_frequency,
        )
        return cls(vocabulary=vocabulary, merges=merges, **kwargs)

    @property
    def merges(self) -> list[str]:
        """The pairs of pieces that are joined, first ones first, as a merges file holds them."""
        return [f"{left} {right}" for left, right in self._merges]

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments, vocabulary and merges included, as JSON can hold them."""
        return {
            **super().get_config(),
            "merges": self.merges,
            "add_prefix_space": self.add_prefix_space,
            "oov_token": self.oov_token,
            "unsplittable_tokens": self.unsplittable_tokens,
            "added_tokens": list(self.added_tokens),
            "ignore_merges": self.ignore_merges,
        }

    def keras_config(self) -> dict[str, Any]:
        """The ``config`` object of KerasHub's ``tokenizer.json``, in its argument names."""
        unsplittable = self.unsplittable_tokens
        if plain := [t for t in map(spelling, self.added_tokens) if t not in self._special()]:
            unsplittable = [*(unsplittable or self._special()), *plain]
        return {
            **super().keras_config(),
            "add_prefix_space": self.add_prefix_space,
            "unsplittable_tokens": unsplittable and list(dict.fromkeys(unsplittable)),
        }

    def extras(self) -> dict[str, Any]:
        """Constructor arguments that `keras_config` cannot express; empty where it says it all."""
        given = self._given_special_tokens
        extras: dict[str, Any] = {}
        if given:
            extras["special_tokens"] = dict(given) if isinstance(given, Mapping) else list(given)
        if self.special_tokens_in_text:
            extras["special_tokens_in_text"] = True
        if self.oov_token is not None:
            extras["oov_token"] = self.oov_token
        if self.added_tokens:
            extras["added_tokens"] = list(self.added_tokens)
            extras["unsplittable_tokens"] = self.unsplittable_tokens
        if self.ignore_merges:
            extras["ignore_merges"] = True
        return extras

    def write_files(self, directory: str | os.PathLike[str], layout: str = "keras") -> None:
        """Writes the vocabulary (and, in the transformers layout, its settings) to a directory.

        Args:
            directory: A preset's directory; made if it is not there.
            layout: ``"keras"`` (``assets/tokenizer/vocabulary.json`` and ``merges.txt``;
                `keras_config` and `extras` go into the preset's JSON) or ``"transformers"``
                (``vocab.json``, ``merges.txt``, ``tokenizer.json``, ``tokenizer_config.json``).

        Raises:
            InputError: An unknown layout.
        """
        byte_level_bpe_files.write(self, Path(directory), layout)

    # What TokenizerBase asks for -----------------------------------------------------------------

    @classmethod
    def _read_files(
        cls, files: Files, layout: str, config: dict[str, Any]
    ) -> tuple[dict[str, Any], tuple[str, ...]]:
        return byte_level_bpe_files.read(files, layout, config, cls.special_tokens)

    def _decode(self, ids: Sequence[int]) -> str:
        data = b"".join(map(self._surface, map(self._tokens.__getitem__, ids)))
        # A sequence that was cut may end inside of a character.
        return data.decode("utf-8", "replace")

    def _word_flags(self, token: str) -> int:
        return flags_of(self._surface(token))

    def _additions(self, texts: Sequence[str]) -> list[Addition]:
        splitter = self._encoder("none").pre_tokenizer
        found = []
        for text in texts:
            # Inside of a text, a word has its space in front.
            words = [word for word, _ in splitter.pre_tokenize_str(f" {text}")]
            whole = len(words) == 1 and not UNSPACED.search(text)
            token, written = (words[0], f" {text}") if whole else (text, text)
            (pieces,) = self.encode([written])
            found.append(Addition(text, written, token, tuple(pieces), whole))
        return found

    def _enlarged(self, words: Sequence[Addition], others: Sequence[Addition]) -> dict[str, Any]:
        # Merges could make the words only by way of further tokens, which would be found in other
        # words, too.
        ignored = self.ignore_merges or bool(words)
        return {**super()._enlarged(words, others), "ignore_merges": ignored}

    def _surface(self, token: str) -> bytes:
        """The bytes of a text that a token stands for."""
        if token in self._whole:
            return token.encode()
        octets = byte_of()
        return b"".join(octets.get(character, character.encode()) for character in token)

    @cached_property
    def _whole(self) -> set[str]:
        """Tokens that are written as they are found."""
        return {entry["content"] for entries in self._found() for entry in entries}

    def _roles(self, given: Any) -> dict[str, str]:
        roles = super()._roles(given)
        asked = isinstance(given, Mapping) and "unk" in given
        if not asked and roles.get("unk") not in self._ids:
            roles.pop("unk", None)  # bytes need none, and KerasHub's vocabularies may lack it
        return roles

    def _special(self) -> list[str]:
        return list(dict.fromkeys(self.special_tokens.values()))

    def _build(self, specials: str) -> Any:
        from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers, processors

        known = self._known(specials)
        # A special token that is not recognised must not be reached by merging either.
        hidden = set(self.special_tokens.values()) - known - {self.oov_token}
        encoder = Tokenizer(
            models.BPE(
                {token: id for token, id in self._ids.items() if token not in hidden},
                [
                    (left, right)
                    for left, right in self._merges
                    if hidden.isdisjoint((left, right, left + right))
                ],
                unk_token=self.oov_token,
                ignore_merges=self.ignore_merges,
            )
        )
        encoder.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=self.add_prefix_space)
        encoder.post_processor = processors.ByteLevel(
            add_prefix_space=self.add_prefix_space, trim_offsets=True
        )
        special, plain = self._found()
        encoder.add_special_tokens(
            [
                AddedToken(**{**entry, "special": True})
                for entry in special
                if entry["content"] in known
            ]
        )
        encoder.add_tokens([AddedToken(**entry) for entry in plain])
        return encoder

    def _found(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """How the special tokens, and how the others, are found in a text before it is split."""
        special: dict[str, dict[str, Any]] = {
            token: {"content": token, "normalized": False} for token in self._special()
        }
        plain: dict[str, dict[str, Any]] = {}
        if "mask" in self.special_tokens:
            special[self.special_tokens["mask"]]["lstrip"] = True
        for token in [*(self.unsplittable_tokens or ()), *self.added_tokens]:
            entry = arguments(token)
            if entry["content"] not in special:
                plain[entry["content"]] = entry
            elif not isinstance(token, str):
                special[entry["content"]] = {"normalized": False, **entry}
        return list(special.values()), list(plain.values())


@cache
def byte_of() -> dict[str, bytes]:
    """The byte that each of the 256 characters of a piece stands for.

    Printable characters of Latin-1 stand for themselves; the other bytes, ascending, for the
    characters from U+0100 on (https://github.com/openai/gpt-2/blob/master/src/encoder.py).
    """
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [number for number in range(256) if number not in printable]
    numbers = chain(zip(printable, printable, strict=True), enumerate(others, 0x100))
    return {chr(character): bytes([number]) for character, number in numbers}


def _read_vocabulary(vocabulary: Any, name: str) -> list[Any]:
    if isinstance(vocabulary, str | os.PathLike):
        path = _file(vocabulary, "vocabulary", name)
        vocabulary = parse_json(read_bytes(path), f"The vocabulary {path} given to {name}")
    return tokens_given(vocabulary, name, "a JSON file that holds one of these")


def _read_merges(merges: Any, name: str) -> Iterable[Any]:
    if isinstance(merges, str | os.PathLike):
        return read_merges(_file(merges, "merges", name))
    if isinstance(merges, Iterable) and not isinstance(merges, bytes | Mapping):
        return merges
    raise InputError(
        f"{name} was given merges={merges!r}. Give a list such as ['t h', 'th e'], or the path of "
        "a text file with one such pair a line."
    )


def _file(given: str | os.PathLike[str], argument: str, name: str) -> Path:
    path = Path(given)
    if not path.is_file():
        raise PresetMissingError(
            f"{name} was given {argument}={str(path)!r}, and there is no such file."
        )
    return path
