"""`Preprocessor`: raw text to what a backbone takes; `MaskedLMPreprocessor`: and masked."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Self

import keras
import numpy as np

from mlmzoo.contract.errors import InputError, PresetWarning
from mlmzoo.data.frames import frame
from mlmzoo.data.in_turn import as_they_stand
from mlmzoo.data.inputs import Texts, read_texts
from mlmzoo.data.masking import (
    LONGEST_SPAN,
    LONGEST_WORD,
    SPAN_END_RATE,
    MaskingRule,
    draw,
)
from mlmzoo.data.numbers import check_count, check_seed
from mlmzoo.data.rows import TokenRows, pack, pieces
from mlmzoo.data.segments import Segmenter, word_starts
from mlmzoo.kit.tokenizers.base import TokenizerBase
from mlmzoo.kit.tokenizers.settings import LENGTH, Kind
from mlmzoo.kit.tokenizers.texts import symbolic
from mlmzoo.tasks import loading, saving
from mlmzoo.tasks.presettable import Presettable
from mlmzoo.tasks.symbolic import in_graph

NOT_IN_PRESETS = Kind("left out there, as no preset can give it", lambda value: False)


class Preprocessor(Presettable):
    """Raw text to rows of token ids. A plain object, not a Keras layer.

    Args:
        tokenizer: The `Tokenizer`.
        sequence_length: Longest row, in tokens, special tokens included.
        truncate: How a pair that is too long is cut: ``"round_robin"`` (the longer text first)
            or ``"waterfall"`` (the second text first).
    """

    segments = True
    """Whether the family's backbone takes ``segment_ids``."""
    batching = "length"
    """How the family's rows can be made, see `mlmzoo.MaskedLM.fit`. A family that reads the numbers
    of texts in ``padding_mask`` says ``"packed"``: any way will do, and the quickest is taken. One
    without an attention mask, whose answers depend on the padding, says ``"fixed"``."""
    argument_kinds: ClassVar[Mapping[str, Kind]] = {
        "tokenizer": NOT_IN_PRESETS,
        "segmenter": NOT_IN_PRESETS,
        **dict.fromkeys(
            ("sequence_length", "mask_selection_length", "longest_word", "longest_span"), LENGTH
        ),
    }
    """What constructor arguments may be where a preset gives them; those of base classes count
    too. An argument that is not named may be anything, and its class has to check it."""

    def __init__(
        self, tokenizer: Any, sequence_length: int = 512, truncate: str = "round_robin"
    ) -> None:
        because = "less leaves no room for a token between the special tokens"
        check_count("sequence_length", sequence_length, 3, because)
        if truncate not in ("round_robin", "waterfall"):
            raise InputError(
                f"truncate={truncate!r} was asked for. Give 'round_robin' or 'waterfall'."
            )
        self.tokenizer = tokenizer
        self.sequence_length = sequence_length
        self.truncate = truncate

    def rows(self, texts: Texts, specials: str = "none", split: bool = False) -> TokenRows:
        """Tokenise texts or pairs: special tokens added, cut to `sequence_length`, not padded.

        Args:
            texts: What `mlmzoo.data.inputs.read_texts` gave.
            specials: Which special tokens are recognised inside the texts: ``"none"``,
                ``"mask"`` or ``"all"``.
            split: Whether a text that is too long becomes several rows instead of being cut off.

        Raises:
            InputError: Pairs were to be split.
        """
        tokenizer = self.tokenizer
        first = tokenizer.encode(texts.first, specials)
        second = None if texts.second is None else tokenizer.encode(texts.second, specials)
        return self._pack(first, second, texts.weights, split)

    def located_rows(
        self, texts: Texts, specials: str = "mask"
    ) -> tuple[TokenRows, np.ndarray, np.ndarray]:
        """As `rows`, and where each token comes from.

        Args:
            texts: What `mlmzoo.data.inputs.read_texts` gave.
            specials: See `rows`.

        Returns:
            The rows, ``T`` tokens of ``N`` texts; int32 ``(T, 2)``: token t stands for
            ``text[start:end]``, -1 for a special token that was added; and int64 ``(N,)``: how
            many tokens of each text did not fit into its row.
        """
        tokenizer = self.tokenizer
        first, first_spans = tokenizer.encode_with_offsets(texts.first, specials)
        second, second_spans = None, None
        if texts.second is not None:
            second, second_spans = tokenizer.encode_with_offsets(texts.second, specials)
        rows = self._pack(first, second, texts.weights)
        # Packed in the same way, what is said of each token stays beside it.
        ends = [
            self._pack(
                [[span[end] for span in spans] for spans in first_spans],
                second_spans and [[span[end] for span in spans] for spans in second_spans],
                added=(-1, -1),
            ).ids
            for end in (0, 1)
        ]
        needed = np.fromiter(map(len, first), np.int64, len(first)) + 2
        if second is not None:
            needed += np.fromiter(map(len, second), np.int64, len(second))
            needed += tokenizer.pair_separators
        return rows, np.stack(ends, axis=-1), needed - rows.lengths

    def _pack(
        self,
        first: Sequence[Sequence[int]],
        second: Sequence[Sequence[int]] | None = None,
        weights: np.ndarray | None = None,
        split: bool = False,
        added: tuple[int, int] | None = None,
    ) -> TokenRows:
        """Rows of what `first` and `second` say of each token of the texts.

        `added` is the same of the special tokens at the start and at the end, by default their ids.
        """
        start, end = added or (self.tokenizer.start_token_id, self.tokenizer.end_token_id)
        if split:
            if second is not None:
                raise InputError(
                    "Pairs of texts were to be split where they are too long; it would part what "
                    "belongs together. Give single texts, or long_texts='truncate'."
                )
            first, text = pieces(first, self.sequence_length - 2)
            weights = None if weights is None else weights[text]
        return pack(
            first,
            second,
            start=start,
            end=end,
            separators=self.tokenizer.pair_separators,
            limit=self.sequence_length,
            truncate=self.truncate,
            weights=weights,
        )

    def inputs(self, texts: Any) -> dict[str, np.ndarray]:
        """Tokenise and pad, nothing masked: what a backbone takes, for a task of one's own.

        Args:
            texts: ``B`` texts or pairs, in any form that `mlmzoo.MaskedLM.fit` takes; but a single
                str is one text, and a tuple of two is one pair.

        Returns:
            ``token_ids``, ``padding_mask`` and, in families with segments, ``segment_ids``, int32
            of shape ``(B, L)``; ``L`` is the length of the longest text, or `sequence_length`
            where `batching` is ``"fixed"``.

        Raises:
            InputError: `texts` is of another form.
        """
        rows = self.rows(read_texts(_as_batch(texts)))
        inputs, _, _ = frame(
            rows,
            as_they_stand(rows, np.zeros(len(rows.ids), bool)),
            self.sequence_length if self.batching == "fixed" else int(rows.lengths.max()),
            slots=0,
            pad_id=self.tokenizer.pad_token_id,
            segments=self.segments,
        )
        del inputs["mask_positions"]
        return inputs

    @classmethod
    def from_preset(cls, preset: str | os.PathLike[str], **kwargs: Any) -> Self:
        """The preprocessor of a preset, its tokenizer included.

        Args:
            preset: Built-in name, ``kaggle://`` or ``hf://`` handle, or a local directory.
            **kwargs: Constructor arguments to override (``sequence_length``, ``seed``, …).
        """
        return loading.load_preprocessor(cls, preset, **kwargs)

    def save_to_preset(
        self,
        directory: str | os.PathLike[str],
        layout: str = "keras",
        *,
        overwrite: bool = False,
    ) -> None:
        """Write the preprocessor and its tokenizer into a preset directory; a model there stays.

        Args:
            directory: Where to; made if it is not there.
            layout: ``"keras"`` (KerasHub's format) or ``"transformers"``.
            overwrite: Whether the directory may hold something else than a preset, which stays, or
                be a file, which is replaced. A preset is always replaced.

        Raises:
            SavingError: The directory holds something else, or could not be written; what was
                there is untouched.
        """
        saving.save_preprocessor(self, directory, layout, overwrite=overwrite)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments, the tokenizer's whole config included."""
        return {
            "tokenizer": {
                "class_name": keras.saving.get_registered_name(type(self.tokenizer)),
                "config": self.tokenizer.get_config(),
            },
            **self.settings(),
        }

    def settings(self) -> dict[str, Any]:
        """Constructor arguments other than the tokenizer."""
        return {"sequence_length": self.sequence_length, "truncate": self.truncate}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """A preprocessor with the given constructor arguments."""
        config = dict(config)
        tokenizer = config.pop("tokenizer")
        if isinstance(tokenizer, Mapping):
            kind = loading.registered_class(tokenizer["class_name"], TokenizerBase)
            tokenizer = kind.from_config(tokenizer["config"])
        return cls(tokenizer=tokenizer, **config)


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
        single = _is_single(x)
        if single:
            sample_weight = None if sample_weight is None else [sample_weight]
        rows = self.rows(read_texts(_as_batch(x), sample_weight))
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


def _as_batch(x: Any) -> Any:
    """One text, or one pair, as a batch of one."""
    if not _is_single(x):
        return x
    return tuple([part] for part in x) if isinstance(x, tuple) else [x]


def _is_single(x: Any) -> bool:
    if isinstance(x, tuple) and len(x) == 2:
        return all(not isinstance(part, tuple) and _is_single(part) for part in x)
    return isinstance(x, str | bytes) or (getattr(x, "shape", None) == () and not callable(x))
