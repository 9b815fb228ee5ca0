"""Raw text as the batches that a task is trained and judged on."""

from __future__ import annotations

from functools import partial
from typing import Any

import keras

from mlmzoo.contract.errors import InputError
from mlmzoo.data.inputs import TextStream, Tokenised, open_texts, untokenised
from mlmzoo.data.numbers import check_counts
from mlmzoo.data.packing import keeps_batch_size
from mlmzoo.data.pipeline import MaskedBatches, for_keras
from mlmzoo.data.rows import TokenRows
from mlmzoo.data.spool import spool
from mlmzoo.tasks.compiling import compiles_every_shape
from mlmzoo.tasks.matching import refuse_mismatch
from mlmzoo.tasks.recipe import BATCHINGS
from mlmzoo.tasks.tokenised_input import TokenisedInput

BATCH_SIZE = 32
LONG_TEXTS = ("truncate", "split")
EVALUATION_SEED = 0
"""Masks of evaluation and validation are always the same, so that their numbers compare."""


class TextBatches(keras.Model):
    """Mixin: batches of raw text, through the task's preprocessor."""

    backbone: Any
    preprocessor: Any

    def batches(
        self,
        x: Any,
        batch_size: int | None = None,
        *,
        batching: str = "auto",
        long_texts: str = "truncate",
        shuffle: bool = True,
        seed: int | None = None,
    ) -> MaskedBatches:
        """The batches that `fit` trains on, for a loop of one's own.

        Args:
            x: Texts, of the forms that `fit` takes.
            batch_size: Texts a batch; by default that of a batched stream, else 32.
            batching: See `fit`.
            long_texts: See `fit`.
            shuffle: Whether the order of the texts changes every time round.
            seed: Of masks and order; by default the preprocessor's.

        Returns:
            ``len()`` is the number of batches once round the data, ``epoch(i)`` gives those of
            round i, each ``(x, y, sample_weight)`` in numpy, as `MaskedLMPreprocessor` makes them.

        Raises:
            InputError: The data is of none of these forms, or tokenised already.

        Example:
            >>> from mlmzoo import MaskedLM
            >>> masked_lm = MaskedLM.from_preset("bert_tiny_en_uncased_kjv")
            >>> batches = masked_lm.batches(["Jesus wept."] * 40, batch_size=32)
            >>> len(list(batches.epoch(0)))
            2
        """
        check_counts(batch_size=batch_size)
        texts = untokenised(self._open(x, None, None, batch_size))
        return self._batches(
            self._rows(texts, long_texts, batching),
            batch_size or texts.batch_size or BATCH_SIZE,
            batching,
            seed=self.preprocessor.new_seed() if seed is None else seed,
            shuffle=shuffle,
        )

    # Inside ---------------------------------------------------------------------------------------

    def _open(
        self, x: Any, sample_weight: Any, limit: int | None, batch_size: int | None
    ) -> TextStream | Tokenised:
        if is_keras_data(x):
            return Tokenised(x)
        texts = open_texts(x, sample_weight, limit=limit, batch_size=batch_size or BATCH_SIZE)
        if isinstance(texts, TextStream) and self.preprocessor is None:
            raise InputError(
                "Raw text was given to a model whose preprocessor is None. Set "
                "`model.preprocessor`, or give tokenised input: a dict with token_ids, "
                "padding_mask and mask_positions."
            )
        if isinstance(texts, TextStream):  # a setting of the preprocessor may have been changed
            refuse_mismatch(self.backbone, self.preprocessor)
        return texts

    def _rows(self, texts: TextStream, long_texts: str, batching: str = "auto") -> TokenRows:
        """Tokenise all texts; tokens that are too many for memory go to a temporary file."""
        if long_texts not in LONG_TEXTS:
            raise InputError(
                f"long_texts={long_texts!r} was asked for; it is one of "
                f"{', '.join(map(repr, LONG_TEXTS))}."
            )
        self._check_batching(batching)  # now, for to tokenise may take long
        options = {"split": True} if long_texts == "split" else {}
        return spool(texts.chunks, partial(self.preprocessor.rows, **options))

    def _check_batching(self, batching: str) -> None:
        if batching not in BATCHINGS:
            raise InputError(
                f"batching={batching!r} was asked for; it is one of "
                f"{', '.join(map(repr, BATCHINGS))}."
            )
        possible = self.preprocessor.batching
        if batching == "packed" and possible != "packed":
            raise InputError(
                f"batching='packed' was asked of {type(self).__name__}, in which texts of one row "
                f"would be mixed. Give {possible!r} or 'auto'."
            )

    def _batches(
        self, rows: TokenRows, batch_size: int, batching: str, **options: Any
    ) -> MaskedBatches:
        preprocessor = self.preprocessor
        if batching == "auto":
            batching = preprocessor.batching
            limit = preprocessor.sequence_length
            if batching == "packed" and not keeps_batch_size(rows.lengths, batch_size, limit):
                batching = "length"
        return MaskedBatches(
            rows,
            preprocessor.rule,
            batch_size=batch_size,
            sequence_length=preprocessor.sequence_length,
            pad_id=preprocessor.tokenizer.pad_token_id,
            segments=preprocessor.segments,
            mode=batching,
            compiled=compiles_every_shape(self),
            **options,
        )

    def _fixed_batches(self, rows: TokenRows, batch_size: int, batching: str) -> MaskedBatches:
        # Shuffled, though always alike: the first `steps` are then no worse a sample than others.
        return self._batches(rows, batch_size, batching, seed=EVALUATION_SEED, remask=False)

    def _validation(
        self, data: Any, batch_size: int | None, batching: str, long_texts: str
    ) -> tuple[Any, Any]:
        """What Keras is to validate on, and whose faults it may meet."""
        if data is None:
            return None, None
        size = batch_size or BATCH_SIZE
        if not isinstance(data, TokenRows):
            texts = self._open(data, None, None, batch_size)
            if isinstance(texts, Tokenised):
                given = TokenisedInput(self, texts.x)
                return given.as_validation_data, given
            size = batch_size or texts.batch_size or BATCH_SIZE
            data = self._rows(texts, long_texts, batching)
        batches = self._fixed_batches(data, size, batching)
        return for_keras(batches), batches


def split_rows(rows: TokenRows, share: float) -> tuple[TokenRows, TokenRows]:
    """The rows to train on, and the last ones, to validate on.

    Args:
        rows: All rows.
        share: Of the latter, between 0 and 1.

    Raises:
        InputError: One part would be empty.
    """
    at = int(len(rows) * (1 - share))
    if at == 0 or at == len(rows):
        raise InputError(
            f"validation_split={share} of {len(rows)} texts leaves none for "
            f"{'training' if at == 0 else 'validation'}. Give more texts or another share."
        )
    return rows.part(0, at), rows.part(at, len(rows))


def is_keras_data(x: Any) -> bool:
    """Whether this is data that Keras takes as it is."""
    return isinstance(x, keras.utils.PyDataset)
