"""Training, evaluating and predicting from raw text: what `MaskedLM` adds to Keras' own methods."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import keras
import numpy as np

from mlmzoo.contract.errors import InputError
from mlmzoo.data.inputs import Tokenised
from mlmzoo.data.numbers import check_count, check_counts, check_share
from mlmzoo.data.pipeline import MaskedBatches, for_keras
from mlmzoo.data.spool import spool
from mlmzoo.tasks.asking import logits_at_masks
from mlmzoo.tasks.text_batches import BATCH_SIZE, TextBatches, is_keras_data, split_rows
from mlmzoo.tasks.tokenised_input import TokenisedInput, own_faults
from mlmzoo.tasks.training_checkpoint import checkpoint_among
from mlmzoo.tasks.training_run import TrainingRun

_STATE = (
    "trainable_variables",
    "non_trainable_variables",
    "optimizer_variables",
    "metrics_variables",
)


class TextTraining(TextBatches):
    """Mixin: `fit`, `evaluate` and `predict` on raw text, through the task's preprocessor."""

    backbone: Any
    preprocessor: Any
    head_state: str
    mlm_head: Any

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: Any = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: Any = 1,
        batching: str = "auto",
        long_texts: str = "truncate",
        mask_rate_schedule: Callable[[float], float] | None = None,
    ) -> Any:
        """Train on raw text, masked afresh every epoch, or on tokenised input.

        Args:
            x: Texts (a list, array or Series of str), pairs of texts (a tuple of two sequences
                or a list of 2-tuples), a path or glob of text files, a dataset, generator or
                `DataLoader` of any of these; or a dict of integer arrays, tokenised already.
            y: Labels of tokenised input. Text has its labels in itself.
            batch_size: Texts a batch; by default that of a batched stream, else 32.
            epochs: Times round the data.
            verbose: See `keras.Model.fit`.
            callbacks: See `keras.Model.fit`.
            validation_split: Share of the texts, the last ones, kept for validation.
            validation_data: Of the forms of `x`. Its masks are drawn once and stay the same.
            shuffle: Whether the order of the texts changes every epoch.
            class_weight: For tokenised input only.
            sample_weight: One number a text, multiplied into the loss of its tokens.
            initial_epoch: Epoch to start at; the masks are those of that epoch.
            steps_per_epoch: Batches an epoch; by default all of the data.
            validation_steps: Batches of validation; by default all.
            validation_batch_size: Texts a batch in validation; by default `batch_size`.
            validation_freq: Epochs from one validation to the next, or which epochs (a list,
                tuple, set or array of integers from 1).
            batching: ``"length"`` puts texts of similar length together, padded to lengths
                chosen from the data; ``"packed"`` puts several texts in a row, each with
                positions and attention of its own; ``"fixed"`` pads all to the sequence length;
                ``"auto"`` is ``"packed"``, or what else suits the family; ``"length"`` where one
                row would hold far more than `batch_size` texts.
            long_texts: What becomes of texts longer than the sequence length: ``"truncate"``
                cuts them off, ``"split"`` makes several of one, so that nothing is lost.
            mask_rate_schedule: The share of tokens to mask, from the share of the run that is
                done, 0 to 1; by default the preprocessor's rate throughout.

        Returns:
            Keras' `History`. ``loss`` and ``sparse_categorical_accuracy`` are means over all
            masked tokens of the epoch.

        Raises:
            InputError: The data is of none of these forms.
            NonFiniteLossError: On texts, the loss became NaN or infinite.
            CheckpointError: The file of a `mlmzoo.TrainingCheckpoint` belongs to another run.
        """
        check_counts(
            batch_size=batch_size,
            steps_per_epoch=steps_per_epoch,
            validation_steps=validation_steps,
            validation_batch_size=validation_batch_size,
        )
        check_count("epochs", epochs)
        check_count("initial_epoch", initial_epoch, least=0)
        validation_freq = _checked_epochs(validation_freq)
        validation_split = _checked_split(validation_split)
        # A run that starts later reads what the whole run does: its rounds are the same.
        limit = steps_per_epoch and steps_per_epoch * epochs
        texts = self._open(x, sample_weight, limit, batch_size)
        callbacks = self._with_head_state(callbacks)
        options: dict[str, Any] = {
            "epochs": epochs,
            "verbose": verbose,
            "validation_steps": validation_steps,
            "validation_freq": validation_freq,
        }
        if isinstance(texts, Tokenised):
            given = TokenisedInput(self, texts.x, y, sample_weight)
            validation, source = self._validation(
                validation_data, validation_batch_size, batching, long_texts
            )
            options["validation_steps"] = _at_most(validation_steps, source)
            with own_faults(self, given, source):
                return self._fit(
                    given.x,
                    given.y,
                    batch_size=batch_size,
                    validation_split=validation_split,
                    validation_data=validation,
                    # Keras warns where it cannot shuffle a stream, even if nobody asked it to.
                    shuffle=shuffle and (given.in_memory or is_keras_data(given.x)),
                    class_weight=class_weight,
                    sample_weight=given.sample_weight,
                    steps_per_epoch=steps_per_epoch,
                    validation_batch_size=validation_batch_size,
                    callbacks=callbacks,
                    initial_epoch=initial_epoch,
                    **options,
                )
        _refuse_labels(y, class_weight)
        batch_size = batch_size or texts.batch_size or BATCH_SIZE
        checkpoint = checkpoint_among(callbacks)
        stored = checkpoint.open() if checkpoint else None
        rows = self._rows(texts, long_texts, batching)
        if validation_split and validation_data is None:
            rows, validation_data = split_rows(rows, validation_split)
        validation_data, source = self._validation(
            validation_data, validation_batch_size or batch_size, batching, long_texts
        )
        seed = self.preprocessor.new_seed()
        if stored and self.preprocessor.seed is None:
            seed = stored.record.seed
        batches = self._batches(
            rows,
            batch_size,
            batching,
            seed=seed,
            shuffle=shuffle,
            steps_per_epoch=steps_per_epoch,
            epochs=epochs,
            # A callback that restores an interrupted run tells Keras where to go on.
            initial_epoch=lambda: getattr(self, "_initial_epoch", None) or initial_epoch,
            rate_schedule=mask_rate_schedule,
        )
        run = TrainingRun(
            self,
            batches,
            callbacks,
            initial_epoch=initial_epoch,
            epochs=epochs,
            verbose=verbose,
            checkpoint=checkpoint,
            stored=stored,
        )
        data = for_keras(batches)
        options["validation_steps"] = _at_most(validation_steps, source)
        # The run is left last: it may give the model weights that it had before.
        with run, own_faults(self, batches, source):
            for stretch in run.stretches():
                self._fit(
                    data,
                    validation_data=validation_data,
                    shuffle=False,
                    callbacks=run,
                    **{**options, **stretch},
                )
        return self.history

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: Any = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,
        batching: str = "auto",
        long_texts: str = "truncate",
        **kwargs: Any,
    ) -> Any:
        """Loss and accuracy over all masked tokens of the data.

        The masks of a text are always the same, so two calls agree, and the batch size makes no
        difference.

        Args:
            x: Of the forms that `fit` takes.
            y: Labels of tokenised input.
            batch_size: Texts a batch; 32 by default.
            verbose: See `keras.Model.evaluate`.
            sample_weight: One number a text.
            steps: Batches; by default all of the data.
            callbacks: See `keras.Model.evaluate`.
            return_dict: Whether to return a dict of names rather than a list.
            batching: See `fit`.
            long_texts: See `fit`.
            **kwargs: Keras' own.
        """
        options = {
            "verbose": verbose,
            "steps": steps,
            "callbacks": callbacks,
            "return_dict": return_dict,
            **kwargs,
        }
        if kwargs:  # from within Keras' own `fit`
            return super().evaluate(x, y, batch_size, sample_weight=sample_weight, **options)
        check_counts(batch_size=batch_size, steps=steps)
        texts = self._open(x, sample_weight, steps, batch_size)
        if isinstance(texts, Tokenised):
            given = TokenisedInput(self, texts.x, y, sample_weight)
            with own_faults(self, given):
                return super().evaluate(
                    given.x, given.y, batch_size, sample_weight=given.sample_weight, **options
                )
        _refuse_labels(y, None)
        size = batch_size or texts.batch_size or BATCH_SIZE
        batches = self._fixed_batches(self._rows(texts, long_texts, batching), size, batching)
        options["steps"] = _at_most(steps, batches)
        with own_faults(self, batches):
            return super().evaluate(for_keras(batches), **options)

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: Any = "auto",
        steps: int | None = None,
        callbacks: Any = None,
    ) -> Any:
        """Logits at the mask tokens in the texts. Nothing is masked at random.

        Args:
            x: Of the forms that `fit` takes. In texts the tokenizer's mask token stands where a
                token is to be predicted.
            batch_size: Texts a batch; 32 by default.
            verbose: See `keras.Model.predict`; for tokenised input only.
            steps: For tokenised input only.
            callbacks: For tokenised input only.

        Returns:
            One float array ``(masks in that text, V)`` per text, in the order of the texts; for
            tokenised input what Keras returns, ``(B, M, V)``.
        """
        check_counts(batch_size=batch_size, steps=steps)
        texts = self._open(x, None, steps, batch_size)
        if isinstance(texts, Tokenised):
            given = TokenisedInput(self, texts.x, training=False)
            with own_faults(self, given):
                return super().predict(
                    given.x,
                    batch_size=batch_size,
                    verbose=verbose,
                    steps=steps,
                    callbacks=callbacks,
                )
        rows = spool(texts.chunks, partial(self.preprocessor.rows, specials="mask"))
        answers: list[Any] = [None] * len(rows)
        for asked in logits_at_masks(self, rows, batch_size or BATCH_SIZE):
            for row, _, logits in asked.by_row():
                answers[row] = logits
        return answers

    def train_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, *args: Any, **kwargs: Any
    ) -> Any:
        """See `keras.Model.train_on_batch`; takes tokenised input."""
        given = TokenisedInput(self, x, y, sample_weight, whole=False)
        result = super().train_on_batch(given.x, given.y, given.sample_weight, *args, **kwargs)
        self._head_was_trained()
        return result

    def test_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, *args: Any, **kwargs: Any
    ) -> Any:
        """See `keras.Model.test_on_batch`; takes tokenised input."""
        given = TokenisedInput(self, x, y, sample_weight, whole=False)
        return super().test_on_batch(given.x, given.y, given.sample_weight, *args, **kwargs)

    def predict_on_batch(self, x: Any) -> Any:
        """See `keras.Model.predict_on_batch`; takes tokenised input."""
        return super().predict_on_batch(TokenisedInput(self, x, training=False).x)

    # Inside ---------------------------------------------------------------------------------------

    def _fit(self, *args: Any, **kwargs: Any) -> Any:
        # Set by `BackupAndRestore`; Keras would begin every later run at that epoch, too.
        self._initial_epoch = None
        unused = self._unused_weights()
        with warnings.catch_warnings():
            # Keras warns of variables without a gradient. A pooled output is of no use to this
            # task, so there it is as it should be; of any others it still warns.
            message = f"Gradients do not exist for variables {[w.path for w in unused]}"
            warnings.filterwarnings("ignore", re.escape(message))
            return super().fit(*args, **kwargs)

    def _get_jax_state(self, purge_model_variables: bool = False, **wanted: bool) -> Any:
        """What Keras takes out of the model on JAX; noted, for the first step may fail."""
        state = super()._get_jax_state(purge_model_variables=purge_model_variables, **wanted)
        if purge_model_variables:
            names = [name for name in _STATE if wanted.get(name)]
            self._jax_state = dict(zip(names, state, strict=True))
        return state

    def _unused_weights(self) -> list[Any]:
        """Trainable weights of the backbone that its sequence output does not depend on."""
        backbone = self.backbone
        used = keras.Model(backbone.input, backbone.output["sequence_output"])
        known = {id(weight) for weight in used.weights}
        return [weight for weight in backbone.trainable_weights if id(weight) not in known]

    def _with_head_state(self, callbacks: Any) -> list[Any]:
        if isinstance(callbacks, keras.callbacks.CallbackList):
            callbacks = callbacks.callbacks
        given = keras.tree.flatten(callbacks)
        # First, so that a checkpoint written after the same step says so too.
        return [_MarksTrainedHead(), *(c for c in given if c is not None)]

    def _head_was_trained(self) -> None:
        if self.mlm_head.trainable_weights:
            self.head_state = "trained"


