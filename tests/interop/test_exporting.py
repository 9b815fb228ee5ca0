"""An exported model answers in ONNX Runtime, from raw text, as it does here."""

import json

import keras
import numpy as np
import pytest

from mlmzoo import MaskedLM
from mlmzoo.errors import InputError, SavingError
from mlmzoo.plugins import registry
from mlmzoo.testing import tiny_task

pytestmark = [
    pytest.mark.interop,
    # The other libraries' own.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning:(keras|tf2onnx|tensorflow).*"),
]
on_tensorflow = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="Keras exports with open shapes there only"
)
PRESET = "bert_tiny_en_uncased_kjv"
TEXTS = ["And [MASK] said.", "In the beginning [MASK] created the heaven and the [MASK]."]


@pytest.fixture(scope="module")
def ours():
    return MaskedLM.from_preset(PRESET)


@pytest.fixture(scope="module")
def exported(ours, tmp_path_factory):
    directory = tmp_path_factory.mktemp("exported") / "bert"
    ours.export(directory)
    return directory


def raw_text_to_inputs(directory, texts):
    """As somebody would do who has the directory and no mlmzoo."""
    import tokenizers

    about = json.loads((directory / "mlmzoo_export.json").read_text())
    tokenizer = tokenizers.Tokenizer.from_file(str(directory / "tokenizer.json"))
    tokenizer.enable_padding(pad_id=about["ids"]["pad"])
    encoded = tokenizer.encode_batch(texts)
    ids = np.array([one.ids for one in encoded], np.int32)
    masks = [np.flatnonzero(row == about["ids"]["mask"]) for row in ids]
    positions = np.zeros((len(ids), max(map(len, masks))), np.int32)
    for row, found in zip(positions, masks, strict=True):
        row[: len(found)] = found
    inputs = {
        "token_ids": ids,
        "padding_mask": np.array([one.attention_mask for one in encoded], np.int32),
        "segment_ids": np.array([one.type_ids for one in encoded], np.int32),
        "mask_positions": positions,
    }
    return {name: inputs[name] for name in about["inputs"]}, list(map(len, masks))


@on_tensorflow
@pytest.mark.parametrize("texts", [TEXTS[:1], TEXTS, TEXTS[::-1] * 3])
def test_onnx_runtime_gives_equal_logits_from_raw_text(ours, exported, texts):
    runtime = pytest.importorskip("onnxruntime")
    session = runtime.InferenceSession(str(exported / "model.onnx"))
    inputs, counts = raw_text_to_inputs(exported, texts)
    (logits,) = session.run(None, inputs)
    for row, count, wanted in zip(logits, counts, ours.predict(texts), strict=True):
        np.testing.assert_allclose(row[:count], wanted, atol=1e-4)


@on_tensorflow
@pytest.mark.parametrize("family", sorted(registry().families))
def test_every_family_is_exported_with_open_shapes(family, tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    task = tiny_task(registry().family(family), head_state="trained")
    if family == "f_net":
        with pytest.raises(InputError, match=r"FNetMaskedLM .* no operation for a part of it"):
            task.export(tmp_path / "out")
        assert not (tmp_path / "out").exists()
        return
    task.export(tmp_path / "out")
    session = runtime.InferenceSession(str(tmp_path / "out" / "model.onnx"))
    names = [*task.backbone.input, "mask_positions"]
    assert sorted(one.name for one in session.get_inputs()) == sorted(names)
    rng = np.random.default_rng(0)
    for rows, length in ((1, 5), (3, 8)):
        ids = rng.integers(0, task.backbone.vocabulary_size, (rows, length), dtype=np.int32)
        inputs = {
            "token_ids": ids,
            "padding_mask": np.ones_like(ids),
            "segment_ids": np.zeros_like(ids),
            "mask_positions": rng.integers(0, length, (rows, 2), dtype=np.int32),
        }
        inputs = {name: inputs[name] for name in names}
        (found,) = session.run(None, inputs)
        np.testing.assert_allclose(found, task.predict_on_batch(inputs), atol=1e-4)


@on_tensorflow
def test_a_saved_model_answers_the_same_and_takes_the_place_of_the_other(ours, tmp_path):
    import tensorflow as tf

    directory = tmp_path / "out"
    directory.mkdir()
    (directory / "model.onnx").write_bytes(b"old")
    (directory / "notes.txt").write_text("mine")
    with pytest.raises(SavingError, match="holds"):
        ours.export(directory, format="tf_saved_model")
    ours.export(directory, format="tf_saved_model", overwrite=True)
    assert not (directory / "model.onnx").exists()
    assert (directory / "notes.txt").read_text() == "mine"
    served = tf.saved_model.load(str(directory / "saved_model"))
    inputs, _ = raw_text_to_inputs(directory, TEXTS[:1])
    found = served.serve({name: tf.constant(value) for name, value in inputs.items()})
    np.testing.assert_allclose(found.numpy()[0], ours.predict(TEXTS[:1])[0], atol=1e-4)


@on_tensorflow
def test_a_preset_and_an_export_are_never_in_one_place(ours, exported, tmp_path):
    ours.save_to_preset(tmp_path / "preset", layout="transformers")
    with pytest.raises(SavingError, match="never takes the place of a preset"):
        ours.export(tmp_path / "preset", overwrite=True)
    assert not (tmp_path / "preset" / "mlmzoo_export.json").exists()
    before = sorted(exported.rglob("*"))
    with pytest.raises(SavingError, match="never takes the place of an export"):
        ours.save_to_preset(exported, layout="transformers", overwrite=True)
    assert sorted(exported.rglob("*")) == before


def test_other_backends_say_where_to_export(ours, tmp_path):
    with pytest.raises(InputError, match="format='tflite' was asked for"):
        ours.export(tmp_path / "out", format="tflite")
    if keras.backend.backend() != "tensorflow":
        with pytest.raises(InputError, match="KERAS_BACKEND=tensorflow mlmzoo export"):
            ours.export(tmp_path / "out")
    assert not (tmp_path / "out").exists()
