"""`TrainingRun`: what is done around the steps of a `fit`, so that it ends and goes on anywhere."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np

from mlmzoo.contract.errors import (
    CheckpointError,
    InputError,
    NonFiniteLossError,
    TrainingWarning,
)
from mlmzoo.data.pipeline import MaskedBatches
from mlmzoo.tasks import callback_states
from mlmzoo.tasks.interruption import Interruption
from mlmzoo.tasks.run_state import Record, StoredRun, random_state
from mlmzoo.tasks.training_checkpoint import TrainingCheckpoint

SHOWN = 3
"""Texts of a bad batch that a message quotes, each with so many characters:"""
QUOTED = 80


class TrainingRun(keras.callbacks.CallbackList):
    """The callbacks of one `fit` on texts, with a checkpoint before and after them.

    Keras calls it as it does its own list. The rest of an interrupted epoch is a `fit` of its own,
    as Keras knows epochs of one length only; to the callbacks it is the same run, and a step has
    the number it would have had. What is to be saved is saved when all of them are done with a
    step.

    Args:
        model: The task.
        batches: What it is trained on.
        callbacks: Keras callbacks. One of them does not let Keras call them beside the training.
        initial_epoch: Where a run begins that has no `stored`.
        epochs: Epochs of the whole run.
        verbose: See `keras.Model.fit`.
        checkpoint: The one among `callbacks`.
        stored: The run to go on with.

    Raises:
        CheckpointError: `stored` is another run.
        InputError: `steps_per_execution` does not divide the steps of an epoch.
    """

    def __init__(
        self,
        model: Any,
        batches: MaskedBatches,
        callbacks: Sequence[Any],
        *,
        initial_epoch: int,
        epochs: int,
        verbose: Any,
        checkpoint: TrainingCheckpoint | None = None,
        stored: StoredRun | None = None,
    ) -> None:
        steps = batches.steps_per_epoch
        super().__init__(
            list(callbacks),
            add_history=True,
            add_progbar=verbose != 0,
            model=model,
            verbose=verbose,
            epochs=epochs,
            steps=steps,
        )
        self._batches, self._steps, self._epochs = batches, steps, epochs
        self._checkpoint, self._stored = checkpoint, stored
        self._interruption = Interruption()
        self._epoch = stored.record.epoch if stored else initial_epoch
        self._done_before = stored.record.step if stored else 0
        self._begin = 0
        self._begun = self._goes_on = self._complete = False
        self._weights: list[np.ndarray] = []
        self._fingerprint: dict[str, Any] = {}
        self._rate: float | None = None
        if checkpoint is not None:
            together = model.steps_per_execution
            if steps % together:
                raise InputError(
                    f"A TrainingCheckpoint was given to a model of steps_per_execution={together}, "
                    f"which does not divide the {steps} steps of an epoch. Give fit a multiple of "
                    "it as steps_per_epoch."
                )
            self._fingerprint = _fingerprint(model, batches, epochs)
            self._rate = _learning_rate(model)
        if stored is not None:
            self._refuse_other_run(stored)

    def __enter__(self) -> TrainingRun:
        if self._checkpoint is not None:
            self._checkpoint.in_fit = True
            self._interruption.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None = None, *error: Any) -> None:
        if self._checkpoint is not None:
            self._checkpoint.in_fit = False
        self._interruption.__exit__(kind, *error)

    def stretches(self) -> Iterator[dict[str, int]]:
        """What to call Keras' `fit` with, once or twice."""
        first, steps = self._epoch, self._steps
        if self._stored is not None:
            self._batches.begin_at(first, self._done_before)
        if self._done_before:
            self._goes_on = first + 1 < self._epochs
            rest = steps - self._done_before
            yield {"initial_epoch": first, "epochs": first + 1, "steps_per_epoch": rest}
            if not self._goes_on or self._model.stop_training:
                return
            first += 1
            self._goes_on = False
            self._batches.begin_at(first)
        yield {"initial_epoch": first, "epochs": self._epochs, "steps_per_epoch": steps}

    # What Keras calls -----------------------------------------------------------------------------

    def on_train_begin(self, logs: Any = None) -> None:
        if self._begun:
            return
        self._begun = True
        super().on_train_begin(logs)
        stored = self._stored
        if stored is not None and stored.record.epoch >= self._epochs:
            if stored.record.complete:
                warnings.warn(
                    f"fit was called, and the run in {stored.path} is over: nothing is trained, "
                    "and the model is as the run left it. Name another file for a new run.",
                    TrainingWarning,
                    stacklevel=2,
                )
            self._restore()

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._epoch = epoch
        if self._done_before:
            # The state is of after these calls, the learning rate that they may set included.
            super().on_epoch_begin(epoch, logs)
            self._restore()
            return
        if self._stored is not None:
            self._restore()
        elif self._checkpoint is not None and not self._checkpoint.path.exists():
            self._save(epoch, 0, first=True)
        super().on_epoch_begin(epoch, logs)

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        self._begin = batch + self._done_before
        super().on_train_batch_begin(self._begin, logs)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        batch += self._done_before
        loss = (logs or {}).get("loss")
        # That of the epoch so far. Keras hands it to other callbacks as a number anyway.
        if loss is not None and not np.isfinite(keras.ops.convert_to_numpy(loss)):
            self._stop_at_non_finite("The loss is", self._begin, batch)
        super().on_train_batch_end(batch, logs)
        # The end of an epoch is saved when it was validated, and the end of a run that a callback
        # ends when it has ended.
        if batch + 1 < self._steps and not self._model.stop_training:
            self._save_if_due(self._epoch, batch + 1)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        super().on_epoch_end(epoch, logs)
        self._done_before = 0
        if not self._model.stop_training:
            self._save_if_due(epoch + 1, 0)
        if self._goes_on:
            weights = self.model.trainable_variables
            self._weights = [np.array(keras.ops.convert_to_numpy(w.value)) for w in weights]

    def on_train_end(self, logs: Any = None) -> None:
        if self._goes_on and not self._model.stop_training:
            # Keras has put averages in the place of weights by now, if the optimizer keeps some.
            for variable, value in zip(self.model.trainable_variables, self._weights, strict=True):
                variable.assign(value)
            self._weights = []
            return
        super().on_train_end(logs)
        if self._checkpoint is not None:
            if not self._complete:
                self._save(self._epochs, 0, complete=True)
            if self._interruption.asked:
                self._interruption.end()

    # Inside ---------------------------------------------------------------------------------------

    def _save_if_due(self, epoch: int, done: int) -> None:
        if self._checkpoint is None:
            return
        if self._interruption.asked:
            self._save(epoch, done)
            self._interruption.end()
        every = self._checkpoint.every
        before, now = self._epoch * self._steps + self._begin, epoch * self._steps + done
        if now // every > before // every:
            self._save(epoch, done)

    def _save(self, epoch: int, done: int, first: bool = False, complete: bool = False) -> None:
        assert self._checkpoint is not None
        model = self.model  # on JAX, this is what brings its variables up to date
        _build(model, self._batches, metrics=False)
        if not _finite(model):
            self._stop_at_non_finite("The weights are", self._begin, self._begin)
        history = self._history_callback()
        record = Record(
            epoch=epoch,
            step=done,
            seed=self._batches.seed,
            fingerprint=self._fingerprint,
            head_state=model.head_state,
            learning_rate=self._rate,
            history={"epoch": history.epoch, "history": history.history},
            callbacks=[[_name(each), callback_states.state_of(each)] for each in self._stateful()],
            random=random_state()[1],
            complete=complete,
        )
        self._checkpoint.write(model, record, first=first)

    def _restore(self) -> None:
        assert self._stored is not None
        stored, self._stored = self._stored, None
        model, record = self.model, stored.record
        _build(model, self._batches, metrics=record.step > 0)
        stored.restore(model)
        if self._rate in (record.learning_rate, _learning_rate(model)):
            self._rate = record.learning_rate
        else:  # it is a variable, too, and the older one was restored
            model.optimizer.learning_rate = self._rate
        history = self._history_callback()
        history.epoch, history.history = record.history["epoch"], record.history["history"]
        for callback, (_, state) in zip(self._stateful(), record.callbacks, strict=True):
            callback_states.load(callback, state)
            if callback_states.lost_weights(callback) and not record.complete:
                warnings.warn(
                    f"The run in {stored.path} goes on with EarlyStopping(restore_best_weights="
                    "True), whose best weights so far are not kept. Unless a later epoch is better "
                    "than those before, it restores the weights of another epoch than the best. A "
                    "ModelCheckpoint(save_best_only=True) beside it has the best in its file.",
                    TrainingWarning,
                    stacklevel=2,
                )
        self._complete = record.complete

    def _refuse_other_run(self, stored: StoredRun) -> None:
        here, there = self._fingerprint, stored.record.fingerprint
        here = {**here, "callbacks": [_name(each) for each in self._stateful()]}
        there = {**there, "callbacks": [name for name, _ in stored.record.callbacks]}
        here = json.loads(json.dumps(here))
        differ = [name for name in here if here[name] != there.get(name)]
        if not differ:
            self._refuse_damage(stored)
            return
        shown = [
            f"{name} ({there.get(name)!r} there, {here[name]!r} here)"
            if isinstance(here[name], int | list)
            else name
            for name in differ
        ]
        raise CheckpointError(
            f"The run in {stored.path} was to go on, and this is another one: it differs in "
            f"{', '.join(shown)}. Give what that run was given, or name another file for a new run."
        )

    def _refuse_damage(self, stored: StoredRun) -> None:
        record = stored.record
        for callback, (name, state) in zip(self._stateful(), record.callbacks, strict=True):
            if not callback_states.is_state_for(callback, state):
                raise CheckpointError(
                    f"{stored.path} says that {name} was left in the state {state!r:.200}, which "
                    "it cannot have. The file is damaged: remove it to begin anew."
                )
        place, end = (record.epoch, record.step), (self._epochs, 0)
        if record.step < self._steps and (place == end if record.complete else place <= end):
            return
        raise CheckpointError(
            f"{stored.path} says that its run is {'over' if record.complete else 'to go on'} in "
            f"epoch {record.epoch} after {record.step} steps, counted from 0, and a run of "
            f"{self._epochs} epochs with {self._steps} steps has no such place. The file is "
            "damaged: remove it to begin anew."
        )

    def _stop_at_non_finite(self, what: str, first: int, last: int) -> None:
        start = self._epoch * self._steps
        texts: list[int] = []
        tokens: list[list[int]] = []
        for step in range(start + first, start + last + 1):
            numbers, rows = self._batches.texts(step)
            texts += numbers.tolist()
            tokens += [rows.part(i, i + 1).ids.tolist() for i in range(len(rows))]
        model = self.model
        tokenizer = model.preprocessor.tokenizer
        quoted = [
            f"{number} ({str(tokenizer.detokenize(ids))[:QUOTED]!r})"
            for number, ids in zip(texts[:SHOWN], tokens, strict=False)
        ]
        rest = f" and {len(texts) - SHOWN} more" if len(texts) > SHOWN else ""
        message = (
            f"{what} not finite after epoch {self._epoch + 1}, step {last + 1} of {self._steps}. "
            f"Its batch holds the texts {', '.join(quoted)}{rest}; the error's `texts` and "
            "`token_ids` have all of them. Look at these, or lower the learning rate."
        )
        checkpoint = self._checkpoint
        if checkpoint is not None and checkpoint.path.exists():
            stored = StoredRun(checkpoint.path)
            stored.restore(model)
            message += (
                f" The model is back at the last checkpoint, epoch {stored.record.epoch + 1} "
                f"after {stored.record.step} steps."
            )
        raise NonFiniteLossError(
            message, epoch=self._epoch, step=last, texts=texts, token_ids=tokens
        )

    def _stateful(self) -> list[Any]:
        return [each for each in self.callbacks if callback_states.is_stateful(each)]

    def _history_callback(self) -> Any:
        return next(e for e in self.callbacks if isinstance(e, keras.callbacks.History))


