"""Presets of KerasHub and KerasNLP, of every era."""

import h5py
import ml_dtypes
import numpy as np
import pytest

from mlmzoo.contract.errors import (
    PresetFormatError,
    PresetMissingError,
    UnknownNameError,
    UnsupportedSettingError,
    WeightsError,
)


@pytest.mark.parametrize("package", ["keras_hub", "keras_nlp"])
def test_either_package_name_is_understood_and_the_module_is_not_looked_at(toy, package):
    toy.keras(package, assets=["assets/tokenizer/vocabulary.txt"], weights="model.weights.h5")
    contents = toy.read()
    assert contents.layout == "keras" and contents.family is toy.family
    assert toy.load().unexpected == ()


def test_a_backbone_computes_with_kerashubs_numerics_unless_the_preset_says_otherwise(toy):
    toy.keras()
    contents = toy.read()
    assert contents.backbone == {
        **toy.sizes,
        "activation": "gelu_tanh",
        "layer_norm_epsilon": 1e-12,
    }
    assert contents.head == {"activation": "gelu", "epsilon": 1e-5}
    toy.keras(mlmzoo={"format": 1, "backbone": {"activation": "gelu"}})
    assert toy.read().backbone["activation"] == "gelu"


@pytest.mark.parametrize(
    ("dtype", "name"),
    [
        (None, None),
        ("bfloat16", "bfloat16"),
        ({"class_name": "DTypePolicy", "config": {"name": "mixed_float16"}}, "mixed_float16"),
    ],
)
def test_the_dtype_may_be_absent_a_string_or_a_policy(toy, dtype, name):
    config = toy.sizes if dtype is None else {**toy.sizes, "dtype": dtype}
    toy.keras(config=config)
    assert toy.read().dtype == name
    assert toy.read().backbone.keys() == {*toy.sizes, "activation", "layer_norm_epsilon"}


def test_private_attribute_names_of_old_keras_are_read(toy):
    toy.keras()
    old = {
        name.replace("/query_dense", "/_query_dense").replace("/output_dense", "/_output_dense"): v
        for name, v in toy.keras_tensors("backbone").items()
    }
    toy.h5("model.weights.h5", old)
    assert toy.load().unexpected == ()


def test_the_root_group_of_tensorflow_2_13_is_read(toy):
    toy.keras()
    old = {
        name.replace("layers/", "_layer_checkpoint_dependencies/"): value
        for name, value in toy.keras_tensors("backbone").items()
    }
    toy.h5("model.weights.h5", old)
    assert toy.load().unexpected == ()


def whole_task(toy):
    inside = toy.keras_tensors("backbone").items()
    return {f"layers/toy_backbone/{name}": value for name, value in inside}


@pytest.mark.parametrize("with_backbone", [False, True])
def test_a_task_file_may_hold_the_head_alone_or_the_backbone_too(toy, with_backbone):
    toy.keras()
    toy.json("task.json", toy.keras_object("ToyMaskedLM", {"backbone": {}, "preprocessor": None}))
    tensors = {
        **toy.keras_tensors("head"),
        "optimizer/vars/0": np.int32(3),
        "layers/dropout/seed_generator/vars/0": np.zeros(2, np.uint32),
        **(whole_task(toy) if with_backbone else {}),
    }
    toy.h5("task.weights.h5", tensors)
    contents = toy.read()
    assert contents.has_head
    assert contents.head_state == "unknown"
    assert toy.load("head").unexpected == ()
    assert toy.load().unexpected == ()


def test_the_first_task_presets_are_read(toy):
    """One config of the whole task in config.json, all weights in model.weights.h5."""
    backbone = toy.keras_object("ToyBackbone", toy.sizes, "keras_nlp")
    config = {"backbone": backbone, "num_classes": 2}
    toy.json("config.json", toy.keras_object("ToyClassifier", config, "keras_nlp"))
    toy.h5("model.weights.h5", {**whole_task(toy), "layers/dense/vars/0": np.zeros((6, 2))})
    contents = toy.read()
    assert contents.family is toy.family
    assert not contents.has_head and contents.head_state == "random"
    assert toy.load().unexpected == ()
    toy.h5("model.weights.h5", {**whole_task(toy), **toy.keras_tensors("head")})
    assert toy.read().head_state == "unknown"
    toy.load("head")


def test_a_classifiers_head_is_no_masked_lm_head(toy):
    toy.keras()
    toy.json("task.json", toy.keras_object("ToyTextClassifier", {"num_classes": 2}))
    toy.h5("task.weights.h5", {"layers/dense/vars/0": np.zeros((6, 2), np.float32)})
    assert toy.read().head_state == "random"


def test_a_backbone_preset_has_a_random_head(toy):
    toy.keras()
    contents = toy.read()
    assert not contents.has_head and contents.head_state == "random"
    with pytest.raises(PresetMissingError, match="no weights of the head"):
        contents.load("head", toy.targets("head"))


def test_sharded_weights_are_read(toy):
    toy.keras()
    (toy.directory / "model.weights.h5").unlink()
    tensors = list(toy.keras_tensors("backbone").items())
    toy.h5("model_00000.weights.h5", dict(tensors[:4]))
    toy.h5("model_00001.weights.h5", dict(tensors[4:]))
    places = {"/layers/a/vars": "model_00000.weights.h5"}
    places["/layers/b/vars"] = ["model_00000.weights.h5", "model_00001.weights.h5"]
    toy.json("model.weights.json", {"metadata": {"total_size": 1.0}, "weight_map": places})
    assert toy.load().unexpected == ()
    (toy.directory / "model_00001.weights.h5").unlink()
    with pytest.raises(PresetMissingError, match="model_00001"):
        toy.load()


