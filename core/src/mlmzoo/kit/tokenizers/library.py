"""`LibraryTokenizer`: what tokenizers on the `tokenizers` library have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from mlmzoo.contract.errors import InputError
from mlmzoo.kit.tokenizers.base import TokenizerBase
from mlmzoo.kit.tokenizers.growth import Addition
from mlmzoo.kit.tokenizers.settings import ADDED, Kind
from mlmzoo.kit.tokenizers.texts import refuse_invalid_unicode
from mlmzoo.kit.tokenizers.words import UNSPACED


class LibraryTokenizer(TokenizerBase):
    """A tokenizer that the `tokenizers` library runs.

    A subclass gives `_build`, which makes the library's object, and what `TokenizerBase` asks for
    besides encoding.

    Args:
        vocabulary: Every token, in id order.
        added_tokens: Tokens found in any text before it is split into words: strings, or
            mappings of the arguments of ``tokenizers.AddedToken``.
        **kwargs: Arguments of `TokenizerBase`.

    Raises:
        InputError: See `TokenizerBase`; an added token is missing from the vocabulary.
    """

    argument_kinds: ClassVar[Mapping[str, Kind]] = {"added_tokens": ADDED}

    transformers_class: ClassVar[str | None] = None
    """The transformers class that reads what we write; ``None``: its generic one."""

    def __init__(
        self,
        vocabulary: Sequence[str],
        *,
        added_tokens: Sequence[str | Mapping[str, Any]] = (),
        **kwargs: Any,
    ) -> None:
        self.added_tokens = [
            token if isinstance(token, str) else dict(token) for token in added_tokens
        ]
        self._encoders: dict[str, Any] = {}
        super().__init__(vocabulary, **kwargs)
        missing = [token for token in map(spelling, self.added_tokens) if token not in self._ids]
        if missing:
            raise InputError(
                f"added_tokens asks for {missing}, which the vocabulary does not hold. Add them "
                "to the vocabulary."
            )

    def _build(self, specials: str) -> Any:
        """A ``tokenizers.Tokenizer`` that recognises all, one or none of the special tokens."""
        raise NotImplementedError

    def _encoder(self, specials: str) -> Any:
        if specials not in self._encoders:
            try:
                import tokenizers  # noqa: F401
            except ImportError as error:
                raise ImportError(
                    f"{type(self).__name__} needs the package `tokenizers`, which is not "
                    "installed: pip install tokenizers"
                ) from error
            self._encoders[specials] = self._build(specials)
        return self._encoders[specials]

    def _encode_batch(self, texts: Sequence[Any], specials: str) -> list[list[int]]:
        return [encoding.ids for encoding in self._run("encode_batch_fast", texts, specials)]

    def _encode_offsets(
        self, texts: Sequence[Any], specials: str
    ) -> tuple[list[list[int]], list[list[tuple[int, int]]]]:
        encodings = self._run("encode_batch", texts, specials)
        return [e.ids for e in encodings], [e.offsets for e in encodings]

    def _run(self, method: str, texts: Sequence[Any], specials: str) -> list[Any]:
        encode = getattr(self._encoder(specials), method)
        split = bool(texts) and not isinstance(texts[0], str)
        try:
            encodings: list[Any] = encode(
                list(texts), is_pretokenized=split, add_special_tokens=False
            )
        except TypeError:  # all it says of a text that UTF-8 cannot hold
            refuse_invalid_unicode(map("".join, texts))
            raise
        return encodings

    def _try_out(self) -> None:
        if self.added_tokens:
            self._encoder("none")

    def _enlarged(self, words: Sequence[Addition], others: Sequence[Addition]) -> dict[str, Any]:
        return {
            "vocabulary": [*self._tokens, *(addition.token for addition in (*words, *others))],
            "added_tokens": [*self.added_tokens, *(_found_apart(each.token) for each in others)],
        }

    def __getstate__(self) -> dict[str, Any]:
        # The library's objects are made again on first use: a copy need not carry them.
        return {**self.__dict__, "_encoders": {}}


def _found_apart(token: str) -> str | dict[str, Any]:
    """An added token that is not found inside of longer words, if it begins and ends as one."""
    word = token[0].isalnum() and token[-1].isalnum() and not UNSPACED.search(token)
    return {"content": token, "single_word": True} if word else token


def arguments(added: str | Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of ``tokenizers.AddedToken`` for an added token."""
    return {"content": added} if isinstance(added, str) else dict(added)


def spelling(added: str | Mapping[str, Any]) -> str:
    """The text of an added token."""
    return added if isinstance(added, str) else str(added.get("content"))
