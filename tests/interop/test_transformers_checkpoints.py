"""Checkpoints that transformers writes compute here what they compute there, head included."""

import re
import warnings

import numpy as np
import pytest
from grids import GRID, LENGTH, ROWS, UNTIED

import mlmzoo
from mlmzoo.errors import PresetWarning, UnsupportedSettingError
from mlmzoo.plugins import registry
from mlmzoo.presets import weights

pytestmark = [
    pytest.mark.interop,
    # The other libraries' own.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning:(keras|keras_hub|transformers|torch).*"),
]

USUAL = GRID[1]


@pytest.fixture(scope="module")
def masked_lm(transformers, randomise_torch):
    """Makes a masked LM of transformers, every weight random."""

    def make(config):
        return randomise_torch(transformers.AutoModelForMaskedLM.from_config(config))

    return make


def load(directory):
    """The task of a checkpoint with a trained head, of which there is nothing to warn."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", PresetWarning)
        task = mlmzoo.MaskedLM.from_preset(directory, preprocessor=None)
    assert task.head_state == task.load_report.head_state == "trained"
    return task


@pytest.fixture(scope="module")
def assert_same_outputs(batch, ask_transformers, compare_real):
    """Hidden states and logits of a task are those of a model of transformers."""

    def check(task, model, length=LENGTH):
        inputs = batch(task.backbone, model.config.pad_token_id or 0, length)
        theirs = ask_transformers(model, inputs)
        logits = theirs.logits if "logits" in theirs else theirs.prediction_logits
        compare_real(task(inputs), logits.numpy(), inputs)
        hidden = task.backbone({name: inputs[name] for name in task.backbone.input})
        compare_real(hidden["sequence_output"], theirs.hidden_states[-1].numpy(), inputs)

    return check


@pytest.mark.parametrize(("family", "row"), ROWS, indirect=["family"], ids=str)
def test_outputs_equal_those_of_transformers(
    family, row, checkpoint, settings_of, config_of, masked_lm, assert_same_outputs, tmp_path
):
    model = masked_lm(config_of(row))
    model.save_pretrained(tmp_path)
    task = load(tmp_path)
    assert type(task) is registry().load(family.masked_lm)
    assert task.backbone.settings == settings_of(row)
    # Some models with a head have no pooler; all else was found.
    stored = set(model.state_dict())
    rows = weights.expand(checkpoint, task.backbone.settings, "backbone")
    lacking = [w for w in rows if w.transformers not in stored]
    assert all(w.optional for w in lacking)
    assert set(task.load_report.missing) == {w.ours for w in lacking}
    assert task.load_report.unexpected == ()
    assert_same_outputs(task, model, row.length)


def test_a_bare_encoder_comes_with_its_pooler_and_without_a_head(
    transformers,
    config_of,
    randomise_torch,
    batch,
    ask_transformers,
    compare,
    compare_real,
    tmp_path,
):
    model = randomise_torch(transformers.AutoModel.from_config(config_of(USUAL)))
    model.save_pretrained(tmp_path)
    backbone = mlmzoo.Backbone.from_preset(tmp_path)
    assert backbone.load_report.missing == backbone.load_report.unexpected == ()
    inputs = batch(backbone, model.config.pad_token_id or 0)
    theirs = ask_transformers(model, inputs)
    inputs.pop("mask_positions")
    found = backbone(inputs)
    compare_real(found["sequence_output"], theirs.last_hidden_state.numpy(), inputs)
    if "pooled_output" in found:
        compare(found["pooled_output"], theirs.pooler_output.numpy(), atol=1e-4)
    with pytest.warns(PresetWarning, match="no trained masked-LM head"):
        task = mlmzoo.MaskedLM.from_preset(tmp_path, preprocessor=None)
    assert task.head_state == "random"


@pytest.mark.parametrize("layout", ["keras", "transformers"])
def test_a_checkpoint_survives_our_round_trip(config_of, masked_lm, layout, tmp_path):
    masked_lm(config_of(GRID[11])).save_pretrained(tmp_path / "theirs")
    task = load(tmp_path / "theirs")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PresetWarning)  # of what KerasHub cannot express
        task.save_to_preset(tmp_path / "ours", layout=layout)
    twin = load(tmp_path / "ours")
    assert twin.backbone.settings == task.backbone.settings
    assert (twin.head_activation, twin.head_epsilon) == (task.head_activation, task.head_epsilon)
    for one, other in zip(twin.get_weights(), task.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


# What the files look like, of a family whose tables are plain and of one whose are not ------------


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
    old["bert.embeddings.position_ids"] = torch.arange(24)[None]
    torch.save(old, directory / "pytorch_model.bin")


def save_old_names_as_safetensors(model, directory):
    save_with_old_names(model, directory)
    import torch
    from safetensors.torch import save_file

    path = directory / "pytorch_model.bin"
    save_file({k: v.clone() for k, v in torch.load(path).items()}, directory / "model.safetensors")
    path.unlink()


FILES = [
    ("bert", save_in_shards),
    ("bert", save_as_bin),
    ("bert", save_with_old_names),
    ("bert", save_old_names_as_safetensors),
    ("roberta", save_in_shards),
    ("roberta", save_as_bin),
]


@pytest.mark.parametrize(("family", "save"), FILES, indirect=["family"])
def test_outputs_are_equal_whatever_the_files_look_like(
    config_of, masked_lm, assert_same_outputs, tmp_path, save
):
    model = masked_lm(config_of(GRID[0]))
    save(model, tmp_path)
    task = load(tmp_path)
    assert task.load_report.unexpected == ()
    assert_same_outputs(task, model)


# What a family cannot compute ---------------------------------------------------------------------


def another(value):
    """A value that the given one is not."""
    if isinstance(value, bool):
        return not value
    return value + 7 if isinstance(value, int | float) else "something_else"


def test_settings_that_a_family_cannot_represent_are_refused_by_name(
    checkpoint, config_of, entries_of, rewrite, tmp_path
):
    entries = entries_of(USUAL)
    refused = {
        row.transformers: another(entries[row.same_as] if row.same_as else row.values[0])
        for row in checkpoint.requires
    }
    for setting in (*checkpoint.settings, *checkpoint.head_settings):
        if setting.values:
            refused[setting.transformers] = "gelu_10"
    assert refused
    for name, value in refused.items():
        config_of(USUAL).save_pretrained(tmp_path)
        rewrite(tmp_path, **{name: value})
        for read in (mlmzoo.MaskedLM.from_preset, mlmzoo.Backbone.from_preset):
            with pytest.raises(UnsupportedSettingError, match=f"{name}.*{value}"):
                read(tmp_path)


def test_absent_settings_that_would_mean_what_a_family_cannot_represent_are_refused(
    checkpoint, config_of, rewrite, tmp_path
):
    for row in checkpoint.requires:
        if row.default is not ... and row.default not in row.values and not row.same_as:
            config_of(USUAL).save_pretrained(tmp_path)
            rewrite(tmp_path, **{row.transformers: None})
            with pytest.raises(UnsupportedSettingError, match=f"does not set.*{row.transformers}"):
                mlmzoo.Backbone.from_preset(tmp_path)


def test_an_untied_decoder_is_refused_and_its_backbone_loads(
    family,
    checkpoint,
    config_of,
    masked_lm,
    batch,
    ask_transformers,
    compare_real,
    tmp_path,
):
    changes = {"tie_word_embeddings": False, **UNTIED.get(family.name, {})}
    model = masked_lm(config_of(USUAL, **changes))
    model.save_pretrained(tmp_path)
    decoder = next(key for key in checkpoint.tied if key.endswith("weight"))
    assert decoder in model.state_dict()
    with pytest.raises(UnsupportedSettingError, match=re.escape(decoder)):
        mlmzoo.MaskedLM.from_preset(tmp_path, preprocessor=None)
    backbone = mlmzoo.Backbone.from_preset(tmp_path)
    inputs = batch(backbone, model.config.pad_token_id or 0)
    wanted = ask_transformers(model, inputs).hidden_states[-1]
    inputs.pop("mask_positions")
    compare_real(backbone(inputs)["sequence_output"], wanted.numpy(), inputs)
