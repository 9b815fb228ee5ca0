"""What we write, we read back; and what a failure leaves behind."""

import json
import time
import tracemalloc
import warnings
from dataclasses import replace

import h5py
import numpy as np
import pytest
from safetensors.numpy import load_file

from mlmzoo.contract.errors import (
    InputError,
    PresetFormatError,
    PresetWarning,
    SavingError,
    WeightsError,
)
from mlmzoo.presets import layouts, writer

EXACT = {"activation": "gelu", "layer_norm_epsilon": 1e-12}


@pytest.mark.parametrize("layout", ["keras", "transformers"])
@pytest.mark.parametrize("state", ["trained", "unknown", "random"])
@pytest.mark.filterwarnings("ignore::mlmzoo.contract.errors.PresetWarning")
def test_everything_survives_the_round_trip(toy, layout, state):
    request = toy.request(
        backbone={**toy.sizes, "activation": "gelu_tanh", "layer_norm_epsilon": 1e-3},
        head={"activation": "gelu", "epsilon": 1e-4},
        head_state=state,
    )
    layouts.write(toy.directory, request, layout)
    contents = toy.read()
    assert contents.layout == layout
    assert contents.backbone == request.backbone
    assert contents.head == request.head
    assert contents.head_state == state
    assert toy.load().unexpected == ()
    assert toy.load("head").unexpected == ()


def test_tensors_are_stored_under_the_names_and_shapes_of_kerashub(toy):
    layouts.write(toy.directory, toy.request())
    for name, part in (("model.weights.h5", "backbone"), ("task.weights.h5", "head")):
        with h5py.File(toy.directory / name) as file:
            for dataset, value in toy.keras_tensors(part).items():
                np.testing.assert_array_equal(file[dataset], value, dataset)


def test_tensors_are_stored_under_the_names_and_shapes_of_transformers(toy):
    layouts.write(toy.directory, toy.request(head={"activation": "gelu_tanh"}), "transformers")
    stored = load_file(toy.directory / "model.safetensors")
    wanted = toy.transformers_tensors("backbone", "head")
    assert stored.keys() == wanted.keys()
    for name, value in wanted.items():
        np.testing.assert_array_equal(stored[name], value, name)


def test_a_bare_encoder_is_stored_without_the_prefix(toy):
    layouts.write(toy.directory, toy.request(head=None), "transformers")
    assert "embeddings.weight" in load_file(toy.directory / "model.safetensors")
    config = json.loads((toy.directory / "config.json").read_text())
    assert config["architectures"] == ["ToyModel"] and "mlmzoo" not in config
    assert toy.load().unexpected == ()
    assert toy.read().head_state == "random"


def test_kerashubs_part_of_a_config_holds_nothing_it_does_not_know(toy):
    layouts.write(toy.directory, toy.request())
    config = json.loads((toy.directory / "config.json").read_text())
    assert config["registered_name"] == "keras_hub>ToyBackbone"
    assert config["config"].keys() == {"name", "trainable", "dtype", *toy.sizes}
    task = json.loads((toy.directory / "task.json").read_text())
    assert task["registered_name"] == "keras_hub>ToyMaskedLM"
    assert task["config"]["backbone"] == config and task["config"]["preprocessor"] is None


@pytest.mark.parametrize("layout", ["keras", "transformers"])
def test_a_warning_names_what_the_other_library_computes_differently(toy, layout):
    with pytest.warns(PresetWarning, match=r"head epsilon is 0\.001 here and 1e-(05|12) there"):
        layouts.write(toy.directory, toy.request(head={"epsilon": 1e-3}), layout)


def test_no_warning_where_nothing_differs(toy):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        layouts.write(toy.directory, toy.request())
        request = toy.request(
            backbone={**toy.sizes, **EXACT}, head={"activation": "gelu", "epsilon": 1e-12}
        )
        layouts.write(toy.directory, request, "transformers")


def test_a_checkpoint_changed_by_transformers_is_not_taken_for_ours(toy):
    request = toy.request(head={"activation": "gelu_tanh", "epsilon": 1e-4}, head_state="random")
    with pytest.warns(PresetWarning):
        layouts.write(toy.directory, request, "transformers")
    config = json.loads((toy.directory / "config.json").read_text())
    toy.json("config.json", {**config, "transformers_version": "5.23.0"})
    contents = toy.read()
    assert contents.head_state == "unknown"
    assert contents.head == {"activation": "gelu_tanh", "epsilon": 1e-12}


@pytest.mark.parametrize("layout", ["keras", "transformers"])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.filterwarnings("ignore::mlmzoo.contract.errors.PresetWarning")
def test_half_precision_is_stored_on_request(toy, layout, dtype):
    toy.values = {path: np.round(value * 8) / 8 for path, value in toy.values.items()}
    layouts.write(toy.directory, toy.request(dtype=dtype), layout)
    toy.load()
    assert toy.read().dtype == dtype
    name = "model.weights.h5" if layout == "keras" else "model.safetensors"
    parameters = sum(value.size for value in toy.values.values())
    assert layout == "keras" or (toy.directory / name).stat().st_size < 3 * parameters + 2000


def test_values_beyond_float16_are_refused(toy):
    toy.values["tokens"][3, 4] = 1e5
    with pytest.raises(WeightsError, match="bfloat16"):
        layouts.write(toy.directory, toy.request(dtype="float16"))


def test_an_unknown_dtype_is_refused(toy):
    with pytest.raises(PresetFormatError, match="float32"):
        layouts.write(toy.directory, toy.request(dtype="int8"))


