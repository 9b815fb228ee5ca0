"""`TokenizerBase`: what every tokenizer has in common, as plain data: no Keras, no TensorFlow."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from mlmzoo.contract.errors import InputError
from mlmzoo.kit.tokenizers.growth import Growing
from mlmzoo.kit.tokenizers.reading import SPECIAL_TOKENS
from mlmzoo.kit.tokenizers.settings import BOOLEAN, LENGTH, SPECIALS, Kind, is_count
from mlmzoo.kit.tokenizers.stored import Stored
from mlmzoo.kit.tokenizers.texts import in_graph, read_ids, read_texts, symbolic
from mlmzoo.kit.tokenizers.vocabulary import ids_of
from mlmzoo.kit.tokenizers.words import ALONE, starts

RECOGNISED = ("none", "mask", "all")


class TokenizerBase(Growing, Stored):
    """Text to token ids and back.

    A subclass turns its vocabulary into a list of tokens in id order, hands it to this
    constructor, and gives `_encode_batch`, `_decode`, `_read_files` and `write_files`, and
    `get_config` for further arguments of its own.

    Every special token has a role, and each role gives two attributes: role ``"mask"`` gives
    ``mask_token`` and ``mask_token_id``. The roles named by `start` and `end` are also
    ``start_token``, ``start_token_id``, ``end_token`` and ``end_token_id``.

    Args:
        vocabulary: Every token, in id order.
        special_tokens: A mapping of roles to tokens, changing or adding to the class' own; or a
            list of further special tokens.
        special_tokens_in_text: Whether calling the tokenizer recognises special tokens written
            in a text. If not (the default), a text that says "[MASK]" holds no mask.
        special_tokens_in_strings: KerasHub's name of the same.
        sequence_length: Length to pad and truncate to when the tokenizer is called; ``None``
            leaves rows as long as they are.

    Raises:
        InputError: A special token is missing from the vocabulary; the vocabulary is empty,
            has duplicates or holds something that is not a string; an unknown argument.
    """

    special_tokens: Mapping[str, str] = {}
    """Role -> token, e.g. ``{"pad": "[PAD]", "mask": "[MASK]"}``."""
    start: ClassVar[str | None] = None
    """Role of the token a packed sequence begins with."""
    end: ClassVar[str | None] = None
    """Role of the token that ends each segment of a packed sequence."""
    pair_separators: ClassVar[int] = 1
    """How many `end` tokens stand between the two segments of a pair."""
    argument_kinds: ClassVar[Mapping[str, Kind]] = {
        "special_tokens": SPECIALS,
        "special_tokens_in_text": BOOLEAN,
        "special_tokens_in_strings": BOOLEAN,
        "sequence_length": LENGTH,
    }
    """What constructor arguments may be where a preset gives them; those of base classes count
    too. An argument that is not named may be anything, and its class has to check it."""

    pad_token: str
    pad_token_id: int
    mask_token: str
    mask_token_id: int
    start_token: str
    start_token_id: int
    end_token: str
    end_token_id: int

    def __init__(
        self,
        vocabulary: Sequence[str],
        *,
        special_tokens: Mapping[str, str] | Sequence[str] | None = None,
        special_tokens_in_text: bool = False,
        special_tokens_in_strings: bool | None = None,
        sequence_length: int | None = None,
        **kwargs: Any,
    ) -> None:
        name = type(self).__name__
        self._refuse_unknown(kwargs)
        if sequence_length is not None and not is_count(sequence_length):
            raise InputError(
                f"sequence_length={sequence_length!r} was asked for. Give a positive integer, in "
                "tokens, or None to leave rows as long as they are."
            )
        self.sequence_length = sequence_length
        self.special_tokens_in_text = bool(
            special_tokens_in_text
            if special_tokens_in_strings is None
            else special_tokens_in_strings
        )
        self._tokens = list(vocabulary)
        self._ids = ids_of(self._tokens, name)
        self._given_special_tokens = special_tokens
        self._flags: np.ndarray | None = None  # made when somebody asks for words
        self._set_special_tokens(special_tokens)

    # Given by a subclass -------------------------------------------------------------------------

    def _encode_batch(self, texts: Sequence[str], specials: str) -> list[list[int]]:
        """Ids of each text, nothing added; `specials` as in `encode`."""
        raise NotImplementedError

    def _encode_offsets(
        self, texts: Sequence[str], specials: str
    ) -> tuple[list[list[int]], list[list[tuple[int, int]]]]:
        """Ids and character spans of each text. Optional."""
        raise NotImplementedError(f"{type(self).__name__} does not say where its tokens come from.")

    def _decode(self, ids: Sequence[int]) -> str:
        """Text of ids, special tokens spelled out."""
        raise NotImplementedError

    def _word_flags(self, token: str) -> int:
        """What a token that is not special says of words: the flags of `words`. Optional."""
        raise NotImplementedError(f"{type(self).__name__} does not say where words begin.")

    # Text to ids ---------------------------------------------------------------------------------

    def __call__(self, inputs: Any) -> Any:
        """Token ids of one text or of many; nothing is added to them.

        Args:
            inputs: One text, or a list, tuple, array, Series or string tensor of texts.

        Returns:
            One text: an int32 array ``(L,)``. Many: a list of such arrays, or one ``(B, L)``
            array padded with the pad token where `sequence_length` is set. Inside
            ``tf.data.Dataset.map``: the same as TensorFlow tensors, a batch as a ragged one.

        Raises:
            InputError: `inputs` is neither a text nor a flat sequence of texts.
        """
        if symbolic(inputs):
            return in_graph(self.__call__, inputs, self.sequence_length)
        texts, batched = self._read_texts(inputs)
        specials = "all" if self.special_tokens_in_text else "none"
        rows = [np.array(ids, np.int32) for ids in self._encode_batch(texts, specials)]
        if self.sequence_length is not None:
            padded = np.full((len(rows), self.sequence_length), self._padding_id(), np.int32)
            for number, row in enumerate(rows):
                padded[number, : len(row)] = row[: self.sequence_length]
            return padded if batched else padded[0]
        return rows if batched else rows[0]

    def tokenize(self, inputs: Any) -> Any:
        """The same as calling the tokenizer."""
        return self(inputs)

    def encode(self, texts: Sequence[str], specials: str = "none") -> list[list[int]]:
        """Token ids of each text, nothing added, neither padded nor truncated.

        Args:
            texts: The texts.
            specials: Which special tokens are recognised where a text spells them:
                ``"none"``, ``"mask"`` (the mask token alone) or ``"all"``.

        Raises:
            InputError: Not a sequence of texts, or an unknown value of `specials`.
        """
        return self._encode_batch(self._batch(texts, specials), specials)

    def encode_with_offsets(
        self, texts: Sequence[str], specials: str = "none"
    ) -> tuple[list[list[int]], list[list[tuple[int, int]]]]:
        """As `encode`, and for each token the span of characters it was made from.

        Returns:
            The ids, and for each text a list of ``(start, end)``: token ``i`` stands for
            ``text[start:end]`` of the text as it was given.
        """
        return self._encode_offsets(self._batch(texts, specials), specials)

    # Ids to text ---------------------------------------------------------------------------------

    def detokenize(self, ids: Any) -> Any:
        """Text of one sequence of token ids, or texts of many.

        The text gives the same tokens again. Where tokens say nothing of spaces (word pieces),
        words are joined with single ones, before punctuation too, as KerasHub does. Padding and
        the tokens that packing adds are dropped; mask and unknown tokens are kept, being part of
        the text.

        Args:
            ids: A sequence of integers, or a list, 2-D array or ragged tensor of them.

        Raises:
            InputError: Not token ids, or ids outside of the vocabulary.
        """
        rows, batched = read_ids(ids)
        dropped = {getattr(self, f"{name}_token_id", None) for name in ("pad", "start", "end")}
        for id in {id for row in rows for id in row}:
            self.id_to_token(id)
        texts = [self._decode([id for id in row if id not in dropped]) for row in rows]
        return texts if batched else texts[0]

    # Words ---------------------------------------------------------------------------------------

    def word_starts(self, ids: np.ndarray) -> np.ndarray:
        """Whether a word begins at each token.

        Words are what spaces part, with punctuation and symbols as words of their own: one each,
        unless a token holds several, and ``"don't"`` is three. What follows punctuation begins a
        word. Bytes that are part of a character stay with the word before them, a token that is
        nothing but a space belongs to the word behind it, and special tokens stand alone.
        In scripts without spaces that is the whole stretch between punctuation (but each
        character where the tokenizer parts them, as BERT's does Chinese).

        Args:
            ids: Token ids of shape ``(T,)``: of one text, or of several with special tokens
                between them.

        Returns:
            bool of shape ``(T,)``. The first token begins a word.

        Example:
            >>> from mlmzoo.kit.tokenizers.wordpiece import WordPiece
            >>> tokenizer = WordPiece(["[UNK]", "fox", "##es", "run", "!"])
            >>> tokenizer.word_starts(tokenizer("foxes run!"))
            array([ True, False,  True,  True])
        """
        if self._flags is None:
            special = set(self.special_tokens.values())
            self._flags = np.fromiter(
                (ALONE if token in special else self._word_flags(token) for token in self._tokens),
                np.uint8,
                len(self._tokens),
            )
        return starts(self._flags[ids])

    # The vocabulary ------------------------------------------------------------------------------

    def get_vocabulary(self) -> list[str]:
        """Every token, in id order."""
        return list(self._tokens)

    def vocabulary_size(self) -> int:
        """Number of token ids."""
        return len(self._tokens)

    def token_to_id(self, token: str) -> int:
        """Id of a token.

        Raises:
            InputError: It is not in the vocabulary (as in KerasHub, no unknown-token id is given).
        """
        try:
            return self._ids[token]
        except (KeyError, TypeError):
            raise InputError(
                f"The id of the token {token!r} was asked for, and the vocabulary of "
                f"{self.vocabulary_size()} tokens does not hold it. To get the ids of a text, "
                "call the tokenizer."
            ) from None

    def id_to_token(self, id: int) -> str:
        """Token of an id.

        Raises:
            InputError: The id is outside of the vocabulary.
        """
        number = operator.index(id)
        if not 0 <= number < len(self._tokens):
            raise InputError(
                f"The token of id {number} was asked for. Ids of this vocabulary are 0 to "
                f"{len(self._tokens) - 1}; were these ids made by another tokenizer?"
            )
        return self._tokens[number]

    @property
    def special_token_ids(self) -> list[int]:
        """Ids of all special tokens, ascending."""
        return sorted({self._ids[token] for token in self.special_tokens.values()})

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments, vocabulary included, as JSON can hold them."""
        given = self._given_special_tokens
        return {
            "vocabulary": self.get_vocabulary(),
            "special_tokens": dict(given) if isinstance(given, Mapping) else given and list(given),
            "special_tokens_in_text": self.special_tokens_in_text,
            "sequence_length": self.sequence_length,
        }

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.vocabulary_size()} tokens>"

    # Inside --------------------------------------------------------------------------------------

    def _known(self, specials: str) -> set[str]:
        """The special tokens that `specials`, as in `encode`, says are recognised in a text."""
        if specials == "mask":
            return {token for role, token in self.special_tokens.items() if role == "mask"}
        return set(self.special_tokens.values()) if specials == "all" else set()

    def _set_special_tokens(self, given: Mapping[str, str] | Iterable[str] | None) -> None:
        if isinstance(given, str):
            raise InputError(
                f"special_tokens={given!r} was given. Give a list of tokens, or a mapping of "
                f"roles to tokens such as {{'mask': {given!r}}}."
            )
        self.special_tokens = self._roles(given)
        for pair in self.special_tokens.items():
            if not all(isinstance(part, str) for part in pair):
                raise InputError(
                    f"special_tokens was given with {pair!r:.100}. Roles and tokens are strings."
                )
        if len(self.special_tokens) > SPECIAL_TOKENS:
            raise InputError(
                f"{type(self).__name__} was given {len(self.special_tokens)} special tokens, and "
                f"{SPECIAL_TOKENS} are the most."
            )
        missing = {role: t for role, t in self.special_tokens.items() if t not in self._ids}
        if missing:
            raise InputError(
                f"{type(self).__name__} needs special tokens that the vocabulary of "
                f"{len(self._tokens)} tokens does not hold: "
                + ", ".join(f"{token!r} ({role})" for role, token in missing.items())
                + ". Add them to the vocabulary, or say which tokens have these roles: "
                f"special_tokens={{{next(iter(missing))!r}: 'the token', ...}}."
            )
        roles = dict(self.special_tokens)
        for name, role in (("start", self.start), ("end", self.end)):
            if role is not None:
                roles[name] = self.special_tokens[role]
        own = {*type(self).special_tokens, "start", "end"}
        for role, token in roles.items():
            if role.isidentifier():
                if role not in own and hasattr(self, f"{role}_token"):
                    raise InputError(
                        f"special_tokens has the role {role!r}, and {role}_token is something "
                        "else already. Choose another name."
                    )
                setattr(self, f"{role}_token", token)
                setattr(self, f"{role}_token_id", self._ids[token])

    @classmethod
    def _named(cls, given: Mapping[str, str] | Iterable[str] | None) -> dict[str, str]:
        """Role -> token: the class' own, and those given, which in a list are their own roles."""
        further = given if isinstance(given, Mapping) else {token: token for token in given or ()}
        return {**cls.special_tokens, **further}

    def _roles(self, given: Mapping[str, str] | Iterable[str] | None) -> dict[str, str]:
        return self._named(given)

    def _padding_id(self) -> int:
        return getattr(self, "pad_token_id", 0)

    def _batch(self, texts: Sequence[str], specials: str) -> list[Any]:
        if specials not in RECOGNISED:
            raise InputError(
                f"specials={specials!r} was given. Give one of {', '.join(RECOGNISED)}."
            )
        if isinstance(texts, str | bytes):
            raise InputError(
                "`encode` was given one lone text. Give a list of texts, or call the tokenizer."
            )
        return self._read_batch(texts)

    def _read_texts(self, inputs: Any) -> tuple[list[Any], bool]:
        return read_texts(inputs)

    def _read_batch(self, texts: Any) -> list[Any]:
        return read_texts(texts)[0]
