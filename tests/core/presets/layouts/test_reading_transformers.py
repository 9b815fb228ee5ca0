"""Checkpoints of Hugging Face transformers, as they are found in the wild."""

import json
import sys

import numpy as np
import pytest
from safetensors.numpy import save_file

from mlmzoo.contract.errors import (
    PresetFormatError,
    PresetMissingError,
    UnsupportedSettingError,
    WeightsError,
)
from mlmzoo.presets import layouts


def test_settings_and_both_parts_are_read(toy):
    toy.transformers(layer_norm_eps=1e-7, hidden_act="gelu_new", dtype="float16")
    contents = toy.read()
    numerics = {"activation": "gelu_tanh", "layer_norm_epsilon": 1e-7}
    assert contents.layout == "transformers"
    assert contents.backbone == {**toy.sizes, **numerics}
    assert contents.head == {"activation": "gelu_tanh", "epsilon": 1e-7}
    assert contents.dtype == "float16"
    assert contents.has_head and contents.head_state == "trained"
    assert toy.load().unexpected == ()
    assert toy.load("head").unexpected == ()


def test_the_prefix_may_be_absent(toy):
    tensors = toy.transformers_tensors("backbone")
    toy.transformers({name.removeprefix("toy."): value for name, value in tensors.items()})
    assert toy.load().unexpected == ()
    assert toy.read().head_state == "random"


def test_old_spellings_are_read(toy):
    tensors = toy.transformers_tensors("backbone", "head")
    toy.transformers(
        {name.replace("LayerNorm.weight", "LayerNorm.gamma"): v for name, v in tensors.items()}
    )
    assert toy.load().unexpected == ()


def test_two_spellings_of_one_tensor_let_the_right_one_win(toy):
    tensors = toy.transformers_tensors("backbone")
    tensors["toy.layer.0.LayerNorm.gamma"] = np.zeros(6, np.float32)
    toy.transformers(tensors)
    assert toy.load().unexpected == ("toy.layer.0.LayerNorm.gamma",)


def test_two_wrong_spellings_of_one_tensor_are_refused(toy):
    tensors = toy.transformers_tensors("backbone")
    value = tensors.pop("toy.layer.0.LayerNorm.weight")
    tensors["toy.layer.0.LayerNorm.gamma"] = value
    tensors["layer.0.LayerNorm.gamma"] = value.copy()
    toy.transformers(tensors)
    with pytest.raises(PresetFormatError, match="two spellings"):
        toy.load()


def test_an_optional_weight_may_be_absent_and_is_reported(toy):
    tensors = toy.transformers_tensors("backbone", "head")
    del tensors["toy.pooler.weight"]
    toy.transformers(tensors)
    assert toy.load().missing == ("pooler/kernel",)


def test_a_missing_weight_is_an_error_that_names_it(toy):
    tensors = toy.transformers_tensors("backbone", "head")
    del tensors["toy.layer.1.query.bias"]
    toy.transformers(tensors)
    with pytest.raises(WeightsError, match=r"layer_1/query/bias: 'toy\.layer\.1\.query\.bias'"):
        toy.load()


def test_tensors_without_a_place_are_reported_and_known_ones_are_not(toy):
    tensors = toy.transformers_tensors("backbone", "head")
    tensors["cls.seq_relationship.weight"] = np.zeros((2, 6), np.float32)
    tensors["toy.embeddings.position_ids"] = np.zeros((1, 8), np.int64)
    tensors["toy.adapter.weight"] = np.zeros(3, np.float32)
    toy.transformers(tensors)
    assert toy.load().unexpected == ("toy.adapter.weight",)


def shards(toy, save, index, names):
    toy.transformers()
    (toy.directory / "model.safetensors").unlink()
    tensors = list(toy.transformers_tensors("backbone", "head").items())
    parts = dict(zip(names, (dict(tensors[:5]), dict(tensors[5:])), strict=True))
    for name, part in parts.items():
        save(part, toy.directory / name)
    places = {tensor: name for name, part in parts.items() for tensor in part}
    toy.json(index, {"metadata": {}, "weight_map": places})


def test_sharded_safetensors_are_read(toy):
    names = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    shards(toy, save_file, "model.safetensors.index.json", names)
    assert toy.load().unexpected == () and toy.load("head").unexpected == ()
    (toy.directory / names[1]).unlink()
    with pytest.raises(PresetMissingError, match=names[1]):
        toy.load()


def save_torch(tensors, path):
    torch = pytest.importorskip("torch")
    torch.save({name: torch.from_numpy(value) for name, value in tensors.items()}, path)


def test_pytorch_files_are_read_single_and_sharded(toy):
    toy.transformers()
    (toy.directory / "model.safetensors").unlink()
    save_torch(toy.transformers_tensors("backbone", "head"), toy.directory / "pytorch_model.bin")
    assert toy.load().unexpected == ()
    (toy.directory / "pytorch_model.bin").unlink()
    names = ["pytorch_model-00001-of-00002.bin", "pytorch_model-00002-of-00002.bin"]
    shards(toy, save_torch, "pytorch_model.bin.index.json", names)
    assert toy.load().unexpected == () and toy.load("head").unexpected == ()


