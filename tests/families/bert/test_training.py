"""What only a real family shows: segments, dropout, and weights the task has no use for."""

import subprocess
import sys
import warnings

import keras
import numpy as np
import pytest

import mlmzoo
from mlmzoo.plugins import registry
from mlmzoo.testing import CORPUS, tiny_task
from mlmzoo.testing.promises import EAGER

PAIRS = (list(CORPUS[:4]), list(CORPUS[4:]))


@pytest.fixture
def make():
    def make(**kwargs):
        task = tiny_task(registry().family("bert"), **kwargs)
        task.compile(optimizer=keras.optimizers.SGD(0.0), run_eagerly=EAGER)
        return task

    return make


@pytest.fixture
def task(make):
    return make()


def inputs_of(task):
    x, _, _ = task.preprocessor(PAIRS)
    return {name: x[name] for name in task.backbone.input}


def sequence(task, inputs, training=False):
    outputs = task.backbone(inputs, training=training)
    return keras.ops.convert_to_numpy(outputs["sequence_output"])


def test_numbers_of_an_epoch_without_dropout_are_those_of_evaluate(make):
    task = make(settings={"dropout": 0.0})
    history = task.fit(PAIRS, validation_data=PAIRS, batch_size=3, verbose=0).history
    found = task.evaluate(PAIRS, batch_size=2, batching="fixed", return_dict=True, verbose=0)
    for name, value in found.items():
        assert history[f"val_{name}"][0] == pytest.approx(value, abs=1e-5)


def test_dropout_is_at_work_in_training_and_only_there(make):
    task = make(settings={"dropout": 0.5}, seed=1)
    trained = task.fit(PAIRS, epochs=1, verbose=0).history["loss"]
    again = task.fit(PAIRS, epochs=1, verbose=0).history["loss"]
    assert trained != again  # the same masks, other dropout
    assert task.evaluate(PAIRS, verbose=0) == task.evaluate(PAIRS, verbose=0)


def test_a_dropout_given_to_from_preset_reaches_every_layer(make, tmp_path):
    task = make(head_state="trained")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        task.save_to_preset(tmp_path / "preset")
    for rate in (0.0, 0.3):
        backbone = mlmzoo.Backbone.from_preset(tmp_path / "preset", dropout=rate)
        rates = {
            layer.rate
            for layer in backbone._flatten_layers()
            if isinstance(layer, keras.layers.Dropout)
        }
        assert rates == {rate}
        attention = backbone.get_layer("layer_0").attention
        assert attention.dropout.rate == rate


def test_training_without_dropout_computes_what_inference_does(make):
    task = make(settings={"dropout": 0.0})
    inputs = inputs_of(task)
    np.testing.assert_allclose(sequence(task, inputs, True), sequence(task, inputs), atol=1e-6)


def test_segments_and_tokens_count(task):
    inputs = inputs_of(task)
    for name in ("segment_ids", "token_ids"):
        other = {**inputs, name: np.roll(inputs[name], 1, axis=1)}
        assert np.abs(sequence(task, other) - sequence(task, inputs)).max() > 1e-3


def test_the_pooler_has_no_part_in_the_task_and_nothing_warns_of_it(task):
    assert [weight.path for weight in task._unused_weights()] == [
        "pooled_dense/kernel",
        "pooled_dense/bias",
    ]
    task.fit(PAIRS, verbose=0)  # a warning is an error in these tests


@pytest.mark.skipif(
    keras.backend.backend() == "jax", reason="on JAX Keras warns of no weight without a gradient"
)
def test_another_weight_without_a_gradient_is_still_warned_of(task, monkeypatch):
    monkeypatch.setattr(task, "_unused_weights", list)
    with pytest.warns(UserWarning, match="Gradients do not exist.*pooled_dense/kernel"):
        task.fit(PAIRS, verbose=0)


@pytest.mark.skipif(keras.backend.backend() == "tensorflow", reason="it is the backend here")
def test_the_main_job_does_not_import_tensorflow(tmp_path):
    job = """
import sys, warnings
import mlmzoo
from mlmzoo.plugins import registry
from mlmzoo.testing import CORPUS, tiny_task
task = tiny_task(registry().family("bert"))
task.fit(list(CORPUS), verbose=0)
warnings.simplefilter("ignore")
task.save_to_preset(sys.argv[1])
mlmzoo.models.BertMaskedLM.from_preset(sys.argv[1]).fill_mask("God saw the [MASK].")
assert not [name for name in sys.modules if name.split(".")[0] == "tensorflow"], "imported"
"""
    done = subprocess.run(
        [sys.executable, "-c", job, str(tmp_path / "preset")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
