"""Checkpoints that transformers writes compute here what they compute there, head included."""

import json
import warnings

import numpy as np
import pytest

import mlmzoo
from mlmzoo.errors import PresetWarning, UnsupportedSettingError
from mlmzoo.models import BertBackbone

pytestmark = [
    pytest.mark.interop,
    # The other libraries' own.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning:(keras|keras_hub|transformers|torch).*"),
]

# Activation, epsilon, heads, width, width inside, layers, segments, vocabulary. Every activation
# meets every epsilon. An epsilon of 0.1 is as large as the variances, so that each normalisation
# shows where it takes its own from.
GRID = [
    ("gelu", 1e-12, 2, 32, 64, 3, 2, 60),
    ("gelu", 1e-5, 12, 48, 24, 1, 3, 611),
    ("gelu", 0.1, 1, 16, 40, 2, 1, 97),
    ("gelu_new", 1e-12, 4, 32, 128, 2, 1, 128),
    ("gelu_new", 1e-5, 1, 24, 24, 2, 2, 61),
    ("gelu_new", 0.1, 8, 32, 64, 1, 3, 60),
    ("relu", 1e-12, 3, 48, 64, 2, 3, 97),
    ("relu", 1e-5, 2, 16, 80, 3, 1, 60),
    ("relu", 0.1, 4, 32, 32, 2, 2, 128),
    ("silu", 1e-12, 8, 64, 32, 1, 2, 611),
    ("silu", 1e-5, 4, 24, 96, 2, 1, 61),
    ("silu", 0.1, 2, 32, 64, 3, 3, 60),
]
LENGTH = 20


def bert_config(transformers, row=GRID[0], **changes):
    activation, epsilon, heads, width, inside, layers, segments, vocabulary = row
    settings = {
        "hidden_act": activation,
        "layer_norm_eps": epsilon,
        "num_attention_heads": heads,
        "hidden_size": width,
        "intermediate_size": inside,
        "num_hidden_layers": layers,
        "type_vocab_size": segments,
        "vocab_size": vocabulary,
        "max_position_embeddings": LENGTH + 4,
    }
    return transformers.BertConfig(**settings | changes)


def randomised(model):
    """Every weight random, biases and normalisations too; a zero would hide a mistake."""
    import torch

    torch.manual_seed(3)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            weight.normal_(std=0.25)
            if name.endswith("LayerNorm.weight"):
                weight.add_(1)
    return model.eval()