def test_safetensors_are_preferred_to_pytorch_files(toy):
    toy.transformers()
    (toy.directory / "pytorch_model.bin").write_bytes(b"never opened")
    toy.load()


def test_without_pytorch_a_bin_says_what_to_install(toy, monkeypatch):
    toy.transformers()
    (toy.directory / "model.safetensors").rename(toy.directory / "pytorch_model.bin")
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(PresetFormatError, match="pip install torch"):
        toy.load()


def test_no_weights_at_all_is_said(toy):
    toy.transformers()
    (toy.directory / "model.safetensors").unlink()
    with pytest.raises(PresetMissingError, match="no weights of the backbone"):
        toy.load()


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"position_embedding_type": "relative_key"}, "position_embedding_type.*relative_key"),
        ({"is_decoder": True}, "is_decoder"),
        ({"hidden_act": "quick_gelu"}, "quick_gelu"),
        ({"hidden_act": None}, "hidden_act"),
        ({"hidden_act": ["gelu"]}, "hidden_act"),
    ],
)
def test_what_the_family_cannot_represent_is_refused_by_name(toy, config, words):
    toy.transformers(**config)
    with pytest.raises(UnsupportedSettingError, match=words):
        toy.read()


def test_a_setting_without_default_must_be_there(toy):
    toy.transformers()
    config = json.loads((toy.directory / "config.json").read_text())
    del config["hidden_size"]
    toy.json("config.json", config)
    with pytest.raises(PresetFormatError, match="lacks 'hidden_size'"):
        toy.read()


@pytest.mark.parametrize(
    "config", [{"hidden_size": 7}, {"hidden_size": 0}, {"layer_norm_eps": "x"}, {"vocab_size": 1.5}]
)
def test_a_contradictory_config_is_refused(toy, config):
    toy.transformers(**config)
    with pytest.raises(PresetFormatError):
        toy.read()


def test_two_rates_where_we_have_one_are_noted(toy):
    toy.transformers(hidden_dropout_prob=0.1, attention_probs_dropout_prob=0.0)
    contents = toy.read()
    assert contents.backbone["dropout"] == 0.1
    assert any("attention_probs_dropout_prob" in note for note in contents.notes)


# The output matrix ----------------------------------------------------------------------------


def test_a_copy_of_the_head_s_own_tensor_counts_where_they_differ(toy):
    tensors = toy.transformers_tensors("backbone", "head")
    tensors["cls.decoder.bias"] = tensors["cls.bias"]
    tensors["cls.bias"] = tensors["cls.bias"] + 1
    toy.transformers(tensors)
    assert toy.load("head").unexpected == ()


def test_a_tied_copy_in_the_file_is_accepted(toy):
    tensors = toy.transformers_tensors("backbone", "head")
    tensors["cls.decoder.weight"] = tensors["toy.embeddings.weight"].copy()
    tensors["cls.decoder.bias"] = tensors["cls.bias"].copy()
    toy.transformers(tensors, tie_word_embeddings=False)
    assert toy.load("head").unexpected == () and toy.load().unexpected == ()


def test_a_copy_stands_in_for_the_original(toy):
    tensors = toy.transformers_tensors("backbone", "head")
    tensors["cls.decoder.bias"] = tensors.pop("cls.bias")
    toy.transformers(tensors)
    assert toy.load("head").missing == ()


@pytest.mark.parametrize("declared", [True, False])
def test_an_untied_output_matrix_is_refused_and_the_backbone_still_loads(toy, declared):
    tensors = toy.transformers_tensors("backbone", "head")
    tensors["cls.decoder.weight"] = tensors["toy.embeddings.weight"] + 1e-3
    toy.transformers(tensors, tie_word_embeddings=not declared)
    with pytest.raises(UnsupportedSettingError, match=r"cls\.decoder\.weight"):
        toy.load("head")
    toy.load()


def test_an_untied_output_matrix_that_is_missing_is_refused(toy):
    toy.transformers(tie_word_embeddings=False)
    with pytest.raises(UnsupportedSettingError, match="tie_word_embeddings"):
        toy.load("head")


# Which layout ---------------------------------------------------------------------------------


def test_a_checkpoint_that_does_not_say_its_type_is_read_where_the_family_is_known(toy):
    toy.transformers()
    config = json.loads((toy.directory / "config.json").read_text())
    del config["model_type"]
    toy.json("config.json", config)
    with pytest.raises(PresetFormatError, match="neither 'registered_name'"):
        toy.read()
    registry = type("R", (), {"checkpoint": lambda self, family: toy.checkpoint})()
    assert layouts.read(toy.files, registry, toy.family).layout == "transformers"


def test_a_layout_that_does_not_exist_names_those_that_do():
    with pytest.raises(PresetFormatError, match="'keras' and 'transformers'"):
        layouts.by_name("onnx")
