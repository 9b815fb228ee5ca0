"""`WordPiece`: BERT's tokenization, on the `tokenizers` library."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

from mlmzoo.contract.errors import InputError, PresetMissingError
from mlmzoo.contract.protocols import Files
from mlmzoo.kit.tokenizers import wordpiece_files
from mlmzoo.kit.tokenizers.growth import Addition
from mlmzoo.kit.tokenizers.library import LibraryTokenizer, arguments, spelling
from mlmzoo.kit.tokenizers.settings import BOOLEAN, TEXT, WORD_LENGTH, Kind
from mlmzoo.kit.tokenizers.texts import read_texts
from mlmzoo.kit.tokenizers.vocabulary import read_lines, refuse_surrogates, tokens_given
from mlmzoo.kit.tokenizers.words import BEGINS

BERT_SPECIAL_TOKENS = {
    "pad": "[PAD]",
    "unk": "[UNK]",
    "cls": "[CLS]",
    "sep": "[SEP]",
    "mask": "[MASK]",
}
"""Roles and tokens of BERT's vocabularies, which other families took over."""


class WordPiece(LibraryTokenizer):
    """Text to word pieces, exactly as the `tokenizers` library makes them.

    Text is cleaned of control characters, optionally lowercased and stripped of accents, split
    at all Unicode whitespace, around punctuation and around CJK characters; then each word is
    matched, longest piece first, against the vocabulary (Schuster and Nakajima, 2012; Devlin et
    al., 2018). A word that cannot be matched, or is too long, is the unknown token.

    Args:
        vocabulary: A list of tokens in id order, a mapping of tokens to ids, or the path of a
            text file with one token a line.
        lowercase: Whether to lowercase text.
        strip_accents: Whether to remove accents; ``None`` does so where `lowercase` does, as the
            original BERT.
        split: Whether to split text into words. If not, a text is one word, and a list of
            strings is one text already split; give a list of lists for several.
        suffix_indicator: What marks a piece that continues a word.
        oov_token: The token of words that cannot be matched.
        special_tokens: A mapping of roles to tokens, changing or adding to the class' own; or a
            list of further special tokens.
        special_tokens_in_text: Whether calling the tokenizer recognises special tokens written
            in a text (KerasHub: ``special_tokens_in_strings``).
        sequence_length: Length to pad and truncate to when called, or ``None``.
        split_on_cjk: Whether CJK characters are words of their own.
        max_characters_per_word: Longest word that is matched at all.
        added_tokens: Tokens found in any text before it is split into words: strings, or
            mappings of the arguments of ``tokenizers.AddedToken``.

    Raises:
        InputError: See `TokenizerBase`.
        PresetMissingError: `vocabulary` names a file that is not there.

    Example:
        >>> tokenizer = WordPiece(
        ...     ["[UNK]", "the", "qu", "##ick", "br", "##own", "fox", "."], lowercase=True
        ... )
        >>> tokenizer("The quick brown fox.")
        array([1, 2, 3, 4, 5, 6, 7], dtype=int32)
        >>> tokenizer.detokenize([1, 2, 3, 4, 5, 6, 7])
        'the quick brown fox .'
    """

    argument_kinds: ClassVar[Mapping[str, Kind]] = {
        **dict.fromkeys(("lowercase", "strip_accents", "split", "split_on_cjk"), BOOLEAN),
        "suffix_indicator": TEXT,
        "oov_token": TEXT,
        "max_characters_per_word": WORD_LENGTH,
    }

    def __init__(
        self,
        vocabulary: Sequence[str] | Mapping[str, int] | str | os.PathLike[str] | None = None,
        lowercase: bool = False,
        *,
        strip_accents: bool | None = False,
        split: bool = True,
        suffix_indicator: str = "##",
        oov_token: str = "[UNK]",
        special_tokens: Mapping[str, str] | Sequence[str] | None = None,
        special_tokens_in_text: bool = False,
        sequence_length: int | None = None,
        split_on_cjk: bool = True,
        max_characters_per_word: int = 100,
        added_tokens: Sequence[str | Mapping[str, Any]] = (),
        **kwargs: Any,
    ) -> None:
        self.lowercase = bool(lowercase)
        self.strip_accents = strip_accents if strip_accents is None else bool(strip_accents)
        self.split = bool(split)
        self.suffix_indicator = suffix_indicator
        self.oov_token = oov_token
        self.split_on_cjk = bool(split_on_cjk)
        self.max_characters_per_word = max_characters_per_word
        super().__init__(
            _read_vocabulary(vocabulary, type(self).__name__),
            added_tokens=added_tokens,
            special_tokens=special_tokens,
            special_tokens_in_text=special_tokens_in_text,
            sequence_length=sequence_length,
            **kwargs,
        )
        refuse_surrogates([suffix_indicator], type(self).__name__)

    @classmethod
    def train(
        cls,
        data: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
        vocabulary_size: int,
        *,
        min_frequency: int = 2,
        limit_alphabet: int = 1000,
        **kwargs: Any,
    ) -> Self:
        """A tokenizer whose vocabulary is learnt from text; the same text gives the same one.

        Args:
            data: Texts; or text files, one text a line, gzipped if they end in ``.gz``: one path
                or glob, or a list of paths. A list of strings that all end in ``.txt`` or
                ``.txt.gz`` is read as paths.
            vocabulary_size: Number of tokens, special tokens included. Fewer come out where the
                text has no more pieces that are frequent enough.
            min_frequency: How often a pair of pieces must occur to be joined.
            limit_alphabet: How many different characters to keep, the most frequent ones.
            **kwargs: Constructor arguments, `lowercase` and `strip_accents` among them.

        Raises:
            InputError: No text, a path that matches no file, or a `vocabulary_size` that does
                not hold even the alphabet.

        Example:
            >>> WordPiece.train(["the fox", "the ox"] * 9, 14, special_tokens={"pad": "[PAD]"})
            <WordPiece of 14 tokens>
        """
        from mlmzoo.kit.tokenizers.wordpiece_training import train_vocabulary

        roles = cls._named(kwargs.get("special_tokens"))
        roles["unk"] = kwargs.get("oov_token", "[UNK]")
        added = map(spelling, kwargs.get("added_tokens", ()))
        first = list(dict.fromkeys([*roles.values(), *added]))
        blank = cls(vocabulary=first, **kwargs)  # knows how text is to be normalised and split
        vocabulary = train_vocabulary(
            data,
            blank._encoder("none"),
            vocabulary_size=vocabulary_size,
            first_tokens=first,
            suffix_indicator=blank.suffix_indicator,
            min_frequency=min_frequency,
            limit_alphabet=limit_alphabet,
        )
        return cls(vocabulary=vocabulary, **kwargs)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments, vocabulary included, as JSON can hold them."""
        return {
            **super().get_config(),
            "lowercase": self.lowercase,
            "strip_accents": self.strip_accents,
            "split": self.split,
            "suffix_indicator": self.suffix_indicator,
            "oov_token": self.oov_token,
            "split_on_cjk": self.split_on_cjk,
            "max_characters_per_word": self.max_characters_per_word,
            "added_tokens": list(self.added_tokens),
        }

    def keras_config(self) -> dict[str, Any]:
        """The ``config`` object of KerasHub's ``tokenizer.json``, in its argument names."""
        given = self._given_special_tokens
        accents = self.lowercase if self.strip_accents is None else self.strip_accents
        return {
            **super().keras_config(),
            "vocabulary": None,
            "lowercase": self.lowercase,
            "strip_accents": accents,
            "split": self.split,
            "suffix_indicator": self.suffix_indicator,
            "oov_token": self.oov_token,
            "special_tokens": None if isinstance(given, Mapping) else given and list(given),
            "special_tokens_in_strings": self.special_tokens_in_text,
        }

    def extras(self) -> dict[str, Any]:
        """Constructor arguments that `keras_config` cannot express; empty where it says it all."""
        given = self._given_special_tokens
        extras: dict[str, Any] = {}
        if isinstance(given, Mapping):
            extras["special_tokens"] = dict(given)
        if not self.split_on_cjk:
            extras["split_on_cjk"] = False
        if self.max_characters_per_word != 100:
            extras["max_characters_per_word"] = self.max_characters_per_word
        if self.added_tokens:
            extras["added_tokens"] = list(self.added_tokens)
        return extras

    def write_files(self, directory: str | os.PathLike[str], layout: str = "keras") -> None:
        """Writes the vocabulary (and, in the transformers layout, its settings) to a directory.

        Args:
            directory: A preset's directory; made if it is not there.
            layout: ``"keras"`` (``assets/tokenizer/vocabulary.txt``; `keras_config` and `extras`
                go into the preset's JSON) or ``"transformers"`` (``vocab.txt``,
                ``tokenizer.json``, ``tokenizer_config.json``).

        Raises:
            InputError: An unknown layout, or a token that a line of text cannot hold.
        """
        wordpiece_files.write(self, Path(directory), layout)

    # What TokenizerBase asks for -----------------------------------------------------------------

    @classmethod
    def _read_files(
        cls, files: Files, layout: str, config: dict[str, Any]
    ) -> tuple[dict[str, Any], tuple[str, ...]]:
        return wordpiece_files.read(files, layout, config, cls.special_tokens)

    def _decode(self, ids: Sequence[int]) -> str:
        words: list[str] = []
        for token in map(self._tokens.__getitem__, ids):
            if words and self._continues(token):
                words[-1] += token[len(self.suffix_indicator) :]
            else:
                words.append(token)
        return " ".join(words)

    def _continues(self, token: str) -> bool:
        mark = self.suffix_indicator
        return bool(mark) and token.startswith(mark) and len(token) > len(mark)

    def _word_flags(self, token: str) -> int:
        # Text is split around punctuation before it is matched, so the mark says it all.
        return 0 if self._continues(token) else BEGINS

    def _additions(self, texts: Sequence[str]) -> list[Addition]:
        encoder, unparted = self._encoder("none"), self._normalizer(split_on_cjk=False)
        found = []
        mark = self.suffix_indicator
        if mark and (marked := [text for text in texts if text.startswith(mark)]):
            raise InputError(
                f"{marked[0]!r:.60} was to become a token, and begins with {mark!r}, which marks "
                "pieces that continue a word. Give whole words."
            )
        for text, ids in zip(texts, self.encode(texts), strict=True):
            token = unparted.normalize_str(text)
            words = [encoder.normalizer.normalize_str(text)]
            if encoder.pre_tokenizer is not None:
                words = [word for word, _ in encoder.pre_tokenizer.pre_tokenize_str(words[0])]
            found.append(Addition(text, text, token, tuple(ids), whole=words == [token]))
        return found

    def _roles(self, given: Any) -> dict[str, str]:
        roles = super()._roles(given)
        if isinstance(given, Mapping) and given.get("unk", self.oov_token) != self.oov_token:
            raise InputError(
                f"The unknown token was given twice, as oov_token={self.oov_token!r} and as "
                f"special_tokens={{'unk': {given['unk']!r}}}. Use oov_token."
            )
        return {**roles, "unk": self.oov_token}

    def _read_texts(self, inputs: Any) -> tuple[list[Any], bool]:
        if self.split:
            return super()._read_texts(inputs)
        if isinstance(inputs, list | tuple) and any(isinstance(x, list | tuple) for x in inputs):
            return self._read_batch(inputs), True
        return [read_texts(inputs)[0]], False

    def _read_batch(self, texts: Any) -> list[Any]:
        if self.split:
            return super()._read_batch(texts)
        return [read_texts(words)[0] for words in texts]  # each a text that is split already

    def _build(self, specials: str) -> Any:
        from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers

        known = self._known(specials)
        # A special token that is not recognised must not be reached as a plain word either.
        hidden = set(self.special_tokens.values()) - known - {self.oov_token}
        encoder = Tokenizer(
            models.WordPiece(
                {token: id for token, id in self._ids.items() if token not in hidden},
                unk_token=self.oov_token,
                continuing_subword_prefix=self.suffix_indicator,
                max_input_chars_per_word=self.max_characters_per_word,
            )
        )
        encoder.normalizer = self._normalizer(self.split_on_cjk)
        if self.split:
            encoder.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        encoder.add_special_tokens(
            [
                AddedToken(token, special=True, normalized=False)
                for token in dict.fromkeys(self.special_tokens.values())
                if token in known
            ]
        )
        # Hidden ones, which the model has no id for, would be given that of another token.
        added = [
            AddedToken(**arguments(token))
            for token in self.added_tokens
            if spelling(token) not in hidden
        ]
        for token in added:
            # The library panics where it comes upon one.
            if token.normalized and not encoder.normalizer.normalize_str(token.content):
                raise InputError(
                    f"added_tokens has {token.content!r}, of which nothing is left once text is "
                    "cleaned. Take it out."
                )
        encoder.add_tokens(added)
        return encoder

    def _normalizer(self, split_on_cjk: bool) -> Any:
        from tokenizers import normalizers

        return normalizers.BertNormalizer(
            clean_text=self.split,
            handle_chinese_chars=self.split and split_on_cjk,
            strip_accents=self.strip_accents,
            lowercase=self.lowercase,
        )


def _read_vocabulary(vocabulary: Any, name: str) -> list[Any]:
    if isinstance(vocabulary, str | os.PathLike):
        path = Path(vocabulary)
        if not path.is_file():
            raise PresetMissingError(
                f"{name} was given vocabulary={str(vocabulary)!r}, and there is no such file. Give "
                "the path of a text file with one token a line, or a list of tokens."
            )
        return read_lines(path, str.rstrip)
    return tokens_given(vocabulary, name, "a text file with one token a line")
