"""What stands in a mask: what `MaskedLM` answers with `fill_mask` and `complete`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from mlmzoo.contract.errors import InputError
from mlmzoo.data.numbers import check_count
from mlmzoo.inference.filling import FilledText, MaskAnswer, best_candidates
from mlmzoo.tasks.answering import AT_ONCE, Answering, Asked, answer_texts
from mlmzoo.tasks.asking import logits_at_masks
from mlmzoo.tasks.joint_filling import JointSearch
from mlmzoo.tasks.masked_texts import MaskedTexts
from mlmzoo.tasks.phrase_ranking import rank_phrases


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
                (``"[MASK]"``) at least once. A pair of texts is a tuple. A text is cut at the
                sequence length, as `predict` does; not where a mask would go.
            top_k: Number of candidates.
            candidates: Words or phrases to choose from instead, of any number of tokens each.
                The mask is expanded to as many masks as a phrase has tokens, and they are ranked
                by log-probability per token; see `Phrase`. All are answered, `top_k` or not. A
                space around a candidate counts only where the text has none before the mask.
            batch_size: Texts computed at a time.

        Returns:
            A `FilledText` for one text; a list of them for many, in the order of the texts; for
            a stream an iterator.

        Raises:
            RandomHeadError: The head was never trained.
            NoMaskError: A text has no mask token, or one beyond the sequence length.
            InputError: The model has no preprocessor, `top_k` is below 1, or a candidate cannot be
                spelled, is joined with what stands beside it, or pushes a mask beyond the
                sequence length.

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

        def answer(some: Asked) -> list[FilledText]:
            masked = MaskedTexts(self.preprocessor, some)
            if candidates is None:
                masks = self._most_probable(masked, top_k, batch_size)
            else:
                masks = rank_phrases(self, masked, candidates, batch_size)
            return list(map(FilledText, masked.texts, masks))

        # Each text is written once with each candidate.
        at_once = None if candidates is None else max(batch_size, AT_ONCE // len(candidates))
        return answer_texts(texts, answer, at_once)

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
            InputError: A number makes no sense, or a text has more masks than can be searched or
                than there is room for.

        Example:
            >>> from mlmzoo import MaskedLM
            >>> masked_lm = MaskedLM.from_preset("bert_tiny_en_uncased_kjv")
            >>> completed = masked_lm.complete("And the [MASK] spake [MASK] Moses.", beam=3)
            >>> completed.completions[0].text
            'And the lord spake unto Moses.'
        """
        self._refuse_to_answer("complete", batch_size)

        search = JointSearch(self, beam, order, num_tokens, batch_size)
        return answer_texts(
            texts,
            lambda some: search.complete(MaskedTexts(self.preprocessor, some)),
            max(1, AT_ONCE // search.beam),
        )

    # Inside ---------------------------------------------------------------------------------------

    def _most_probable(
        self, masked: MaskedTexts, top_k: int, batch_size: int
    ) -> list[tuple[MaskAnswer, ...]]:
        tokenizer = self.preprocessor.tokenizer
        to_text = cache(lambda id: tokenizer.detokenize([id]))  # most come up again and again
        answers: list[Any] = [None] * len(masked.rows)
        for asked in logits_at_masks(self, masked.rows, batch_size):
            best = iter(best_candidates(asked.logits, top_k, tokenizer.id_to_token, to_text))
            for row, positions, _ in asked.by_row():
                answers[row] = tuple(
                    MaskAnswer(position, next(best), span, segment)
                    for position, (segment, span) in zip(
                        positions.tolist(), masked.places[row], strict=True
                    )
                )
        return answers


def _checked(candidates: Any) -> list[str]:
    several = isinstance(candidates, Iterable) and not isinstance(candidates, str)
    known = list(candidates) if several else [candidates]
    if not known or not all(isinstance(each, str) and each.strip() for each in known):
        raise InputError(
            f"candidates={candidates!r:.200} was given. Give a list of words or phrases."
        )
    return list(map(str, known))  # numpy's are printed in another way
