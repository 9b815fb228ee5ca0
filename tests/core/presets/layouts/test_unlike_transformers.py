"""Tables of families that do not keep everything as transformers does."""

import json
import warnings
from dataclasses import replace

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from mlmzoo.contract.errors import (
    PresetFormatError,
    PresetWarning,
    UnsupportedSettingError,
    WeightsError,
)
from mlmzoo.contract.records import Requirement, Setting
from mlmzoo.presets import layouts


def change(toy, **changes):
    toy.checkpoint = replace(toy.checkpoint, **changes)


# Settings -----------------------------------------------------------------------------------------

RELATIVE = Requirement("relative", (True,), default=False)
TYPES = Requirement("types", ("p2c|c2p", ["p2c", "c2p"]))
SPAN = Requirement("span", (-1,), default=-1, same_as="hidden_size")


@pytest.mark.parametrize(
    "config",
    [
        {"relative": True},
        {"relative": True, "types": "p2c|c2p"},
        {"relative": True, "types": ["p2c", "c2p"]},
        {"relative": True, "types": None, "span": None},
        {"relative": True, "span": 6},
    ],
    ids=str,
)
def test_values_the_family_can_represent_are_taken(toy, config):
    change(toy, requires=(RELATIVE, TYPES, SPAN))
    toy.transformers(**config)
    assert toy.load().unexpected == ()


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"relative": False}, "sets 'relative' to False.* supports True only"),
        ({}, "does not set, so has 'relative' to False"),
        ({"relative": True, "types": ["c2p"]}, "sets 'types' to .*c2p"),
        ({"relative": True, "span": 5}, "'span' to 5.* supports -1 or 6 only"),
    ],
    ids=str,
)
def test_other_values_are_refused_by_name(toy, config, message):
    change(toy, requires=(RELATIVE, TYPES, SPAN))
    toy.transformers(**config)
    with pytest.raises(UnsupportedSettingError, match=message):
        toy.read()


def test_what_absence_would_change_is_written(toy):
    change(toy, requires=(RELATIVE, TYPES, SPAN))
    layouts.write(toy.directory, toy.request(head=None), "transformers")
    config = json.loads((toy.directory / "config.json").read_text())
    assert config["relative"] is True
    assert "types" not in config and "span" not in config
    toy.load()


def test_what_could_not_be_read_back_is_not_written(toy):
    change(toy, requires=(Requirement("pad_token_id", (1,)),))
    with pytest.raises(UnsupportedSettingError, match="to be written sets 'pad_token_id' to 0"):
        layouts.write(toy.directory, toy.request(head=None, pad_token_id=0), "transformers")
    assert list(toy.directory.iterdir()) == []
    layouts.write(toy.directory, toy.request(head=None, pad_token_id=1), "transformers")
    toy.load()


def with_offset(toy):
    settings = (*toy.checkpoint.settings, Setting("limit", "max_positions", 514, offset=2))
    change(toy, settings=settings)


def test_a_number_that_transformers_counts_differently_is_translated(toy):
    with_offset(toy)
    toy.transformers(max_positions=12)
    assert toy.read().backbone["limit"] == 10
    toy.transformers()
    assert toy.read().backbone["limit"] == 512
    toy.transformers(max_positions=2)
    with pytest.raises(PresetFormatError, match=r"'max_positions' to 2.* must be more"):
        toy.read()
    backbone = {**toy.request().backbone, "limit": 30}
    layouts.write(toy.directory, toy.request(head=None, backbone=backbone), "transformers")
    assert json.loads((toy.directory / "config.json").read_text())["max_positions"] == 32
    assert toy.read().backbone["limit"] == 30


def without_epsilon(toy):
    """As a family whose epsilon is no setting of transformers, which has 1e-12 in its code."""

    def nameless(rows):
        return tuple(
            replace(row, transformers="") if row.transformers == "layer_norm_eps" else row
            for row in rows
        )

    change(
        toy,
        settings=nameless(toy.checkpoint.settings),
        head_settings=nameless(toy.checkpoint.head_settings),
        transformers_numerics={
            "backbone": {"layer_norm_epsilon": 1e-12},
            "head": {"epsilon": 1e-12},
        },
    )


def test_what_transformers_has_in_its_code_is_computed_so(toy):
    without_epsilon(toy)
    toy.transformers()
    assert toy.read().backbone["layer_norm_epsilon"] == 1e-12
    assert toy.read().head["epsilon"] == 1e-12


