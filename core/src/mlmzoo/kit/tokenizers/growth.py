"""A tokenizer with more tokens: words become pieces of the vocabulary, other texts are found whole.

A word is added to what the tokenizer learnt, so that it is found as every other word is. Texts of
several words, and those with punctuation in them, no vocabulary can hold; they are found before a
text is split.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from mlmzoo.contract.errors import InputError
from mlmzoo.kit.tokenizers.proposals import Proposal, propose_tokens
from mlmzoo.kit.tokenizers.reading import SPECIAL_TOKENS, TOKEN_CHARACTERS, TOKENS
from mlmzoo.kit.tokenizers.texts import refuse_invalid_unicode

_NAMED = 50
"""Texts that an error names."""


@dataclass(frozen=True)
class Addition:
    """A text that is to be one token.

    Args:
        text: As it was asked for.
        written: As it is given to the tokenizer: with a space before it where that is how words
            are written.
        token: What the vocabulary is to call it.
        pieces: Ids that the tokenizer has made of it so far.
        whole: Whether it is a word that the vocabulary can hold.
    """

    text: str
    written: str
    token: str
    pieces: tuple[int, ...]
    whole: bool


@dataclass(frozen=True)
class Growth:
    """A tokenizer with more tokens, and what they were before.

    Args:
        tokenizer: The tokenizer. Special tokens may have other ids than before.
        ids: Each text that was asked for -> its id.
        pieces: Each new token -> the ids that the tokenizer before gave its text.
    """

    tokenizer: Any
    ids: dict[str, int]
    pieces: dict[str, tuple[int, ...]]


class Growing:
    """Mixin: a tokenizer that others are made from which have more tokens."""

    added_tokens: Any = ()
    """Tokens that are found in any text before it is cut, where a class has such."""

    def _additions(self, texts: Sequence[str]) -> list[Addition]:
        """What texts would be as tokens. Optional, as is `_enlarged`."""
        raise InputError(
            f"{type(self).__name__} was to be given further tokens, and its class takes none."
        )

    def _enlarged(self, words: Sequence[Addition], others: Sequence[Addition]) -> dict[str, Any]:
        """Constructor arguments of a tokenizer that has these words and other texts as tokens."""
        raise NotImplementedError

    def grow(self, texts: Iterable[str]) -> Growth:
        """A tokenizer like this one that makes one token of each of some texts.

        A word becomes a piece of the vocabulary; a text of several words, or one with punctuation
        in it, is found before a text is split.

        Args:
            texts: What is to be one token, without spaces around it.

        Raises:
            InputError: A text is a token already, is there twice, is empty, or cannot be one
                token; or `texts` holds none, or something else.

        Example:
            >>> from mlmzoo.kit.tokenizers.wordpiece import WordPiece
            >>> tokenizer = WordPiece(["[UNK]", "fox", "##es", "the"])
            >>> growth = tokenizer.grow(["foxes"])
            >>> growth.ids, growth.pieces
            ({'foxes': 4}, {'foxes': (1, 2)})
            >>> growth.tokenizer("the foxes")
            array([3, 4], dtype=int32)
        """
        return _grow(self, texts)

    def propose_tokens(
        self,
        data: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
        limit: int = 100,
        min_count: int = 5,
    ) -> list[Proposal]:
        """Words of a corpus that this tokenizer splits most, the most worthwhile ones first.

        They are in the order of the tokens that the corpus would be shorter by: occurrences times
        pieces but one. Only words with a letter in them are proposed, and none that is an unknown
        token now. What a word is, see `TokenizerBase.word_starts`; with byte-level BPE it has a
        space before it, and scripts without spaces have none.

        Args:
            data: Texts, a generator too; or text files, one text a line, gzipped if they end in
                ``.gz``: one path or glob, or a list of paths.
            limit: Most words.
            min_count: How often a word must occur.

        Raises:
            InputError: A path that matches no file, something that is not a text, or a number
                below 1.

        Example:
            >>> from mlmzoo.kit.tokenizers.wordpiece import WordPiece
            >>> tokenizer = WordPiece(["[UNK]", "fox", "##es", "the"])
            >>> print(*tokenizer.propose_tokens(["the foxes"] * 6))
            'foxes': 2 pieces, 6 times
        """
        return propose_tokens(self, data, limit, min_count)


def _grow(tokenizer: Any, texts: Iterable[str]) -> Growth:
    checked = _checked(texts)
    additions = tokenizer._additions(checked)
    _refuse_known(tokenizer, additions)
    arguments = tokenizer._enlarged(
        [addition for addition in additions if addition.whole],
        [addition for addition in additions if not addition.whole],
    )
    grown = tokenizer.from_config({**tokenizer.get_config(), **arguments})
    grown.notes = tokenizer.notes
    ids = {addition.text: grown.token_to_id(addition.token) for addition in additions}
    rows = grown.encode([addition.written for addition in additions])
    split = [text for text, row in zip(ids, rows, strict=True) if row != [ids[text]]]
    if split:
        raise InputError(
            f"Tokens were to be added that {type(tokenizer).__name__} would still take apart, as "
            f"they are too long or hold another token: {_named(split)}. Leave these out; nothing "
            "was added."
        )
    pieces = {addition.token: addition.pieces for addition in additions}
    return Growth(grown, ids, pieces)


def _checked(texts: Any) -> list[str]:
    if isinstance(texts, str | bytes) or not isinstance(texts, Iterable):
        raise InputError(
            f"Tokens were to be added, and {texts!r:.60} of type {type(texts).__name__} was given. "
            "Give a list of texts, each to be one token."
        )
    texts = [str(text) if isinstance(text, str) else text for text in texts]
    if not texts:
        raise InputError("Tokens were to be added, and the list of them is empty.")
    seen: set[str] = set()
    for number, text in enumerate(texts):
        reason = _fault(text, seen)
        if reason:
            raise InputError(
                f"Tokens were to be added, and number {number}, {text!r:.60}, {reason}."
            )
        seen.add(text)
    refuse_invalid_unicode(texts)
    return texts


def _fault(text: Any, seen: set[str]) -> str:
    if not isinstance(text, str):
        return f"is of type {type(text).__name__}. Give texts"
    if not text.strip():
        return "is empty. Leave it out"
    if text != text.strip():
        return "has a space around it. Give the word alone: where spaces go, the tokenizer knows"
    if any(character in "\n\r\0" for character in text):
        return "has a line break or NUL in it, which the files of a vocabulary cannot hold"
    if len(text) > TOKEN_CHARACTERS:
        return f"has {len(text)} characters, and {TOKEN_CHARACTERS} are the most"
    return "is there twice. Give it once" if text in seen else ""


def _refuse_known(tokenizer: Any, additions: list[Addition]) -> None:
    if empty := [addition.text for addition in additions if not addition.pieces]:
        raise InputError(
            f"Tokens were to be added of which nothing is left once {type(tokenizer).__name__} has "
            f"cleaned the text: {_named(empty)}. Leave these out; nothing was added."
        )
    special = set(tokenizer.special_tokens.values())
    if spelt := [a.text for a in additions if any(token in a.text for token in special)]:
        raise InputError(
            "Tokens were to be added that hold a special token, which is found first or not at "
            f"all: {_named(spelt)}. Leave these out; nothing was added."
        )
    ids = tokenizer._ids
    if known := [a.text for a in additions if a.token in ids]:
        raise InputError(
            f"Tokens were to be added that the vocabulary of {len(ids)} tokens holds already: "
            f"{_named(known)}. Leave these out; nothing was added."
        )
    by_token: dict[str, str] = {}
    for addition in additions:
        if addition.token in by_token:
            raise InputError(
                f"Tokens were to be added, {by_token[addition.token]!r:.60} and "
                f"{addition.text!r:.60} among them, which to this tokenizer are both "
                f"{addition.token!r:.60}. Give one of them; nothing was added."
            )
        by_token[addition.token] = addition.text
    most = TOKENS - len(ids)
    looked_for = len(tokenizer.added_tokens) + sum(not a.whole for a in additions)
    if len(additions) > most or looked_for > SPECIAL_TOKENS:
        raise InputError(
            f"{len(additions)} tokens were to be added to {len(ids)}, {looked_for} of which would "
            f"have to be looked for everywhere. A vocabulary has at most {TOKENS}, and "
            f"{SPECIAL_TOKENS} of that kind. Give fewer."
        )


def _named(texts: Sequence[str]) -> str:
    more = f" and {len(texts) - _NAMED} more" if len(texts) > _NAMED else ""
    return ", ".join(f"{text!r:.60}" for text in texts[:_NAMED]) + more