class _MarksTrainedHead(keras.callbacks.Callback):
    """A completed step that trained the head makes it a trained one."""

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        # Not `self.model`: on JAX that brings every variable up to date, in each step.
        self._model._head_was_trained()


def _at_most(steps: int | None, batches: Any) -> int | None:
    """So many steps, or as many as there are."""
    return min(steps, len(batches)) if steps and isinstance(batches, MaskedBatches) else steps


def _checked_split(share: Any) -> float:
    split = check_share("validation_split", 0.0 if share is None else share)
    if split == 1:
        raise InputError(
            f"Asked for validation_split={share!r}, which leaves nothing to train on. Give less "
            "than 1."
        )
    return split


def _checked_epochs(frequency: Any) -> Any:
    """How often to validate: a number of epochs, or a list of which, as Keras takes it."""
    if isinstance(frequency, np.ndarray):
        frequency = frequency.tolist()
    if isinstance(frequency, list | tuple | set | frozenset | range):
        return [check_count("an epoch of validation_freq", epoch) for epoch in frequency]
    return check_count("validation_freq", frequency)


def _refuse_labels(y: Any, class_weight: Any) -> None:
    given = [n for n, value in (("y", y), ("class_weight", class_weight)) if value is not None]
    if given:
        raise InputError(
            f"{' and '.join(given)} was given with raw text, whose labels are its own masked "
            "tokens. Leave it out, or give tokenised input as a dict."
        )