def _fingerprint(model: Any, batches: MaskedBatches, epochs: int) -> dict[str, Any]:
    """What has to be the same in the run that goes on."""
    settings = {**model.backbone.settings, "class": _name(model), "head": model.head_activation}
    about = json.dumps(settings, sort_keys=True, default=str)
    return {
        "model": hashlib.sha256(about.encode()).hexdigest(),
        "dtype": model.backbone.dtype_policy.name,
        "backend": keras.backend.backend(),
        "optimizer": type(model.optimizer).__name__,
        "epochs": epochs,
        **batches.fingerprint(),
    }


def _learning_rate(model: Any) -> float | None:
    """The rate, where it is a variable of the optimizer: not that of a schedule."""
    rate = getattr(model.optimizer, "learning_rate", None)
    return float(keras.ops.convert_to_numpy(rate)) if isinstance(rate, keras.Variable) else None


def _build(model: Any, batches: MaskedBatches, metrics: bool) -> None:
    """Make the variables that TensorFlow makes in the first step only."""
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    if metrics and keras.backend.backend() == "tensorflow":
        x, y, weight = batches[0]
        logits = np.zeros((*y.shape, model.mlm_head.vocabulary_size), np.float32)
        model.compute_metrics(x, y, logits, weight)


def _finite(model: Any) -> bool:
    variables = [*model.trainable_variables, *model.optimizer.variables]
    return all(
        bool(keras.ops.all(keras.ops.isfinite(variable.value)))
        for variable in variables
        if keras.backend.is_float_dtype(variable.dtype)
    )


def _name(thing: Any) -> str:
    return f"{type(thing).__module__}:{type(thing).__qualname__}"
