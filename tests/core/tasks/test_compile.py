"""`compile` fills in what is not given, and what was given survives saving."""

import keras
import numpy as np
import pytest

import mlmzoo
from mlmzoo.tasks.metrics import TokenAccuracy, TokenMean


def test_everything_is_automatic_on_construction(make):
    task = make(compiled=True)
    assert isinstance(task.optimizer, keras.optimizers.Adam)
    assert float(task.optimizer.learning_rate) == pytest.approx(5e-5)
    assert isinstance(task.loss, keras.losses.SparseCategoricalCrossentropy)
    assert task.loss.from_logits
    (accuracy,) = task._compile_metrics._user_weighted_metrics
    assert isinstance(accuracy, TokenAccuracy)
    assert accuracy.name == "sparse_categorical_accuracy"
    assert isinstance(task._loss_tracker, TokenMean)


def test_one_thing_given_leaves_the_others_automatic(task, texts, eagerly):
    task.compile(optimizer="sgd", **eagerly)
    assert isinstance(task.optimizer, keras.optimizers.SGD)
    assert isinstance(task._loss_tracker, TokenMean)
    task.compile(weighted_metrics=[], **eagerly)
    assert isinstance(task.optimizer, keras.optimizers.Adam)
    assert list(task.fit(texts, verbose=0).history) == ["loss"]
    task.compile(weighted_metrics=["sparse_top_k_categorical_accuracy"], **eagerly)
    assert set(task.fit(texts, verbose=0).history) == {"loss", "sparse_top_k_categorical_accuracy"}


def test_another_loss_is_tracked_as_keras_does(task, texts, eagerly):
    # KerasHub's documentation compiles with this one.
    task.compile(loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True), **eagerly)
    assert type(task._loss_tracker) is keras.metrics.Mean
    assert np.isfinite(task.evaluate(texts, verbose=0)).all()


def test_a_token_mean_of_ones_own_is_tracked_per_token(task, texts, eagerly):
    automatic = task.evaluate(texts, batch_size=3, return_dict=True, verbose=0)["loss"]
    task.compile(
        loss=keras.losses.SparseCategoricalCrossentropy(
            from_logits=True, reduction="mean_with_sample_weight"
        ),
        **eagerly,
    )
    assert task.evaluate(texts, batch_size=4, return_dict=True, verbose=0)["loss"] == (
        pytest.approx(automatic, abs=1e-5)
    )


def test_a_keras_file_keeps_optimizer_slots_and_compilation(make, texts, tmp_path, eagerly):
    task = make()
    task.compile(optimizer=keras.optimizers.Adam(0.01), **eagerly)
    task.fit(texts, batch_size=4, verbose=0)
    task.save(tmp_path / "task.keras")
    twin = mlmzoo.load_model(tmp_path / "task.keras")
    assert isinstance(twin.optimizer, keras.optimizers.Adam)
    assert isinstance(twin._loss_tracker, TokenMean)
    assert twin.run_eagerly == task.run_eagerly
    assert len(twin.optimizer.variables) == len(task.optimizer.variables)
    for found, expected in zip(twin.optimizer.variables, task.optimizer.variables, strict=True):
        np.testing.assert_allclose(
            keras.ops.convert_to_numpy(found), keras.ops.convert_to_numpy(expected), atol=1e-7
        )
    # What comes next is what would have come without saving.
    one, other = (t.fit(texts, batch_size=4, verbose=0).history["loss"] for t in (task, twin))
    assert one == pytest.approx(other, abs=1e-5)


def test_a_keras_file_keeps_what_was_compiled_by_hand(task, texts, tmp_path, eagerly):
    task.compile(
        optimizer=keras.optimizers.SGD(0.25),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        weighted_metrics=["sparse_top_k_categorical_accuracy"],
        **eagerly,
    )
    before = task.evaluate(texts, return_dict=True, verbose=0)
    task.save(tmp_path / "task.keras")
    twin = mlmzoo.load_model(tmp_path / "task.keras")
    assert float(twin.optimizer.learning_rate) == 0.25
    assert twin.evaluate(texts, return_dict=True, verbose=0) == pytest.approx(before, abs=1e-5)


def test_a_model_without_an_optimizer_is_saved(task, tmp_path):
    task.compile(optimizer=None)
    task.save(tmp_path / "task.keras")
    assert mlmzoo.load_model(tmp_path / "task.keras").optimizer is None


# What training says of the head -------------------------------------------------------------------


def test_a_step_that_trains_the_head_makes_it_trained(make, texts):
    task = make()
    assert task.head_state == "random"
    task.evaluate(texts, verbose=0)
    assert task.head_state == "random"
    task.fit(texts, verbose=0)
    assert task.head_state == "trained"


def test_train_on_batch_makes_the_head_trained(make, texts):
    task = make()
    x, y, weight = task.preprocessor(texts)
    task.train_on_batch(x, y, weight)
    assert task.head_state == "trained"


def test_a_frozen_head_is_never_trained(make, texts, eagerly):
    task = make()
    task.mlm_head.trainable = False
    task.compile(**eagerly)
    task.fit(texts, verbose=0)
    assert task.head_state == "random"


def test_a_run_that_ends_before_its_first_step_trains_nothing(make, texts):
    class Stop(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            raise KeyboardInterrupt

    task = make()
    with pytest.raises(KeyboardInterrupt):
        task.fit(texts, callbacks=Stop(), verbose=0)
    assert task.head_state == "random"


def test_a_checkpoint_after_the_first_step_knows_that_the_head_is_trained(make, texts, tmp_path):
    task = make()
    states = []
    seen = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: states.append(task.head_state)
    )
    task.fit(texts, callbacks=[seen], verbose=0)
    assert states == ["trained"]


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="JAX keeps its state elsewhere")
def test_the_variables_of_a_run_are_not_brought_up_to_date_in_every_step(task, texts):
    synced = []

    class Sees(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            synced.append(self._model._jax_state_synced)

    task.fit(texts, batch_size=4, callbacks=[Sees()], verbose=0)
    assert synced and not any(synced)
