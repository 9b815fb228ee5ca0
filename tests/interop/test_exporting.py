"""An exported model answers in ONNX Runtime, from raw text, as it does here."""

import json
from pathlib import Path

import keras
import numpy as np
import pytest

from mlmzoo import MaskedLM
from mlmzoo.errors import InputError, SavingError, WeightsError
from mlmzoo.plugins import registry
from mlmzoo.tasks import exporting
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
LONG = "And [MASK] said unto Moses, " + "Speak unto the children of Israel, saying, " * 40


@pytest.fixture(scope="module")
def ours():
    return MaskedLM.from_preset(PRESET)


@pytest.fixture(scope="module")
def exported(ours, tmp_path_factory):
    directory = tmp_path_factory.mktemp("place") / "exported"
    ours.export(directory)
    return directory


def raw_text_to_inputs(directory, texts):
    """As somebody would do who has the directory and no mlmzoo."""
    import tokenizers

    about = json.loads((directory / "mlmzoo_export.json").read_text())
    tokenizer = tokenizers.Tokenizer.from_file(str(directory / "tokenizer.json"))
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
def test_the_example_of_the_page_runs_as_it_stands(ours, exported, monkeypatch, capsys):
    pytest.importorskip("onnxruntime")
    page = Path(__file__).parents[2] / "docs" / "concepts" / "exporting.md"
    example = page.read_text("utf-8").split("```python\n")[1].split("```")[0]
    monkeypatch.chdir(exported.parent)
    found = {}
    exec(example, found)
    best = [filled.masks[0].candidates[0].token for filled in ours.fill_mask(found["texts"])]
    assert capsys.readouterr().out.split() == best


def same_rows_from_raw_text(task, directory):
    """The exported tokenizer makes the preprocessor's rows, cut and padded; a text it knows."""
    words = [w for w in task.preprocessor.tokenizer.get_vocabulary() if w[1:].isalpha()]
    plain = " ".join(word.lstrip("▁Ġ") for word in words[:4])
    for texts in ([plain], [plain, plain * 2], [plain * 40, plain]):
        found, _ = raw_text_to_inputs(directory, texts)
        wanted = task.preprocessor.inputs(texts)
        for name in task.backbone.input:
            np.testing.assert_array_equal(found[name], wanted[name])
    return plain


@on_tensorflow
@pytest.mark.parametrize("texts", [TEXTS[:1], TEXTS, [LONG, *TEXTS]])
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
    if family != "toy":  # whose tokenizer is of no library
        same_rows_from_raw_text(task, tmp_path / "out")
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
def test_a_family_that_needs_whole_rows_answers_the_same_from_raw_text(tmp_path):
    import tensorflow as tf

    task = tiny_task(registry().family("f_net"), head_state="trained")
    task.export(tmp_path / "out", format="tf_saved_model")
    plain = same_rows_from_raw_text(task, tmp_path / "out")
    texts = [f"{plain} [MASK]", f"{plain} [MASK] {plain} [MASK]"]
    inputs, counts = raw_text_to_inputs(tmp_path / "out", texts)
    about = json.loads((tmp_path / "out" / "mlmzoo_export.json").read_text())
    assert inputs["token_ids"].shape[1] == about["padded_to"] == task.preprocessor.sequence_length
    served = tf.saved_model.load(str(tmp_path / "out" / "saved_model"))
    found = served.serve({name: tf.constant(value) for name, value in inputs.items()}).numpy()
    for row, count, wanted in zip(found, counts, task.predict(texts), strict=True):
        np.testing.assert_allclose(row[:count], wanted, atol=1e-4)


@on_tensorflow
def test_an_export_says_what_its_head_is_and_refuses_weights_that_are_no_numbers(
    exported, tmp_path, monkeypatch
):
    about = json.loads((exported / "mlmzoo_export.json").read_text())
    assert about["head_state"] == "trained" and about["padded_to"] is None
    task = tiny_task(registry().family("bert"), head_state="trained")
    weight = task.mlm_head.weights[0]
    weight.assign(np.full(weight.shape, np.nan))
    with pytest.raises(WeightsError, match=f"values in .*{weight.path}.*allow_non_finite=True"):
        task.export(tmp_path / "out")
    assert not (tmp_path / "out").exists()
    monkeypatch.setattr(exporting, "_write_model", lambda task, path, format: path.touch())
    task.export(tmp_path / "out", allow_non_finite=True)


def test_the_tokenizer_of_a_preset_neither_cuts_nor_pads(ours, tmp_path):
    ours.preprocessor.save_to_preset(tmp_path / "preset", layout="transformers")
    saved = json.loads((tmp_path / "preset" / "tokenizer.json").read_text())
    assert saved["truncation"] is None and saved["padding"] is None


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