@pytest.mark.parametrize("layout", ["keras", "transformers"])
@pytest.mark.filterwarnings("ignore::mlmzoo.contract.errors.PresetWarning")
def test_a_failed_write_leaves_the_older_preset_as_it_was(toy, layout):
    layouts.write(toy.directory, toy.request(), layout)
    before = {path.name: path.read_bytes() for path in toy.directory.iterdir()}

    def fail(path):
        if path == "layer_1/norm/gamma":
            raise RuntimeError("disk full")
        return toy.values[path] + 1

    with pytest.raises(RuntimeError, match="disk full"):
        layouts.write(toy.directory, toy.request(read=fail), layout)
    assert {path.name: path.read_bytes() for path in toy.directory.iterdir()} == before


def test_a_backbone_written_over_a_task_takes_the_old_head_away(toy):
    layouts.write(toy.directory, toy.request())
    layouts.write(toy.directory, toy.request(head=None))
    assert toy.read().head_state == "random"
    assert not (toy.directory / "task.json").exists()


def test_tokenizer_and_preprocessor_survive_and_can_be_written_alone(toy):
    preprocessor = {
        "sequence_length": 16,
        "truncate": "round_robin",
        "mask_selection_rate": 0.15,
        "mask_selection_length": None,
        "mask_token_rate": 0.8,
        "random_token_rate": 0.1,
        "seed": 3,
    }
    written = []
    layouts.write(toy.directory, toy.request(head=None))
    request = toy.request(
        backbone=None,
        head=None,
        tokenizer={"lowercase": True, "vocabulary": None},
        tokenizer_extras={"extra": 3},
        preprocessor=preprocessor,
        write_tokenizer=lambda directory, layout: written.append((directory, layout)),
    )
    with pytest.warns(PresetWarning, match="make other tokens of some texts.* extra=3"):
        layouts.write(toy.directory, request)
    contents = toy.read()
    assert contents.tokenizer == {"lowercase": True, "extra": 3}
    assert contents.preprocessor == preprocessor
    assert written[0][1] == "keras"
    toy.load()
    # KerasHub takes its own default where we have no number.
    config = json.loads((toy.directory / "preprocessor.json").read_text())["config"]
    assert "mask_selection_length" not in config and "seed" not in config


def test_a_family_without_a_name_in_a_layout_cannot_be_written_in_it(toy):
    nameless = replace(toy.family, serialized_names=(), model_types=())
    with pytest.raises(PresetFormatError, match="serialized_names"):
        layouts.write(toy.directory, toy.request(family=nameless), "keras")
    with pytest.raises(PresetFormatError, match="model_types"):
        layouts.write(toy.directory, toy.request(family=nameless), "transformers")
    assert list(toy.directory.iterdir()) == []


def test_a_value_of_another_shape_than_announced_is_not_written(toy):
    with pytest.raises(WeightsError, match="has shape"):
        layouts.write(toy.directory, toy.request(read=lambda path: np.zeros((6, 2, 3))))


@pytest.mark.parametrize("layout", ["keras", "transformers"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.filterwarnings("ignore::mlmzoo.contract.errors.PresetWarning")
def test_weights_that_are_not_finite_are_named_and_written_on_request_only(toy, layout, value):
    layouts.write(toy.directory, toy.request(), layout)
    before = {path.name: path.read_bytes() for path in toy.directory.iterdir()}
    toy.values["tokens"][3, 4] = toy.values["head/output_bias"][0] = value
    with pytest.raises(
        WeightsError, match=r"\['head/output_bias', 'tokens'\].*allow_non_finite=True"
    ):
        layouts.write(toy.directory, toy.request(), layout)
    assert {path.name: path.read_bytes() for path in toy.directory.iterdir()} == before
    layouts.write(toy.directory, toy.request(), layout, allow_non_finite=True)
    toy.load()


def test_looking_for_numbers_that_are_not_finite_holds_no_second_array(toy):
    big = np.zeros((1 << 20, 6), np.float32)
    read = layouts._Finite(lambda path: big)
    tracemalloc.start()
    read("tokens")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < big.nbytes / 20


@pytest.mark.parametrize("layout", ["keras", "transformers"])
@pytest.mark.filterwarnings("ignore::mlmzoo.contract.errors.PresetWarning")
def test_the_same_model_gives_the_same_bytes_at_another_time(toy, layout, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    written = []
    for wait in (0, 1.1):  # what HDF5 might note is in seconds
        time.sleep(wait)
        layouts.write(toy.directory, toy.request(), layout)
        written.append({path.name: path.read_bytes() for path in toy.directory.iterdir()})
    assert written[0] == written[1]
    monkeypatch.delenv("SOURCE_DATE_EPOCH")
    layouts.write(toy.directory, toy.request(), layout)
    now = {path.name: path.read_bytes() for path in toy.directory.iterdir()}
    differing = [name for name in now if now[name] != written[0][name]]
    assert differing == (["metadata.json"] if layout == "keras" else [])
    if layout == "keras":
        assert json.loads(written[0]["metadata.json"])["date_saved"] == "2023-11-14@22:13:20"


@pytest.mark.parametrize("given", ["", "yesterday", "1e400", "9" * 30])
def test_a_source_date_epoch_that_is_no_date_is_an_error(toy, given, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", given)
    with pytest.raises(InputError, match="seconds since 1970"):
        layouts.write(toy.directory, toy.request())


def test_a_disk_that_fills_up_in_the_last_moment_is_told_as_such(toy, monkeypatch):
    class File(h5py.File):
        def close(self):
            super().close()
            raise RuntimeError("Can't flush (file write failed: errno = 28, error message = …)")

    monkeypatch.setattr(writer.h5py, "File", File)
    with pytest.raises(SavingError, match="No space left on device"):
        layouts.write(toy.directory, toy.request())
    assert list(toy.directory.iterdir()) == []