@pytest.mark.parametrize("name", ["../other.weights.h5", "/etc/passwd", "..", "a\\b", "C:x"])
def test_a_shard_outside_of_the_preset_is_refused(toy, name):
    toy.keras()
    (toy.directory / "model.weights.h5").unlink()
    toy.json("model.weights.json", {"weight_map": {"/layers/a/vars": name}})
    with pytest.raises(PresetFormatError, match="no plain file name"):
        toy.load()


def test_half_precision_is_read(toy):
    toy.keras()
    toy.values = {k: v.astype(ml_dtypes.bfloat16).astype("f4") for k, v in toy.values.items()}
    with h5py.File(toy.directory / "model.weights.h5", "w") as file:
        for number, (name, value) in enumerate(toy.keras_tensors("backbone").items()):
            if number % 2:
                file[name] = value.astype(np.float16)
                assert (value.astype(np.float16).astype("f4") == value).all()
            else:
                file.create_dataset(name, data=value.astype(ml_dtypes.bfloat16).view("V2"))
                file[name].attrs["dtype"] = "bfloat16"
    toy.load()


def test_quantised_weights_are_refused(toy):
    toy.keras()
    tensors = toy.keras_tensors("backbone")
    tensors["layers/reversible_embedding/vars/0"] = np.ones((11, 6), np.int8)
    toy.h5("model.weights.h5", tensors)
    with pytest.raises(WeightsError, match="stored as int8"):
        toy.load()


def test_heads_that_contradict_the_config_are_refused(toy):
    toy.keras(config={**toy.sizes, "num_heads": 3})
    with pytest.raises(WeightsError, match=r"\(6, 2, 3\), wanted is \(6, 3, 2\)"):
        toy.load()


def test_tokenizer_and_preprocessor_arguments_are_found(toy):
    toy.keras()
    tokenizer = {
        "name": "t",
        "trainable": True,
        "dtype": "int32",
        "config_file": "tokenizer.json",
        "vocabulary": None,
        "lowercase": True,
    }
    tokenizer = toy.keras_object("ToyTokenizer", tokenizer)
    toy.json("tokenizer.json", {**tokenizer, "mlmzoo": {"format": 1, "tokenizer": {"extra": 3}}})
    config = {"name": "p", "tokenizer": tokenizer, "sequence_length": 16, "mask_token_rate": 0.7}
    toy.json("preprocessor.json", toy.keras_object("ToyMaskedLMPreprocessor", config))
    contents = toy.read()
    assert contents.tokenizer == {"lowercase": True, "extra": 3}
    assert contents.preprocessor == {"sequence_length": 16, "mask_token_rate": 0.7}
    toy.json("preprocessor.json", toy.keras_object("ToyTextClassifierPreprocessor", config))
    assert toy.read().preprocessor is None


def test_reading_the_config_fetches_no_weights(toy):
    toy.keras()
    toy.read()
    assert not [name for name in toy.files.asked if name.endswith(".h5")]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"num_heads": 4}, "multiple"),
        ({"hidden_dim": -6}, "whole number"),
        ({"hidden_dim": 6.0}, "whole number"),
        ({"hidden_dim": True}, "whole number"),
        ({"num_layers": 10**9}, "num_layers"),
        ({"num_layers": "2"}, "whole number"),
        ({"vocabulary_size": 2**40}, "whole number"),
        ({"dropout": 1.5}, "number from 0"),
        ({"dropout": None}, "number from 0"),
    ],
)
def test_a_contradictory_config_is_refused_before_anything_is_built(toy, changes, words):
    toy.keras(config={**toy.sizes, **changes})
    with pytest.raises(PresetFormatError, match=words):
        toy.load()


def test_an_argument_the_family_does_not_have_is_refused(toy):
    toy.keras(config={**toy.sizes, "rotary_base": 10000})
    with pytest.raises(UnsupportedSettingError, match="rotary_base"):
        toy.read()


def test_an_unknown_class_is_the_registrys_to_explain(toy):
    toy.json("config.json", toy.keras_object("OtherBackbone", {}))
    with pytest.raises(UnknownNameError):
        toy.read()


def test_a_preset_of_a_later_format_asks_for_an_update(toy):
    toy.keras(mlmzoo={"format": 2})
    with pytest.raises(PresetFormatError, match="Update mlmzoo"):
        toy.read()


@pytest.mark.parametrize(
    "text", ["", "[1]", "{", "[" * 100_000, '{"a": 1}', '{"registered_name": 3}', "\xff"]
)
def test_a_config_that_is_none_is_refused(toy, text):
    (toy.directory / "config.json").write_text(text, encoding="latin-1")
    with pytest.raises(PresetFormatError):
        toy.read()


def test_an_oversized_config_is_refused_unread(toy):
    with open(toy.directory / "config.json", "wb") as file:
        file.truncate(17 * 2**20)
    with pytest.raises(PresetFormatError, match="at most"):
        toy.read()


def test_a_missing_config_says_what_a_preset_is(toy):
    with pytest.raises(PresetMissingError, match=r"no config\.json"):
        toy.read()


@pytest.mark.parametrize(
    "own", [{"format": 1, "head_state": "good"}, {"format": 1, "head": 3}, {"head": {}}, 3]
)
def test_a_malformed_entry_of_our_own_is_refused(toy, own):
    toy.keras()
    toy.json("task.json", {**toy.keras_object("ToyMaskedLM", {}), "mlmzoo": own})
    with pytest.raises(PresetFormatError):
        toy.read()
