"""Promises about the tokenizer: nothing is lost, nothing is smuggled in."""

from __future__ import annotations

import pytest

from mlmzoo.tasks.masked_lm import MaskedLM
from mlmzoo.testing.promises import Promises
from mlmzoo.testing.tiny import CORPUS


class TokenizingPromises(Promises):
    """Text to tokens and back."""

    def test_tokenizer_round_trip(self, task: MaskedLM) -> None:
        """Text comes back from its tokens, and every id has a token of its own.

        Troubleshooting: `detokenize` must undo what the tokenizer's pieces encode.
        """
        tokenizer = task.preprocessor.tokenizer
        for text in CORPUS:
            again = tokenizer.detokenize(tokenizer(text))
            assert list(tokenizer(again)) == list(tokenizer(text))
        vocabulary = tokenizer.get_vocabulary()
        assert len(vocabulary) == tokenizer.vocabulary_size()
        assert list(map(tokenizer.token_to_id, vocabulary)) == list(range(len(vocabulary)))

    def test_offsets_point_at_the_tokens_in_the_text(self, task: MaskedLM) -> None:
        """The spans of `encode_with_offsets` follow one another and leave out nothing but spaces.

        Troubleshooting: spans count characters of the text as it was given, before it was
        normalised, and end where the next character begins. They are optional: a tokenizer without
        `_encode_offsets` has none.
        """
        tokenizer = task.preprocessor.tokenizer
        try:
            ids, spans = tokenizer.encode_with_offsets(list(CORPUS))
        except NotImplementedError:
            pytest.skip("declared: the tokenizer has no _encode_offsets")
        assert [list(row) for row in ids] == tokenizer.encode(list(CORPUS))
        for text, row, where in zip(CORPUS, ids, spans, strict=True):
            assert len(row) == len(where)
            done = 0
            for start, end in where:
                between = text[done:start]
                assert done <= start <= end, (text, where)
                assert not between.strip(), f"no token stands for {between!r} of {text!r}"
                assert not any(map(str.isspace, text[start:end].strip())), (text, where)
                done = end
            assert done == len(text)

    def test_text_cannot_smuggle_special_tokens(self, task: MaskedLM) -> None:
        """A mask spelt out in training text is plain characters.

        Troubleshooting: `encode(texts, "none")` recognises no special token.
        """
        tokenizer = task.preprocessor.tokenizer
        assert tokenizer.mask_token_id not in tokenizer(f"the {tokenizer.mask_token} day")
