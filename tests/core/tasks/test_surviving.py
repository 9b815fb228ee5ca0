"""A run on texts that ends somewhere goes on there, and what comes out is the same."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
import tracemalloc
import warnings
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from mlmzoo import TrainingCheckpoint, linear_rate
from mlmzoo.contract.errors import (
    CheckpointError,
    InputError,
    NonFiniteLossError,
    TrainingWarning,
)
from mlmzoo.presets.tensors.safetensors import SafetensorsFile
from mlmzoo.tasks import run_state, training_run
from mlmzoo.tasks.interruption import Interruption
from mlmzoo.tasks.run_state import StoredRun

STEPS = 3
"""An epoch of the eleven texts in batches of four."""


KINDS = ["float16", "bfloat16", "int32", "uint32", "uint8", "bool"]


class Dies(keras.callbacks.Callback):
    """Ends a run without a word after so many of its steps, as a kill would."""

    def __init__(self, steps):
        super().__init__()
        self.left = steps

    def on_train_batch_end(self, batch, logs=None):
        self.left -= 1
        if not self.left:
            raise Killed


class Sends(Dies):
    """Sends this process a signal, then another if asked to."""

    def __init__(self, steps, *signals):
        super().__init__(steps)
        self.signals = signals

    def on_train_batch_end(self, batch, logs=None):
        self.left -= 1
        if not self.left:
            for number in self.signals:
                signal.raise_signal(number)


class Killed(BaseException):
    pass


@pytest.fixture(scope="module")
def new(make):
    """Makes the model of all runs here, always the same."""

    def new(optimizer=None):
        task = make()
        optimizer = keras.optimizers.Adam(0.01) if optimizer is None else optimizer()
        task.compile(optimizer=optimizer, run_eagerly=task.run_eagerly)
        return task

    return new


@pytest.fixture
def checkpoint(tmp_path):
    return lambda every=1: TrainingCheckpoint(tmp_path / "run.checkpoint", every)


def fit(task, texts, *callbacks, **kwargs):
    given = {"batch_size": 4, "epochs": 2, "batching": "fixed", "verbose": 0, **kwargs}
    return task.fit(texts, callbacks=list(callbacks), **given).history


def values(task):
    variables = [*task.variables, *task.optimizer.variables]
    return [keras.ops.convert_to_numpy(variable.value) for variable in variables]


def same(one, other):
    return [a.tobytes() for a in values(one)] == [a.tobytes() for a in values(other)]


def change(path, **entries):
    """Change entries of the record in a checkpoint."""
    tensors = load_file(path)
    record = json.dumps({**json.loads(tensors["record"].tobytes()), **entries})
    save_file({**tensors, "record": np.frombuffer(record.encode(), np.uint8)}, path)


@pytest.fixture(scope="module")
def whole(new, texts):
    """A run that nothing ended: its task and its history."""
    task = new()
    return task, fit(task, texts, validation_data=texts[:3])


@pytest.fixture
def survives(new, checkpoint, texts):
    """A run and one that died after `steps` and went on: their tasks and histories are alike."""

    def survives(steps, *callbacks, whole=None, data=None, optimizer=None, **kwargs):
        def run(*more):
            task = new(optimizer)
            x = data() if data else texts
            return task, fit(task, x, *(make() for make in callbacks), *more, **kwargs)

        uninterrupted, history = whole or run()
        with pytest.raises(Killed):
            run(Dies(steps), checkpoint())
        task, resumed = run(checkpoint())
        assert resumed == history
        assert same(task, uninterrupted)

    return survives


@pytest.mark.parametrize("steps", [1, STEPS + 1, STEPS + 2])
def test_a_run_goes_on_in_any_step_of_an_epoch(survives, whole, texts, steps):
    survives(steps, whole=whole, validation_data=texts[:3])


@pytest.mark.parametrize(
    "kwargs",
    [
        {
            "batching": "packed",
            "optimizer": lambda: keras.optimizers.AdamW(
                keras.optimizers.schedules.CosineDecay(0.01, 9), gradient_accumulation_steps=2
            ),
        },
        {"batching": "length", "shuffle": False, "steps_per_epoch": 5},
        {
            "validation_split": 0.3,
            "sample_weight": np.arange(11.0),
            "mask_rate_schedule": linear_rate(0.6, 0.2),
            "long_texts": "split",
        },
        {"data": lambda: (text for text in ["god created light", "and night", "day"] * 4)},
        {
            "data": lambda: [("god created", "the light"), ("in the", "beginning")] * 6,
            "optimizer": lambda: keras.optimizers.SGD(0.1, momentum=0.9, use_ema=True),
        },
    ],
    ids=lambda kwargs: "-".join(kwargs),
)
def test_a_run_of_any_kind_goes_on(survives, kwargs):
    survives(2, **kwargs)


def test_callbacks_see_the_numbers_they_would_have_seen(new, checkpoint, texts):
    class Sees(keras.callbacks.Callback):
        def __init__(self):
            super().__init__()
            self.seen = []

        def on_train_begin(self, logs=None):
            self.seen.append(("begin", self.params["steps"], self.params["epochs"]))

        def on_epoch_begin(self, epoch, logs=None):
            self.seen.append(("epoch", epoch))

        def on_train_batch_begin(self, batch, logs=None):
            self.seen.append(("batch", batch))

        def on_train_end(self, logs=None):
            self.seen.append(("end",))

    whole, rest = Sees(), Sees()
    fit(new(), texts, whole)
    with pytest.raises(Killed):
        fit(new(), texts, Dies(2), checkpoint())
    fit(new(), texts, rest, checkpoint())
    begin, *after = rest.seen
    assert begin == whole.seen[0]
    assert after == [("epoch", 0), ("batch", 1), ("batch", 2), *whole.seen[-5:]]


def test_what_callbacks_do_at_the_begin_of_an_epoch_is_not_done_twice(survives):
    def falls():
        return keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.5)

    survives(STEPS + 2, falls)


def rate(task):
    return float(keras.ops.convert_to_numpy(task.optimizer.learning_rate))


@pytest.mark.parametrize("steps", [2, STEPS, STEPS + 1])
def test_another_learning_rate_is_obeyed_when_a_run_goes_on(new, checkpoint, texts, steps):
    def adam(learning_rate):
        return new(lambda: keras.optimizers.Adam(learning_rate))

    with pytest.raises(Killed):
        fit(adam(0.01), texts, Dies(steps), checkpoint())
    task = adam(0.5)
    with pytest.raises(Killed):
        fit(task, texts, Dies(1), checkpoint())
    assert rate(task) == 0.5
    task = adam(0.5)
    fit(task, texts, checkpoint())
    assert rate(task) == 0.5


def test_a_learning_rate_that_a_callback_changed_stays_where_the_same_was_compiled(
    new, checkpoint, texts
):
    class Falls(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.optimizer.learning_rate = rate(self.model) * 0.5

    task = new()
    with pytest.raises(KeyboardInterrupt):
        fit(task, texts, Falls(), Sends(2, signal.SIGINT), checkpoint())
    with pytest.raises(Killed):
        fit(task, texts, Falls(), Dies(2), checkpoint())  # the same object, its rate is changed
    task = new()
    fit(task, texts, Falls(), checkpoint())
    assert rate(task) == pytest.approx(0.01 * 0.5 ** (2 * STEPS))


def test_a_callback_keeps_a_state_that_it_can_tell(survives):
    counted = []

    class Counts(keras.callbacks.Callback):
        count = 0

        def on_train_batch_end(self, batch, logs=None):
            self.count += 1

        def state_dict(self):
            return {"count": self.count}

        def load_state_dict(self, state):
            self.count = state["count"]

        def on_train_end(self, logs=None):
            counted.append(self.count)

    survives(STEPS + 2, Counts)
    assert counted == [2 * STEPS, 2 * STEPS]


@pytest.fixture
def rises(tmp_path):
    """Callbacks of a run whose first epoch is the best, and the file for its weights."""
    file = tmp_path / "best.weights.h5"

    def rises():
        return [
            keras.callbacks.LearningRateScheduler(lambda epoch: [0.0, 1.0, 1.0, 1.0][epoch]),
            keras.callbacks.ModelCheckpoint(
                file, "val_loss", save_best_only=True, save_weights_only=True
            ),
            keras.callbacks.ReduceLROnPlateau("val_loss", patience=9),
            keras.callbacks.EarlyStopping("val_loss", patience=3),
        ]

    return rises, file


def test_what_keras_callbacks_know_of_earlier_epochs_outlives_an_interruption(
    new, checkpoint, texts, rises
):
    make, file = rises
    given = {"epochs": 4, "validation_data": texts[:3]}
    before = make()
    with pytest.raises(Killed):
        fit(new(), texts, *before, Dies(2 * STEPS + 1), checkpoint(), **given)
    best = file.read_bytes()
    after = make()
    history = fit(new(), texts, *after, checkpoint(), **given)
    assert min(history["val_loss"]) == history["val_loss"][0]
    assert file.read_bytes() == best
    _, kept, plateau, early = after
    assert kept.best == plateau.best == early.best == history["val_loss"][0]
    assert (plateau.wait, early.wait, early.stopped_epoch) == (3, 3, 3)


def test_best_weights_that_are_gone_are_said_to_be(new, checkpoint, texts):
    def early():
        return keras.callbacks.EarlyStopping("loss", patience=9, restore_best_weights=True)

    with pytest.raises(Killed):
        fit(new(), texts, early(), Dies(1), checkpoint())
    with pytest.raises(Killed):  # nothing is lost in the first epoch, and nothing warned of
        fit(new(), texts, early(), Dies(STEPS + 1), checkpoint())
    with pytest.warns(TrainingWarning, match="best weights so far are not kept"):
        fit(new(), texts, early(), checkpoint())


def test_a_state_that_a_callback_of_keras_cannot_have_is_refused(new, checkpoint, texts, tmp_path):
    def plateau():
        return keras.callbacks.ReduceLROnPlateau("loss")

    path = tmp_path / "run.checkpoint"
    with pytest.raises(Killed):
        fit(new(), texts, plateau(), Dies(2), checkpoint())
    change(path, callbacks=[["keras.src.x:ReduceLROnPlateau", {"model": 1}]])
    with pytest.raises(CheckpointError, match="callbacks"):
        fit(new(), texts, plateau(), checkpoint())
    change(path, callbacks=[[training_run._name(plateau()), {"model": 1}]])
    with pytest.raises(CheckpointError, match="cannot have"):
        fit(new(), texts, plateau(), checkpoint())


def test_a_checkpoint_is_written_at_fixed_steps_of_the_run(new, checkpoint, texts, monkeypatch):
    written = []
    write = run_state.write

    def writes(path, model, record):
        written.append((record.epoch, record.step, record.complete))
        write(path, model, record)

    monkeypatch.setattr(run_state, "write", writes)
    fit(new(), texts, checkpoint(every=2))
    assert written == [
        *[(0, 0, False), (0, 2, False), (1, 1, False), (2, 0, False)],
        (2, 0, True),
    ]


@pytest.mark.parametrize(
    "form", [lambda c: c, lambda c: ([c],), lambda c: keras.callbacks.CallbackList([c])]
)
def test_callbacks_are_given_in_any_form_that_keras_takes(new, checkpoint, texts, form, tmp_path):
    new().fit(texts, callbacks=form(checkpoint()), verbose=0)
    assert (tmp_path / "run.checkpoint").exists()


def test_a_run_that_is_over_is_not_trained_again(new, checkpoint, texts):
    whole = new()
    history = fit(whole, texts, checkpoint())
    task = new()
    with pytest.warns(TrainingWarning, match="over"):
        assert fit(task, texts, checkpoint()) == history
    assert same(task, whole)
    assert task.head_state == "trained"


def test_a_run_that_a_callback_ended_is_over(new, checkpoint, texts):
    class Ends(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = batch == 1

    whole = new()
    fit(whole, texts, Ends(), checkpoint())
    task = new()
    with pytest.warns(TrainingWarning, match="over"):
        fit(task, texts, checkpoint())
    assert same(task, whole)


def test_a_script_with_two_runs_goes_on_in_the_second(new, texts, tmp_path):
    def script(*more):
        task = new()
        fit(task, texts, TrainingCheckpoint(tmp_path / f"{len(more)}a", 1))
        fit(task, texts, TrainingCheckpoint(tmp_path / f"{len(more)}b", 1), *more)
        return task

    whole = script()
    with pytest.raises(Killed):
        script(Dies(4))
    with pytest.warns(TrainingWarning, match="over"):
        task = script(Dies(99))
    assert same(task, whole)


def test_the_next_run_gets_the_seed_it_would_have_got(new, checkpoint, texts):
    def script(seed, *callbacks):
        task = new()
        task.preprocessor.seed = None
        np.random.seed(seed)
        fit(task, texts, *callbacks)
        return task.preprocessor.new_seed()

    whole = script(5)
    with pytest.raises(Killed):
        script(5, Dies(2), checkpoint())
    assert script(6, checkpoint()) == whole


def test_a_second_run_does_not_take_the_first_one_for_its_own(new, checkpoint, texts):
    task, used = new(), checkpoint()
    fit(task, texts, used)
    with pytest.raises(InputError, match="path of its own"):
        fit(task, texts, used)


@pytest.fixture(scope="module")
def left(new, texts, tmp_path_factory):
    """What a run leaves that died."""
    path = tmp_path_factory.mktemp("dead") / "run.checkpoint"
    with pytest.raises(Killed):
        fit(new(), texts, Dies(2), TrainingCheckpoint(path, 1))
    return path


@pytest.fixture
def dead(left, tmp_path):
    shutil.copyfile(left, tmp_path / "run.checkpoint")


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"texts": ["in the beginning"] * 11}, "texts"),
        ({"batch_size": 5}, r"batch_size \(4 there, 5 here\)"),
        ({"epochs": 3}, r"epochs \(2 there, 3 here\)"),
        ({"shuffle": False}, "shuffle"),
        ({"batching": "packed"}, "batching"),
        ({"mask_rate_schedule": linear_rate(0.2, 0.1)}, "masking"),
    ],
)
@pytest.mark.usefixtures("dead")
def test_another_run_is_refused_and_said_to_be_one(new, checkpoint, texts, change, named):
    change = dict(change)
    with pytest.raises(CheckpointError, match=named):
        fit(new(), change.pop("texts", texts), checkpoint(), **change)


@pytest.mark.usefixtures("dead")
def test_another_model_seed_or_optimizer_is_refused(make, new, checkpoint, texts):
    task = new()
    task.preprocessor.seed = 99
    with pytest.raises(CheckpointError, match="seed"):
        fit(task, texts, checkpoint())
    with pytest.raises(CheckpointError, match="optimizer"):
        fit(new(keras.optimizers.SGD), texts, checkpoint())
    with pytest.raises(CheckpointError, match="variables"):
        fit(new(lambda: keras.optimizers.Adam(0.01, amsgrad=True)), texts, checkpoint())


def test_a_damaged_checkpoint_is_refused(new, checkpoint, texts, tmp_path):
    path = tmp_path / "run.checkpoint"
    path.write_bytes(b"\0" * 100)
    with pytest.raises(CheckpointError, match="begin anew"):
        fit(new(), texts, checkpoint())


@pytest.mark.usefixtures("dead")
@pytest.mark.parametrize("value", ["nothing", "[]", "{}", '{"epoch": -1}', "[" * 100_000])
def test_a_record_that_is_none_is_refused(tmp_path, value):
    path = tmp_path / "run.checkpoint"
    tensors = load_file(path)
    save_file({**tensors, "record": np.frombuffer(value.encode(), np.uint8)}, path)
    with pytest.raises(CheckpointError, match=r"run\.checkpoint"):
        StoredRun(path)


@pytest.mark.usefixtures("dead")
@pytest.mark.parametrize(
    "changed",
    [
        {"step": STEPS},
        {"step": 10**9},
        {"epoch": 2, "step": 1},
        {"epoch": 3, "step": 0},
        {"complete": True},
        {"history": {}},
        {"history": {"epoch": 3, "history": {}}},
        {"history": {"epoch": [], "history": []}},
        {"history": {"epoch": [], "history": {"loss": 1}}},
        {"callbacks": [1]},
        {"callbacks": [["name"]]},
        {"head_state": "x"},
        {"random": [[]]},
        {"random": [10**30, 0, 0.0]},
    ],
    ids=str,
)
def test_a_record_that_no_run_can_have_is_refused(new, checkpoint, texts, tmp_path, changed):
    change(tmp_path / "run.checkpoint", **changed)
    with pytest.raises(CheckpointError, match=r"run\.checkpoint.* begin anew"):
        fit(new(), texts, checkpoint(), Dies(2 * STEPS + 1))


def test_tokenised_input_is_refused(new, checkpoint, texts):
    task = new()
    x, y, weight = task.preprocessor(texts)
    with pytest.raises(InputError, match="BackupAndRestore"):
        task.fit(x, y, sample_weight=weight, callbacks=[checkpoint()], verbose=0)


@pytest.mark.parametrize("every", [0, -1, 1.5, True])
def test_steps_between_checkpoints_make_sense(every):
    with pytest.raises(InputError, match="every"):
        TrainingCheckpoint("run", every)


def test_steps_between_checkpoints_are_any_whole_number():
    assert TrainingCheckpoint("run", np.int64(5)).every == 5


def test_a_directory_is_no_checkpoint(new, texts, tmp_path):
    with pytest.raises(InputError, match="is a directory"):
        fit(new(), texts, TrainingCheckpoint(tmp_path))


def test_a_random_generator_that_is_not_kept_is_said_before_the_first_step(
    new, checkpoint, texts, tmp_path
):
    task, before = new(), np.random.get_bit_generator()
    np.random.set_bit_generator(np.random.PCG64(1))
    try:
        with pytest.raises(InputError, match="PCG64"):
            fit(task, texts, checkpoint())
    finally:
        np.random.set_bit_generator(before)
    assert not (tmp_path / "run.checkpoint").exists()


def test_a_checkpoint_of_a_run_that_was_refused_is_in_no_run(new, checkpoint, texts):
    fit(new(), texts, checkpoint())
    refused = checkpoint()
    with pytest.raises(CheckpointError):
        fit(new(), texts[:-1], refused)
    assert not refused.in_fit


def test_steps_executed_together_have_to_make_up_an_epoch(new, checkpoint, texts):
    task = new()
    task.steps_per_execution = 2
    with pytest.raises(InputError, match="steps_per_execution=2"):
        fit(task, texts, checkpoint())


# What ends a run ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("steps", "number", "error"),
    [
        (1, signal.SIGINT, KeyboardInterrupt),
        (STEPS, signal.SIGTERM, SystemExit),
        (2 * STEPS, signal.SIGINT, KeyboardInterrupt),
    ],
)
def test_a_signal_ends_a_run_at_a_step_with_a_checkpoint(
    new, whole, checkpoint, texts, tmp_path, steps, number, error
):
    handlers = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    uninterrupted, history = whole
    validation = {"validation_data": texts[:3]}
    with pytest.raises(error) as caught:
        fit(new(), texts, Sends(steps, number), checkpoint(every=100), **validation)
    assert error is KeyboardInterrupt or caught.value.code == 143
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == handlers
    record = StoredRun(tmp_path / "run.checkpoint").record
    assert record.epoch * STEPS + record.step == steps
    task = new()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TrainingWarning)  # it may have been the last step
        assert fit(task, texts, checkpoint(every=100), **validation) == history
    assert same(task, uninterrupted)


def test_a_second_signal_ends_a_run_at_once(new, checkpoint, texts, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        fit(new(), texts, Sends(2, signal.SIGINT, signal.SIGINT), checkpoint(every=100))
    assert StoredRun(tmp_path / "run.checkpoint").record.step == 0


def test_a_signal_before_another_error_is_obeyed(new, checkpoint, texts):
    class Fails(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            raise ValueError

    with pytest.raises(KeyboardInterrupt):
        fit(new(), texts, Sends(1, signal.SIGINT), Fails(), checkpoint())


@pytest.mark.parametrize(
    ("number", "error"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)]
)
def test_a_signal_after_the_last_look_is_obeyed(number, error):
    with pytest.raises(error), Interruption():
        signal.raise_signal(number)


def test_a_signal_is_obeyed_once():
    seen = []
    before = signal.signal(signal.SIGINT, lambda number, frame: seen.append(number))
    try:
        with pytest.raises(KeyboardInterrupt), Interruption() as interruption:
            signal.raise_signal(signal.SIGINT)
            interruption.end()
    finally:
        signal.signal(signal.SIGINT, before)
    assert seen == [signal.SIGINT]


def test_a_signal_is_nothing_new_without_a_checkpoint(new, texts):
    with pytest.raises(KeyboardInterrupt):
        fit(new(), texts, Sends(1, signal.SIGINT))


def test_a_run_in_another_thread_leaves_signals_alone(new, checkpoint, texts):
    task, failed = new(), []

    def run():
        try:
            fit(task, texts, checkpoint())
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert not failed


class Poisons(keras.callbacks.Callback):
    """Puts NaN into a weight before a step."""

    def __init__(self, epoch, batch):
        super().__init__()
        self.epoch, self.when = -1, (epoch, batch)

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_begin(self, batch, logs=None):
        if (self.epoch, batch) == self.when:
            weight = self.model.mlm_head.trainable_weights[0]
            weight.assign(weight + np.nan)
            # On JAX the step reads the state anew where somebody looked at the model.
            self.model  # noqa: B018


def test_a_loss_that_is_no_number_names_the_step_and_its_texts(new, texts):
    task = new()
    seen = task.batches(texts, 4, batching="fixed")
    with pytest.raises(NonFiniteLossError, match=r"epoch 2, step 2 of 3") as caught:
        fit(task, texts, Poisons(1, 1))
    error = caught.value
    assert (error.epoch, error.step) == (1, 1)
    indices, rows = seen.texts(STEPS + 1)
    assert error.texts == indices.tolist()
    assert error.token_ids == [rows.part(i, i + 1).ids.tolist() for i in range(len(rows))]
    for number in error.texts[:3]:
        assert f"{number} (" in str(error)
        assert texts[number].split()[0] in str(error)


def test_the_last_good_state_is_kept(new, checkpoint, texts, tmp_path):
    good, task = new(), new()
    with pytest.raises(Killed):
        fit(good, texts, Dies(STEPS + 1))
    with pytest.raises(NonFiniteLossError, match="back at the last checkpoint"):
        fit(task, texts, Poisons(1, 1), checkpoint())
    assert same(task, good)
    record = StoredRun(tmp_path / "run.checkpoint").record
    assert (record.epoch, record.step) == (1, 1)


def test_weights_that_are_no_numbers_are_never_kept(new, checkpoint, texts, tmp_path):
    class PoisonsAfter(Poisons):
        def on_train_batch_begin(self, batch, logs=None):
            pass

        def on_train_batch_end(self, batch, logs=None):
            super().on_train_batch_begin(batch)

    with pytest.raises(NonFiniteLossError, match="weights"):
        fit(new(), texts, PoisonsAfter(1, 1), checkpoint())
    record = StoredRun(tmp_path / "run.checkpoint").record
    assert (record.epoch, record.step) == (1, 1)


def test_a_full_disk_does_not_end_a_run(new, checkpoint, texts, tmp_path, monkeypatch):
    write, count = run_state.write, 0

    def writes(path, model, record):
        nonlocal count
        count += 1
        if count == 3:
            raise OSError(28, "No space left on device")
        write(path, model, record)

    monkeypatch.setattr(run_state, "write", writes)
    with pytest.warns(TrainingWarning, match="No space left"), pytest.raises(Killed):
        fit(new(), texts, Dies(3), checkpoint())
    assert StoredRun(tmp_path / "run.checkpoint").record.step == 1


def test_a_place_that_cannot_be_written_to_is_said_before_the_first_step(new, texts, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="No checkpoint can be written"):
        fit(new(), texts, TrainingCheckpoint(tmp_path / "file" / "run"))


def test_a_checkpoint_is_written_one_variable_at_a_time(tmp_path):
    size = 2**20
    variables = [keras.Variable(np.ones(size // 4, "float32")) for _ in range(8)]
    model = SimpleNamespace(
        trainable_variables=variables,
        non_trainable_variables=[
            keras.Variable(np.ones((2, 3)), dtype=kind, trainable=False) for kind in KINDS
        ],
        optimizer=SimpleNamespace(variables=[]),
        metrics_variables=[],
    )
    record = run_state.Record(0, 0, 0, {}, "trained", None, {"epoch": [], "history": {}})
    tracemalloc.start()
    try:
        run_state.write(tmp_path / "run", model, record)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 * size
    with SafetensorsFile(tmp_path / "run") as file:
        assert {str(file.dtype(f"non_trainable/{i}")) for i in range(len(KINDS))} == set(KINDS)
        assert all((file.read(f"non_trainable/{i}") == 1).all() for i in range(len(KINDS)))


@pytest.mark.skipif(os.name == "nt", reason="has no such rights")
def test_who_may_read_a_checkpoint_is_for_the_umask_to_say(left):
    other = left.with_name("other")
    other.touch()
    assert len({stat.S_IMODE(path.stat().st_mode) for path in (left, other)}) == 1


# Killed in earnest --------------------------------------------------------------------------------


@pytest.mark.skipif(os.name == "nt", reason="kills processes")
def test_a_run_killed_while_training_and_while_writing_comes_out_the_same_in_every_bit(tmp_path):
    """With dropout, packed texts, AdamW, a schedule, accumulation and masks that change."""

    def run(*options):
        program = Path(__file__).with_name("training_to_kill.py")
        return subprocess.run(
            [sys.executable, program, tmp_path, *options], capture_output=True, text=True
        )

    rng = np.random.default_rng(int.from_bytes(b"kill"))
    first = run(f"kill={rng.integers(3, 7)}")
    assert first.returncode == -signal.SIGKILL, first.stderr
    second = run(f"die_writing={rng.integers(1, 3)}")
    assert second.returncode == -signal.SIGKILL, second.stderr
    last = run("and_whole=1")
    assert last.returncode == 0, last.stderr
    whole, resumed = (np.load(tmp_path / name) for name in ("whole.npz", "result.npz"))
    assert resumed["told"].tobytes() == whole["told"].tobytes()
    for name in whole.files:
        assert resumed[name].tobytes() == whole[name].tobytes(), name
