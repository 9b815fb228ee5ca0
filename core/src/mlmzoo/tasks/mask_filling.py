"""What stands in a mask: what `MaskedLM` answers with `fill_mask` and `complete`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import islice
from typing import Any

import numpy as np

from mlmzoo.contract.errors import InputError, NoMaskError
from mlmzoo.data.inputs import Texts
from mlmzoo.data.numbers import check_count
from mlmzoo.data.rows import TokenRows
from mlmzoo.inference.filling import FilledText, MaskAnswer, Phrase, best_candidates
from mlmzoo.tasks.answering import Answering, Text, answer_texts, given, shorten
from mlmzoo.tasks.asking import log_probabilities_in_turn, logits_at_masks, mask_tokens
from mlmzoo.tasks.joint_filling import complete_rows

Place = tuple[int, tuple[int, int]]
"""Segment (0 or 1) and span of characters of a mask token in a text."""


class MaskFilling(Answering):
    """Mixin: answers at the mask tokens in raw text, through the task's preprocessor."""

    def fill_mask(
        self,
        texts: Any,
        top_k: int = 5,
        candidates: Sequence[str] | None = None,
        batch_size: int = 32,
    ) -> Any:
        """The most probable tokens for each mask token in the texts, or how probable some are.

        Several masks in a text are answered independently of each other; `complete` fills them
        together.

        Args:
            texts: One text, a list, or a stream of texts; a text holds the tokenizer's mask token
                (``"[MASK]"``) at least once. A pair of texts is a tuple.
            top_k: Number of candidates.
            candidates: Words or phrases to choose from instead, of any number of tokens each.
                The mask is expanded to as many masks as a phrase has tokens, and they are ranked
                by log-probability per token; see `Phrase`. All are answered, `top_k` or not.
            batch_size: Texts computed at a time.

        Returns:
            A `FilledText` for one text; a list of them for many, in the order of the texts; for
            a stream an iterator.

        Raises:
            RandomHeadError: The head was never trained.
            NoMaskError: A text has no mask token, or one beyond the sequence length.
            InputError: The model has no preprocessor, `top_k` is below 1, or the tokenizer cannot
                spell a candidate.

        Example:
            >>> from mlmzoo import MaskedLM
            >>> masked_lm = MaskedLM.from_preset("bert_tiny_en_uncased_kjv")
            >>> answer = masked_lm.fill_mask(
            ...     "And [MASK] said unto Moses.", candidates=["the LORD", "Pharaoh"]
            ... )
            >>> answer.masks[0].candidates[0].text
            'the LORD'
        """
        self._refuse_to_answer("fill_mask", batch_size)
        check_count("top_k", top_k)
        if candidates is not None:
            candidates = _checked(candidates)

        def answer(some: Texts) -> list[FilledText]:
            rows, places = self._rows_with_masks(some)
            if candidates is None:
                masks = self._most_probable(rows, places, top_k, batch_size)
            else:
                masks = self._ranked(some, rows, places, candidates, batch_size)
            return list(map(FilledText, given(some), masks))

        return answer_texts(texts, answer)

    def complete(
        self,
        texts: Any,
        beam: int = 5,
        order: str = "confident",
        num_tokens: int | tuple[int, int] = 1,
        batch_size: int = 32,
    ) -> Any:
        """The most probable ways to fill all masks of a text together.

        A beam search: one mask is filled at a time, those after it are asked anew with its token
        in place, and the `beam` best are kept. The joint probability is the product of the
        probabilities of the tokens as they were filled in. It depends on the order.

        Args:
            texts: See `fill_mask`.
            beam: Completions that are kept at every step, and returned.
            order: Which mask is filled next: ``"confident"``, the one whose best token is the most
                probable; or ``"left_to_right"``.
            num_tokens: Tokens that each mask becomes, or the fewest and the most: of completions
                with different numbers those with the highest log-probability per token are best.
            batch_size: Rows computed at a time.

        Returns:
            A `CompletedText` for one text; a list of them for many, in the order of the texts;
            for a stream an iterator. Special tokens are never filled in.

        Raises:
            RandomHeadError: The head was never trained.
            NoMaskError: A text has no mask token, or one beyond the sequence length.
            InputError: A number makes no sense, or a text has more masks than can be searched.

        Example:
            >>> from mlmzoo import MaskedLM
            >>> masked_lm = MaskedLM.from_preset("bert_tiny_en_uncased_kjv")
            >>> completed = masked_lm.complete("And the [MASK] spake [MASK] Moses.", beam=3)
            >>> completed.completions[0].text
            'And the lord spake unto Moses.'
        """
        self._refuse_to_answer("complete", batch_size)

        def answer(some: Texts) -> list[Any]:
            rows, places = self._rows_with_masks(some)
            return complete_rows(
                self, given(some), rows, places, beam, order, num_tokens, batch_size
            )

        return answer_texts(texts, answer)

    # Inside ---------------------------------------------------------------------------------------

    def _rows_with_masks(self, texts: Texts) -> tuple[TokenRows, list[list[Place]]]:
        """Tokens of the texts, and the places of their masks in them.

        Raises:
            NoMaskError: A text has no mask, or one that the sequence length cuts off.
        """
        preprocessor = self.preprocessor
        rows = preprocessor.rows(texts, specials="mask")
        tokenizer, mask = preprocessor.tokenizer, preprocessor.tokenizer.mask_token
        kept = np.diff(mask_tokens(rows, tokenizer.mask_token_id).offsets)
        found = []
        for text, count in zip(given(texts), kept.tolist(), strict=True):
            places = _places(text, mask)
            if not places:
                raise NoMaskError(
                    f"A text to be filled has no {mask}: {shorten(text)!r}. "
                    f"Put {mask} where a token is to be predicted."
                )
            if len(places) > count:
                raise NoMaskError(
                    f"A text to be filled has {len(places)} {mask}, and only {count} within the "
                    f"sequence length of {preprocessor.sequence_length} tokens: "
                    f"{shorten(text)!r}. Shorten the text before {mask}."
                )
            found.append(places)
        return rows, found

    def _most_probable(
        self, rows: TokenRows, places: list[list[Place]], top_k: int, batch_size: int
    ) -> list[tuple[MaskAnswer, ...]]:
        tokenizer = self.preprocessor.tokenizer
        to_text = cache(lambda id: tokenizer.detokenize([id]))  # most come up again and again
        answers: list[Any] = [None] * len(rows)
        for asked in logits_at_masks(self, rows, batch_size):
            best = iter(best_candidates(asked.logits, top_k, tokenizer.id_to_token, to_text))
            for row, positions, _ in asked.by_row():
                answers[row] = tuple(
                    MaskAnswer(position, next(best), span, segment)
                    for position, (segment, span) in zip(
                        positions.tolist(), places[row], strict=True
                    )
                )
        return answers

    def _ranked(
        self,
        texts: Texts,
        rows: TokenRows,
        places: list[list[Place]],
        candidates: Sequence[str],
        batch_size: int,
    ) -> list[tuple[MaskAnswer, ...]]:
        """The candidates at each mask, best first."""
        masks = mask_tokens(rows, self.preprocessor.tokenizer.mask_token_id)
        positions = iter(
            (masks.positions - np.repeat(rows.offsets[:-1], np.diff(masks.offsets))).tolist()
        )
        originals = given(texts)
        asked = [
            (text, place, candidate)
            for text, of_text in zip(originals, places, strict=True)
            for place in of_text
            for candidate in candidates
        ]
        phrases = self._phrases(asked, batch_size)
        answers = []
        for of_text in places:
            answered = []
            for segment, span in of_text:
                best = sorted(islice(phrases, len(candidates)), key=lambda each: -each.score)
                answered.append(MaskAnswer(next(positions), tuple(best), span, segment))
            answers.append(tuple(answered))
        return answers

    def _phrases(self, asked: list[tuple[Text, Place, str]], batch_size: int) -> Iterator[Phrase]:
        """Each text's candidate as it stands in the place of the mask, and its probability."""
        tokenizer = self.preprocessor.tokenizer
        written = [_with(text, place, candidate) for text, place, candidate in asked]
        first, *second = (list(column) for column in zip(*map(_parts, written), strict=True))
        rows, spans, lost = self.preprocessor.located_rows(
            Texts(first, second[0] if second else None)
        )
        row_of = np.repeat(np.arange(len(rows)), rows.lengths)
        begins = np.array([span[0] for _, (_, span), _ in asked])
        ends = begins + np.array([len(candidate) for *_, candidate in asked])
        segment = np.array([segment for _, (segment, _), _ in asked])
        chosen = (
            (spans[:, 0] >= 0)
            & (rows.segments == segment[row_of])
            & (spans[:, 0] < ends[row_of])
            & (spans[:, 1] > begins[row_of])
        )
        for number, (text, (part, (begin, _)), candidate) in enumerate(asked):
            tokens = np.flatnonzero(chosen[rows.offsets[number] : rows.offsets[number + 1]])
            tokens += rows.offsets[number]
            if lost[number]:
                raise InputError(
                    f"The candidate {candidate!r} makes {shorten(text)!r} {lost[number]} tokens "
                    f"longer than the sequence length of {self.preprocessor.sequence_length}. "
                    "Shorten the text."
                )
            if not len(tokens) or np.isin(rows.ids[tokens], tokenizer.special_token_ids).any():
                raise InputError(
                    f"The tokenizer cannot spell the candidate {candidate!r}: it becomes "
                    f"{[tokenizer.id_to_token(i) for i in rows.ids[tokens]]}. Leave it out."
                )
            whole = _parts(written[number])[part]
            around = whole[spans[tokens[0], 0] : begin]
            around += whole[begin + len(candidate) : spans[tokens[-1], 1]]
            if around.strip():
                raise InputError(
                    f"The tokenizer joins the candidate {candidate!r} with {around.strip()!r} "
                    f"beside it in {shorten(text)!r}, so it has no probability of its own there. "
                    f"Put spaces around {tokenizer.mask_token}."
                )
        # Each candidate counts as one word, whose later tokens are masked with an earlier one.
        words = np.ones(len(chosen), bool)
        words[1:] = ~(chosen[1:] & chosen[:-1])
        values = log_probabilities_in_turn(self, rows, chosen, words, batch_size)
        sums = np.bincount(row_of[chosen], weights=values, minlength=len(rows))
        for number, (_, _, candidate) in enumerate(asked):
            span = slice(rows.offsets[number], rows.offsets[number + 1])
            ids = tuple(rows.ids[span][chosen[span]].tolist())
            spelled_as = tuple(map(tokenizer.id_to_token, ids))
            yield Phrase(candidate, spelled_as, ids, float(sums[number]))


def _checked(candidates: Sequence[str]) -> list[str]:
    known = [candidates] if isinstance(candidates, str) else list(candidates)
    if not known or not all(isinstance(each, str) and each.strip() for each in known):
        raise InputError(
            f"candidates={candidates!r:.200} was given. Give a list of words or phrases."
        )
    return known


def _places(text: Text, mask: str) -> list[Place]:
    return [
        (segment, found.span())
        for segment, part in enumerate(_parts(text))
        for found in re.finditer(re.escape(mask), part)
    ]


def _with(text: Text, place: Place, candidate: str) -> Text:
    """The text with a candidate in the place of a mask."""
    segment, (start, end) = place
    parts = list(_parts(text))
    parts[segment] = parts[segment][:start] + candidate + parts[segment][end:]
    return parts[0] if isinstance(text, str) else (parts[0], parts[1])


def _parts(text: Text) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else text
