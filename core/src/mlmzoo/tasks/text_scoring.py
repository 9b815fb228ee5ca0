"""How probable a text is: what `MaskedLM` answers with `score` and `prefer`."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from mlmzoo.contract.errors import InputError
from mlmzoo.data.in_turn import as_they_stand
from mlmzoo.data.inputs import Texts, read_texts
from mlmzoo.data.rows import TokenRows
from mlmzoo.inference.scoring import Preference, TextScore, TokenScore, check_method
from mlmzoo.tasks.answering import (
    ASKED_FORMS,
    Answering,
    Asked,
    answer_texts,
    given,
    is_pair,
    shorten,
)
from mlmzoo.tasks.asking import judge, log_probabilities_in_turn


class TextScoring(Answering):
    """Mixin: pseudo-log-likelihoods of raw text, through the task's preprocessor."""

    def score(self, texts: Any, method: str = "pll", batch_size: int = 64) -> Any:
        """Pseudo-log-likelihood of texts, and of each token in them.

        A mask token in a text is a gap: it is seen as such, and not scored. Start and end tokens
        are not scored either.

        Args:
            texts: One text (a pair is a tuple of two str), a list, or a stream of texts.
            method: ``"pll"`` masks each token in turn (Salazar et al., 2020,
                https://arxiv.org/abs/1910.14659). ``"pll_word_l2r"`` also masks the tokens that
                follow it in its word (Kauf and Ivanova, 2023, https://arxiv.org/abs/2305.10588):
                fairer to words of many tokens. ``"one_pass"`` masks nothing: one row instead of n
                for n tokens, but the model sees what it is asked for. It is an approximation that
                is far too high, and is labelled as one.
            batch_size: Rows computed at a time; a text of n tokens is n rows.

        Returns:
            A `TextScore` for one text; a list of them for many, in their order; for a stream an
            iterator.

        Raises:
            RandomHeadError: The head was never trained.
            InputError: A text is longer than the sequence length, or the model has no
                preprocessor, or the method is unknown.

        Example:
            >>> from mlmzoo import MaskedLM
            >>> masked_lm = MaskedLM.from_preset("bert_tiny_en_uncased_kjv")
            >>> score = masked_lm.score("And God said, Let there be light.")
            >>> score.log_probability > masked_lm.score(
            ...     "And God there, said light be."
            ... ).log_probability
            True
        """
        check_method(method)
        self._refuse_to_answer("score", batch_size)
        answer = partial(self._scores, method=method, batch_size=batch_size)
        return answer_texts(texts, answer, at_once=batch_size)  # a text is many rows

    def prefer(self, a: Any, b: Any, method: str = "pll", batch_size: int = 64) -> Any:
        """Which of two texts is more probable: the judgement on a minimal pair.

        The sums of log-probabilities are compared, as in BLiMP (Warstadt et al., 2020,
        https://arxiv.org/abs/1912.00582): not divided by the number of tokens.

        Args:
            a: One text (a pair is a tuple of two str), or many, of the forms that `score` takes.
            b: What to compare it with: one text, or as many as there are in `a`.
            method: See `score`.
            batch_size: See `score`.

        Returns:
            A `Preference`, or a list of them.

        Raises:
            RandomHeadError: See `score`.
            InputError: There are not as many texts in `a` as in `b`, or pairs are to be compared
                with single texts; or see `score`.

        Example:
            >>> from mlmzoo import MaskedLM
            >>> masked_lm = MaskedLM.from_preset("bert_tiny_en_uncased_kjv")
            >>> masked_lm.prefer(
            ...     "The kings are in the house.", "The kings is in the house."
            ... ).preferred
            'a'
        """
        (single, one), (other_single, other) = _read(a), _read(b)
        forms = [(x.second is None, len(x)) for x in (one, other)]
        if single != other_single or forms[0] != forms[1]:
            raise InputError(
                f"prefer was asked to compare {_described(single, one)} with "
                f"{_described(other_single, other)}. Give two texts, two pairs, or two lists of "
                "equally many of these."
            )
        # Equal texts once: in another batch, rounding makes another number of them.
        texts = list(dict.fromkeys([*given(one), *given(other)]))
        scores = dict(zip(texts, self.score(texts, method, batch_size), strict=True))
        preferences = [
            Preference(scores[x], scores[y]) for x, y in zip(given(one), given(other), strict=True)
        ]
        return preferences[0] if single else preferences

    def _scores(self, texts: Asked, method: str, batch_size: int) -> list[TextScore]:
        tokenizer = self.preprocessor.tokenizer
        rows, spans, lost = self.preprocessor.located_rows(texts)
        originals = given(texts)
        for number in np.flatnonzero(lost).tolist():
            raise InputError(
                f"{texts.name(number).capitalize()} to be scored has "
                f"{rows.lengths[number] + lost[number]} tokens, and the "
                f"sequence length is {self.preprocessor.sequence_length}: "
                f"{shorten(originals[number])!r}. Split it: a part would not be its score."
            )
        added = [tokenizer.start_token_id, tokenizer.end_token_id, tokenizer.pad_token_id]
        scored = ~np.isin(rows.ids, [*added, tokenizer.mask_token_id])
        values = np.zeros(len(rows.ids))
        values[scored] = self._values(rows, scored, method, batch_size)
        answers = []
        for number, text in enumerate(originals):
            tokens = tuple(
                TokenScore(
                    tokenizer.id_to_token(rows.ids[t]),
                    int(rows.ids[t]),
                    (int(spans[t, 0]), int(spans[t, 1])),
                    float(values[t]),
                    int(rows.segments[t]),
                )
                for t in range(rows.offsets[number], rows.offsets[number + 1])
                if scored[t]
            )
            answers.append(TextScore(text, method, tokens))
        return answers

    def _values(
        self, rows: TokenRows, scored: np.ndarray, method: str, batch_size: int
    ) -> np.ndarray:
        """Log-probability of each scored token."""
        if method == "one_pass":
            return judge(self, rows, as_they_stand(rows, scored), batch_size)[:, 0]
        starts = self.preprocessor.tokenizer.word_starts
        words = starts(rows.ids) if method == "pll_word_l2r" else None
        return log_probabilities_in_turn(self, rows, scored, words, batch_size)


def _read(texts: Any) -> tuple[bool, Texts]:
    """Whether this is one text or pair alone, and all texts in it."""
    single = isinstance(texts, str | bytes) or is_pair(texts)
    return single, read_texts([texts] if single else texts, forms=ASKED_FORMS)


def _described(single: bool, texts: Texts) -> str:
    kind = "text" if texts.second is None else "pair"
    return f"one {kind}" if single else f"a list of {kind}s ({len(texts)})"
