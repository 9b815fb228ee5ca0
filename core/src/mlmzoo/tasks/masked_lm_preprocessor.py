"""`MaskedLMPreprocessor`: raw text to rows of token ids with some masked, and what stood there."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from mlmzoo.contract.errors import InputError, PresetWarning
from mlmzoo.data.frames import frame
from mlmzoo.data.inputs import Texts, read_texts
from mlmzoo.data.masking import (
    LONGEST_SPAN,
    LONGEST_WORD,
    SPAN_END_RATE,
    MaskingRule,
    draw,
)
from mlmzoo.data.numbers import check_seed
from mlmzoo.data.rows import TokenRows
from mlmzoo.data.segments import Segmenter, word_starts
from mlmzoo.kit.tokenizers.settings import LENGTH, Kind
from mlmzoo.kit.tokenizers.texts import symbolic
from mlmzoo.tasks.preprocessor import NOT_IN_PRESETS, Preprocessor, as_batch, is_single
from mlmzoo.tasks.symbolic import in_graph


class MaskedLMPreprocessor(Preprocessor):
    """Raw text to rows of token ids with some of them masked, and the labels to predict.

    Masking follows BERT (Devlin et al., 2018, appendix A.1): of the tokens that are no special
    tokens a share `mask_selection_rate` is selected, exactly and at least one; of these
    `mask_token_rate` become the mask token, `random_token_rate` a random token that is no
    special token, and the rest stay. What is selected may also be whole words or spans of words,
    see `masking`.

    Args:
        tokenizer: The `Tokenizer`.
        sequence_length: Longest row, in tokens, special tokens included.
        truncate: How a pair that is too long is cut: ``"round_robin"`` or ``"waterfall"``.
        mask_selection_rate: Share of tokens to be predicted.
        mask_selection_length: Most tokens to be predicted in one row; ``None``: no limit.
        mask_token_rate: Share of the selected tokens replaced by the mask token.
        random_token_rate: Share of the selected tokens replaced by a random token.
        seed: Integer; the same seed gives the same masks on every backend. ``None`` draws one
            from NumPy's global generator, which `keras.utils.set_random_seed` seeds.
        masking: What is selected. ``"token"``: tokens, each by itself, exactly the share asked
            for. ``"whole_word"``: words with all their tokens, so that none is guessed from its
            other half; the share asked for is the expected one, each token is replaced by itself.
            ``"span"``: stretches of several words (SpanBERT: Joshi et al., 2019,
            https://arxiv.org/abs/1907.10529), exactly the share asked for, where the tokens of a
            span are all replaced in the same way.
        longest_word: With ``"whole_word"``, words of more tokens count as several.
        span_end_rate: With ``"span"``, the chance that a span ends after each of its words.
        longest_span: With ``"span"``, most words a span.
        segmenter: With the last two, a function from a text to the list of its words, for scripts
            without spaces (Chinese, Japanese, Thai); in a row, these are the text again,
            whitespace aside. By default words are those of `Tokenizer.word_starts`.

    Raises:
        InputError: A value makes no sense; a `segmenter` where words are not needed.
    """

    argument_kinds: ClassVar[Mapping[str, Kind]] = {
        "segmenter": NOT_IN_PRESETS,
        **dict.fromkeys(("mask_selection_length", "longest_word", "longest_span"), LENGTH),
    }

    def __init__(
        self,
        tokenizer: Any,
        sequence_length: int = 512,
        truncate: str = "round_robin",
        mask_selection_rate: float = 0.15,
        mask_selection_length: int | None = 96,
        mask_token_rate: float = 0.8,
        random_token_rate: float = 0.1,
        seed: int | None = None,
        masking: str = "token",
        longest_word: int = LONGEST_WORD,
        span_end_rate: float = SPAN_END_RATE,
        longest_span: int = LONGEST_SPAN,
        segmenter: Segmenter | None = None,
    ) -> None:
        super().__init__(tokenizer, sequence_length, truncate)
        self.mask_selection_rate = mask_selection_rate
        self.mask_selection_length = mask_selection_length
        self.mask_token_rate = mask_token_rate
        self.random_token_rate = random_token_rate
        self.seed = seed
        self.masking = masking
        self.longest_word = longest_word
        self.span_end_rate = span_end_rate
        self.longest_span = longest_span
        self.segmenter = segmenter
        self._calls = 0
        _ = self.rule  # a bad rate is refused here, not in the middle of a training run
        if seed is not None:
            check_seed(seed)
        if segmenter is not None and masking == "token":
            raise InputError(
                "A segmenter was given, and masking='token' needs no words. Give "
                "masking='whole_word' or 'span', or leave the segmenter out."
            )

    @property
    def rule(self) -> MaskingRule:
        """What is masked and how, as the data pipeline takes it."""
        tokenizer = self.tokenizer
        return MaskingRule(
            rate=self.mask_selection_rate,
            mask_token_rate=self.mask_token_rate,
            random_token_rate=self.random_token_rate,
            mask_id=tokenizer.mask_token_id,
            vocabulary_size=tokenizer.vocabulary_size(),
            special_ids=tuple(tokenizer.special_token_ids),
            limit_per_row=self.mask_selection_length,
            strategy=self.masking,
            longest_word=self.longest_word,
            span_end_rate=self.span_end_rate,
            longest_span=self.longest_span,
        )

    @property
    def _slots(self) -> int:
        return self.mask_selection_length or self.rule.slots(self.sequence_length)

    def rows(self, texts: Texts, specials: str = "none", split: bool = False) -> TokenRows:
        """As of `Preprocessor`; where words are masked, rows say where they begin.

        Raises:
            InputError: The segmenter's words are not those of a text.
        """
        if self.masking == "token" or specials != "none":  # to predict, nothing is masked
            return super().rows(texts, specials, split)
        if self.segmenter is None:
            rows = super().rows(texts, split=split)
            return replace(rows, words=self.tokenizer.word_starts(rows.ids))
        first, first_starts = self._segmented(texts.first, self.segmenter)
        second, second_starts = (
            (None, None) if texts.second is None else self._segmented(texts.second, self.segmenter)
        )
        rows = self._pack(first, second, texts.weights, split)
        # Packed in the same way, what is said of each token stays beside it.
        starts = self._pack(first_starts, second_starts, split=split, added=(True, True))
        return replace(rows, words=starts.ids.astype(bool))

    def _segmented(
        self, texts: Sequence[str], segmenter: Segmenter
    ) -> tuple[list[list[int]], list[list[int]]]:
        ids, spans = self.tokenizer.encode_with_offsets(texts)
        return ids, [
            word_starts(text, segmenter, of_text).tolist()
            for text, of_text in zip(texts, spans, strict=True)
        ]

    def new_seed(self) -> int:
        """The seed of a training run: the one given, or one drawn from NumPy's generator."""
        return int(np.random.randint(2**31)) if self.seed is None else self.seed

    def __call__(
        self, x: Any, y: Any = None, sample_weight: Any = None
    ) -> tuple[dict[str, Any], Any, Any]:
        """Tokenise and mask one batch, padded to `sequence_length` (``L``).

        Works on Python strings, sequences and arrays of them, a tuple of two of these for
        pairs, and inside `tf.data.Dataset.map`. Each call masks differently; a seed fixes the
        sequence of calls.

        Args:
            x: One text, a batch of ``B`` texts, or a tuple of two such for pairs.
            y: Ignored; labels come from the text.
            sample_weight: One number a text, multiplied into the weights.

        Returns:
            ``(x, y, sample_weight)``: the inputs ``token_ids`` int32, ``padding_mask`` int32,
            ``segment_ids`` int32 (in families with segments) ``(B, L)`` and ``mask_positions``
            int32 ``(B, M)`` with ``M`` = `mask_selection_length`, or what a full
            row can need where that is ``None``; the labels int32 ``(B, M)``;
            the weights float32 ``(B, M)``, 0 in unused slots. No batch axis for a single text.
        """
        segments = x if isinstance(x, tuple) and x else (x,)
        if not all(map(symbolic, segments)):
            return self._frame(x, sample_weight)

        def frame_all(*values: Any) -> Any:
            texts = values[: len(segments)] if isinstance(x, tuple) else values[0]
            return self._frame(texts, None if sample_weight is None else values[-1])

        weights = () if sample_weight is None else (sample_weight,)
        return in_graph(frame_all, [*segments, *weights], self._example())

    def _example(self) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
        """Arrays of the types and shapes that a call on a single text returns."""
        tokens = np.zeros(self.sequence_length, "int32")
        slots = np.zeros(self._slots, "int32")
        names = ["token_ids", "padding_mask"] + (["segment_ids"] if self.segments else [])
        inputs = {**dict.fromkeys(names, tokens), "mask_positions": slots}
        return inputs, slots, slots.astype("float32")

    def _frame(self, x: Any, sample_weight: Any = None) -> tuple[dict[str, Any], Any, Any]:
        single = is_single(x)
        if single:
            sample_weight = None if sample_weight is None else [sample_weight]
        rows = self.rows(read_texts(as_batch(x), sample_weight))
        seed = (self.new_seed(), self._calls)
        self._calls += 1
        batch = frame(
            rows,
            draw(rows, self.rule, seed),
            self.sequence_length,
            self._slots,
            pad_id=self.tokenizer.pad_token_id,
            segments=self.segments,
        )
        if single:
            inputs, labels, weights = batch
            return {name: value[0] for name, value in inputs.items()}, labels[0], weights[0]
        return batch

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments, the tokenizer's whole config included, but not the `segmenter`.

        Warns:
            PresetWarning: There is a `segmenter`: a function cannot be saved. Give it again when
                loading.
        """
        return super().get_config()

    def settings(self) -> dict[str, Any]:
        """Constructor arguments other than the tokenizer and the `segmenter`.

        Those that KerasHub has not are there only where they differ from its ways.

        Warns:
            PresetWarning: There is a `segmenter`.
        """
        if self.segmenter is not None:
            warnings.warn(
                "The preprocessor's segmenter is a function, which cannot be saved, so it is left "
                "out. Give it again when loading: from_preset(…, segmenter=…).",
                PresetWarning,
                stacklevel=3,
            )
        own = {
            "masking": (self.masking, "token"),
            "longest_word": (self.longest_word, LONGEST_WORD),
            "span_end_rate": (self.span_end_rate, SPAN_END_RATE),
            "longest_span": (self.longest_span, LONGEST_SPAN),
        }
        return {
            **super().settings(),
            "mask_selection_rate": self.mask_selection_rate,
            "mask_selection_length": self.mask_selection_length,
            "mask_token_rate": self.mask_token_rate,
            "random_token_rate": self.random_token_rate,
            "seed": self.seed,
            **{name: value for name, (value, usual) in own.items() if value != usual},
        }