def batch(config, rows=4):
    """Random rows of unequal length, with a mask at every position: logits everywhere."""
    rng = np.random.default_rng(1)
    lengths = np.array([LENGTH, LENGTH // 2, 3, LENGTH - 1])[:rows, None]
    return {
        "token_ids": rng.integers(0, config.vocab_size, (rows, LENGTH), "int32"),
        "segment_ids": rng.integers(0, config.type_vocab_size, (rows, LENGTH), "int32"),
        "padding_mask": (np.arange(LENGTH) < lengths).astype("int32"),
        "mask_positions": np.tile(np.arange(LENGTH, dtype="int32"), (rows, 1)),
    }


def outputs_of_transformers(model, inputs):
    import torch

    with torch.no_grad():
        return model(
            input_ids=torch.tensor(inputs["token_ids"]).long(),
            attention_mask=torch.tensor(inputs["padding_mask"]).long(),
            token_type_ids=torch.tensor(inputs["segment_ids"]).long(),
        )


def assert_equal_logits(compare, directory, model):
    """Loading gives a trained head, no warning, and transformers' logits at every position."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", PresetWarning)
        task = mlmzoo.MaskedLM.from_preset(directory, preprocessor=None)
    assert task.head_state == "trained"
    inputs = batch(model.config)
    theirs = outputs_of_transformers(model, inputs)
    wanted = theirs.logits if "logits" in theirs else theirs.prediction_logits
    compare(task(inputs), wanted.numpy(), atol=1e-4)
    return task


@pytest.mark.parametrize("row", GRID, ids=str)
def test_logits_equal_those_of_transformers(transformers, compare, tmp_path, row):
    model = randomised(transformers.BertForMaskedLM(bert_config(transformers, row)))
    model.save_pretrained(tmp_path)
    task = assert_equal_logits(compare, tmp_path, model)
    # BertForMaskedLM has no pooler; all else was found.
    assert task.load_report.missing == ("pooled_dense/kernel", "pooled_dense/bias")
    assert task.load_report.unexpected == ()


def test_a_checkpoint_of_pretraining_comes_with_its_pooler(transformers, compare, tmp_path):
    model = randomised(transformers.BertForPreTraining(bert_config(transformers, GRID[4])))
    model.save_pretrained(tmp_path)
    task = assert_equal_logits(compare, tmp_path, model)
    assert task.load_report.missing == task.load_report.unexpected == ()
    inputs = batch(model.config)
    pooled = outputs_of_transformers(model.bert, inputs).pooler_output
    inputs.pop("mask_positions")
    compare(task.backbone(inputs)["pooled_output"], pooled.numpy(), atol=1e-4)


def save_in_shards(model, directory):
    model.save_pretrained(directory, max_shard_size="20KB")
    assert len(list(directory.glob("model-*.safetensors"))) > 2


def save_as_bin(model, directory):
    import torch

    model.config.save_pretrained(directory)
    torch.save(model.state_dict(), directory / "pytorch_model.bin")


def save_with_old_names(model, directory):
    """As conversions of TensorFlow 1 checkpoints were: other names, copies and a buffer."""
    import torch

    model.config.save_pretrained(directory)
    old = {
        name.replace("LayerNorm.weight", "LayerNorm.gamma").replace(
            "LayerNorm.bias", "LayerNorm.beta"
        ): value
        for name, value in model.state_dict().items()
    }
    assert sum(name.endswith("gamma") for name in old) == 8
    assert "cls.predictions.decoder.weight" in old
    old["bert.embeddings.position_ids"] = torch.arange(LENGTH + 4)[None]
    torch.save(old, directory / "pytorch_model.bin")


def save_old_names_as_safetensors(model, directory):
    save_with_old_names(model, directory)
    import torch
    from safetensors.torch import save_file

    path = directory / "pytorch_model.bin"
    save_file({k: v.clone() for k, v in torch.load(path).items()}, directory / "model.safetensors")
    path.unlink()


@pytest.mark.parametrize(
    "save", [save_in_shards, save_as_bin, save_with_old_names, save_old_names_as_safetensors]
)
def test_logits_are_equal_whatever_the_files_look_like(transformers, compare, tmp_path, save):
    model = randomised(transformers.BertForMaskedLM(bert_config(transformers, GRID[-1])))
    save(model, tmp_path)
    task = assert_equal_logits(compare, tmp_path, model)
    assert task.load_report.unexpected == ()


# What this family cannot compute ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("position_embedding_type", "relative_key"),
        ("is_decoder", True),
        ("add_cross_attention", True),
        ("hidden_act", "gelu_10"),
    ],
)
def test_a_setting_of_transformers_that_is_not_supported_is_refused_by_name(
    transformers, tmp_path, setting, value
):
    model = transformers.BertForMaskedLM(bert_config(transformers, hidden_act="gelu"))
    model.save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, setting: value}))
    for load in (mlmzoo.MaskedLM.from_preset, mlmzoo.Backbone.from_preset):
        with pytest.raises(UnsupportedSettingError, match=f"{setting}.*{value}"):
            load(tmp_path)


def test_an_untied_decoder_is_refused_and_its_backbone_loads(transformers, compare, tmp_path):
    config = bert_config(transformers, tie_word_embeddings=False)
    model = randomised(transformers.BertForMaskedLM(config))
    model.save_pretrained(tmp_path)
    with pytest.raises(UnsupportedSettingError, match=r"cls\.predictions\.decoder\.weight"):
        mlmzoo.MaskedLM.from_preset(tmp_path, preprocessor=None)
    inputs = batch(config)
    wanted = outputs_of_transformers(model.bert, inputs).last_hidden_state
    inputs.pop("mask_positions")
    backbone = BertBackbone.from_preset(tmp_path)
    compare(backbone(inputs)["sequence_output"], wanted.numpy(), atol=1e-4)