def test_another_value_than_in_transformers_code_is_named_and_comes_back(toy):
    without_epsilon(toy)
    backbone = {**toy.request().backbone, "layer_norm_epsilon": 0.1}
    head = {"activation": "gelu_tanh", "epsilon": 0.2}
    request = toy.request(backbone=backbone, head=head)
    with pytest.warns(PresetWarning) as caught:
        layouts.write(toy.directory, request, "transformers")
    assert "backbone layer_norm_epsilon is 0.1 here and 1e-12 there" in str(caught[0].message)
    assert "head epsilon is 0.2 here and 1e-12 there" in str(caught[0].message)
    assert toy.read().backbone["layer_norm_epsilon"] == 0.1
    assert toy.read().head["epsilon"] == 0.2
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        same = {**backbone, "layer_norm_epsilon": 1e-12}
        layouts.write(toy.directory, toy.request(backbone=same, head=None), "transformers")


# Weights ------------------------------------------------------------------------------------------


@pytest.fixture
def shifted(toy):
    """Two leading rows that are not ours, and one row that transformers adds to all others."""
    rows = list(toy.checkpoint.backbone)
    rows[0] = replace(rows[0], skip_rows=2, folded="toy.types.weight")
    change(toy, backbone=tuple(rows))
    return toy


def shifted_tensors(toy, types=(0.5, 9.0)):
    tensors = toy.transformers_tensors("backbone", "head")
    name = toy.checkpoint.backbone[0].transformers
    tensors["toy.types.weight"] = np.tile(np.array(types, np.float32)[:, None], (1, 6))
    tensors[name] = np.concatenate([np.full((2, 6), 7, np.float32), tensors[name] - types[0]])
    return tensors


@pytest.mark.parametrize("block", [None, 48])
def test_leading_rows_are_skipped_and_the_folded_row_is_added(shifted, monkeypatch, block):
    if block:  # several row blocks
        monkeypatch.setattr("mlmzoo.presets.weights.BLOCK_BYTES", block)
    shifted.values["tokens"] = np.round(shifted.values["tokens"] * 8) / 8  # exact in float32
    shifted.transformers(shifted_tensors(shifted))
    assert shifted.load().unexpected == ()
    assert shifted.load("head").unexpected == ()


@pytest.mark.filterwarnings("ignore::mlmzoo.contract.errors.PresetWarning")
def test_skipped_and_folded_rows_are_written_as_zeros(shifted):
    layouts.write(shifted.directory, shifted.request(), "transformers")
    tensors = load_file(shifted.directory / "model.safetensors")
    name = shifted.checkpoint.backbone[0].transformers
    assert tensors[name].shape == (13, 6) and not tensors[name][:2].any()
    assert tensors["toy.types.weight"].shape == (1, 6) and not tensors["toy.types.weight"].any()
    shifted.load()


def test_the_keras_layout_has_neither(shifted):
    shifted.keras()
    assert shifted.load().unexpected == ()


@pytest.mark.parametrize("fault", ["missing", "of another width", "without the leading rows"])
def test_wrong_shapes_there_are_refused(shifted, fault):
    tensors = shifted_tensors(shifted)
    if fault == "missing":
        del tensors["toy.types.weight"]
    elif fault == "of another width":
        tensors["toy.types.weight"] = np.zeros((1, 5), np.float32)
    else:
        name = shifted.checkpoint.backbone[0].transformers
        tensors[name] = tensors[name][2:]
    shifted.transformers(tensors)
    with pytest.raises(WeightsError, match="tokens"):
        shifted.load()


# Files --------------------------------------------------------------------------------------------


def test_a_head_beside_that_of_another_task_counts_as_untrained(toy):
    change(toy, untrained_head=(r"^mask_predictions\.",))
    toy.transformers()
    assert toy.read().head_state == "trained"
    tensors = toy.transformers_tensors("backbone", "head")
    tensors["mask_predictions.weight"] = np.zeros((1, 6), np.float32)
    toy.transformers(tensors)
    contents = toy.read()
    assert contents.head_state == "random" and not contents.has_head
    assert "'mask_predictions.weight'" in contents.refused_head
    assert "trained for another task" in contents.refused_head


def test_weights_under_another_file_name_are_found_after_the_usual_ones(toy):
    toy.transformers()
    (toy.directory / "model.safetensors").rename(toy.directory / "generator.safetensors")
    assert not toy.read().has_head
    change(toy, weight_files=("generator.safetensors",))
    assert toy.read().has_head
    toy.load()
    wrong = {name: value + 1 for name, value in toy.transformers_tensors("backbone").items()}
    save_file(wrong, toy.directory / "generator.safetensors")
    toy.transformers()
    toy.load()
