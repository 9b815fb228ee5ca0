"""What the families' tests share: a checkpoint or preset goes one way, and outputs are compared."""

import warnings

import keras
import numpy as np
import pytest

import mlmzoo
from mlmzoo.errors import PresetWarning

LENGTH = 20


@pytest.fixture(scope="session")
def batch():
    """Makes random rows of unequal length, with a mask at every position: logits everywhere."""

    def make(vocabulary_size, segments=0, length=LENGTH, masked=True):
        rng = np.random.default_rng(1)
        lengths = np.array([length, length // 2, 3, length - 1])[:, None]
        rows = (len(lengths), length)
        inputs = {
            "token_ids": rng.integers(0, vocabulary_size, rows, "int32"),
            "mask_positions": np.tile(np.arange(length, dtype="int32"), (len(lengths), 1)),
        }
        if masked:
            inputs["padding_mask"] = (np.arange(length) < lengths).astype("int32")
        if segments:
            inputs["segment_ids"] = rng.integers(0, segments, rows, "int32")
        return inputs

    return make


@pytest.fixture
def assert_same_here(ask_transformers, compare, tmp_path):
    """Saves a transformers model and asserts that all it answers is answered the same here.

    `model` has a masked-LM head; its encoder is its base model.
    """

    def check(model, inputs, missing=()):
        model.save_pretrained(tmp_path)
        with warnings.catch_warnings():
            warnings.simplefilter("error", PresetWarning)
            task = mlmzoo.MaskedLM.from_preset(tmp_path, preprocessor=None)
        assert task.head_state == "trained"
        assert task.load_report.missing == missing
        assert task.load_report.unexpected == ()
        theirs = ask_transformers(model, inputs)
        logits = theirs.logits if "logits" in theirs else theirs.prediction_logits
        compare(task(inputs), logits.numpy(), atol=1e-4)
        found = task.backbone({name: inputs[name] for name in task.backbone.input})
        wanted = ask_transformers(model.base_model, inputs)
        compare(found["sequence_output"], wanted.last_hidden_state.numpy(), atol=1e-4)
        if not missing and "pooled_output" in found:
            compare(found["pooled_output"], wanted.pooler_output.numpy(), atol=1e-4)
        return task

    return check


@pytest.fixture
def assert_kerashub_is_same_here(compare, keras_hub, tmp_path):
    """Saves a masked LM of KerasHub and asserts that it computes the same here."""

    def check(theirs, inputs):
        theirs.save_to_preset(str(tmp_path / "theirs"))
        with pytest.warns(PresetWarning, match="does not say whether it was ever trained"):
            ours = mlmzoo.MaskedLM.from_preset(tmp_path / "theirs", preprocessor=None)
        assert ours.load_report.missing == ours.load_report.unexpected == ()
        compare(ours(inputs), _ask(theirs, inputs), atol=1e-4)
        found, wanted = _ask(ours.backbone, inputs), _ask(theirs.backbone, inputs)
        if not isinstance(wanted, dict):
            wanted = {"sequence_output": wanted}
        assert set(found) == set(wanted)
        for name in wanted:
            compare(found[name], wanted[name], atol=1e-4)
        # And back, without a word: there is nothing that KerasHub could not say.
        with warnings.catch_warnings():
            warnings.simplefilter("error", PresetWarning)
            ours.head_state = "trained"
            ours.save_to_preset(tmp_path / "ours")
        again = keras_hub.models.MaskedLM.from_preset(str(tmp_path / "ours"))
        assert type(again) is type(theirs)
        compare(_ask(again, inputs), ours(inputs), atol=1e-4)

    return check


@pytest.fixture
def assert_difference_is_named(compare, keras_hub, tmp_path):
    """Saves a masked LM of ours in KerasHub's layout and asserts what the warning names, that it
    is true, and that nothing is lost here."""

    def check(ours, inputs, differences, near=0.5):
        ours.head_state = "trained"
        with pytest.warns(PresetWarning) as caught:
            ours.save_to_preset(tmp_path)
        (message,) = [str(w.message) for w in caught if w.category is PresetWarning]
        assert message.count(" here and ") == len(differences)
        for difference in differences:
            assert difference in message
        theirs = _ask(keras_hub.models.MaskedLM.from_preset(str(tmp_path)), inputs)
        with pytest.raises(AssertionError, match="Not equal to tolerance"):
            compare(theirs, ours(inputs), atol=1e-4)
        compare(theirs, ours(inputs), atol=near)
        again = mlmzoo.MaskedLM.from_preset(tmp_path, preprocessor=None)
        compare(again(inputs), ours(inputs), atol=1e-5)

    return check


def _ask(model, inputs):
    names = model.input if isinstance(model.input, dict) else [x.name for x in model.inputs]
    return keras.tree.map_structure(
        keras.ops.convert_to_numpy, model({name: inputs[name] for name in names}, training=False)
    )
