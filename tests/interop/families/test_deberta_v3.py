"""DeBERTaV3 computes what transformers and KerasHub compute, whatever its buckets and lengths; its
discriminators have no head, its generators have."""

import json
import warnings

import pytest
from keras.ops import convert_to_numpy as numpy

import mlmzoo
from mlmzoo.errors import MlmzooError, PresetWarning, RandomHeadError, UnsupportedSettingError
from mlmzoo.models import DebertaV3Backbone, DebertaV3MaskedLM

pytestmark = [
    pytest.mark.interop,
    # The other libraries' own.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning:(keras|keras_hub|transformers|torch).*"),
]

VOCABULARY = 97

# Heads, width, buckets, most positions, length, activation, epsilon. Lengths are shorter than the
# linear half of the buckets, just beyond it, and beyond the positions it was made for.
GRID = [
    (1, 16, 4, 12, 11, "gelu", 1e-7),
    (2, 32, 4, 12, 30, "gelu_new", 1e-5),
    (4, 32, 8, 16, 17, "relu", 0.1),
    (12, 48, 8, 64, 40, "silu", 1e-7),
    (3, 24, 32, 20, 19, "gelu", 1e-12),
    (2, 16, 32, 20, 45, "gelu", 1e-7),
    (2, 32, 256, 512, 20, "tanh", 1e-7),
    (1, 8, 6, 25, 60, "gelu", 1e-7),
]


@pytest.fixture
def config(transformers):
    def make(row=GRID[1], **changes):
        heads, width, buckets, positions, _, activation, epsilon = row
        settings = {
            "vocab_size": VOCABULARY,
            "num_hidden_layers": 2,
            "num_attention_heads": heads,
            "hidden_size": width,
            "intermediate_size": 2 * width,
            "hidden_act": activation,
            "layer_norm_eps": epsilon,
            "max_position_embeddings": positions,
            "position_buckets": buckets,
            "relative_attention": True,
            "share_att_key": True,
            "norm_rel_ebd": "layer_norm",
            "pos_att_type": "p2c|c2p",
            "position_biased_input": False,
        }
        return transformers.DebertaV2Config(**settings | changes)

    return make


@pytest.fixture
def masked_lm(transformers, config, randomise_torch):
    def make(row=GRID[1], **changes):
        return randomise_torch(transformers.DebertaV2ForMaskedLM(config(row, **changes)))

    return make


@pytest.fixture
def assert_same_outputs(ask_transformers, compare, batch):
    """Hidden states and logits at real tokens: transformers has its own idea of padding."""

    def check(task, model, length=30):
        inputs = batch(VOCABULARY, length=length)
        real = inputs["padding_mask"].astype(bool)
        assert not real.all()
        theirs = ask_transformers(model, inputs)
        compare(numpy(task(inputs))[real], theirs.logits.numpy()[real], atol=1e-4)
        wanted = ask_transformers(model.base_model, inputs).last_hidden_state.numpy()
        inputs.pop("mask_positions")
        found = numpy(task.backbone(inputs)["sequence_output"])
        compare(found[real], wanted[real], atol=1e-4)

    return check


def load(directory):
    """The task of a checkpoint with a trained head, of which there is nothing to warn."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", PresetWarning)
        task = mlmzoo.MaskedLM.from_preset(directory, preprocessor=None)
    assert isinstance(task, DebertaV3MaskedLM) and task.head_state == "trained"
    assert task.load_report.missing == task.load_report.unexpected == ()
    return task


def save(model, directory, form="safetensors", name="pytorch_model.bin", more=()):
    import torch

    if form == "safetensors":
        model.save_pretrained(directory)
    else:
        model.config.save_pretrained(directory)
        torch.save({**model.state_dict(), **dict(more)}, directory / name)


# Outputs ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", GRID, ids=str)
def test_outputs_equal_those_of_transformers(masked_lm, assert_same_outputs, tmp_path, row):
    model = masked_lm(row)
    model.save_pretrained(tmp_path)
    assert_same_outputs(load(tmp_path), model, length=row[4])


@pytest.mark.parametrize("legacy", [True, False])
@pytest.mark.parametrize("form", ["safetensors", "bin"])
def test_both_heads_of_transformers_are_the_same_head_here(
    masked_lm, assert_same_outputs, tmp_path, legacy, form
):
    model = masked_lm(legacy=legacy)
    stored = set(model.state_dict())
    assert ("cls.predictions.bias" in stored) is legacy
    assert ("lm_predictions.lm_head.bias" in stored) is not legacy
    save(model, tmp_path, form)
    assert_same_outputs(load(tmp_path), model)


@pytest.mark.parametrize("legacy", [True, False])
def test_transformers_reads_what_we_write_with_its_head(
    transformers, masked_lm, assert_same_outputs, tmp_path, legacy
):
    masked_lm(legacy=legacy).save_pretrained(tmp_path / "theirs")
    task = load(tmp_path / "theirs")
    task.save_to_preset(tmp_path / "ours", layout="transformers")
    for kind in (transformers.DebertaV2ForMaskedLM, transformers.AutoModelForMaskedLM):
        model, report = kind.from_pretrained(tmp_path / "ours", output_loading_info=True)
        assert not report["missing_keys"] and not report["unexpected_keys"]
        assert_same_outputs(task, model.eval())


@pytest.mark.parametrize("spelling", ["p2c|c2p", "c2p|p2c", ["p2c", "c2p"], ["c2p", "p2c"]])
def test_the_two_kinds_of_position_scores_are_read_in_any_order(masked_lm, tmp_path, spelling):
    save(masked_lm(), tmp_path)
    rewrite(tmp_path, pos_att_type=spelling)
    load(tmp_path)


# Discriminators and generators --------------------------------------------------------------------


def of_a_discriminator(model):
    """What Microsoft's checkpoints hold besides: another head, and two tensors of no use."""
    import torch

    width = model.config.hidden_size
    return {
        "mask_predictions.dense.weight": torch.ones(width, width),
        "mask_predictions.dense.bias": torch.ones(width),
        "mask_predictions.LayerNorm.weight": torch.ones(width),
        "mask_predictions.LayerNorm.bias": torch.ones(width),
        "mask_predictions.classifier.weight": torch.ones(1, width),
        "mask_predictions.classifier.bias": torch.ones(1),
        "deberta.embeddings.position_embeddings.weight": torch.ones(12, width),
        "deberta.embeddings.word_embeddings._weight": torch.ones(VOCABULARY, width),
    }


def test_a_discriminator_has_no_head_for_masks(
    masked_lm, ask_transformers, compare, batch, tmp_path
):
    model = masked_lm(legacy=False)
    save(model, tmp_path, "bin", more=of_a_discriminator(model))
    with pytest.warns(PresetWarning, match=r"no trained masked-LM head"):
        task = mlmzoo.MaskedLM.from_preset(tmp_path, preprocessor=None)
    assert task.head_state == "random"
    assert any("mask_predictions" in note for note in task.load_report.notes)
    with pytest.raises(RandomHeadError):
        task.fill_mask("[MASK]")
    inputs = batch(VOCABULARY, length=20)
    real = inputs["padding_mask"].astype(bool)
    wanted = ask_transformers(model.base_model, inputs).last_hidden_state.numpy()
    inputs.pop("mask_positions")
    backbone = DebertaV3Backbone.from_preset(tmp_path)
    assert backbone.load_report.unexpected == ()
    for each in (task.backbone, backbone):
        compare(numpy(each(inputs)["sequence_output"])[real], wanted[real], atol=1e-4)


def test_a_generator_comes_with_its_head(masked_lm, assert_same_outputs, tmp_path):
    model = masked_lm(legacy=False)
    save(model, tmp_path, "bin", name="pytorch_model.generator.bin")
    assert_same_outputs(load(tmp_path), model)


# What this family cannot compute ------------------------------------------------------------------


def rewrite(directory, **changes):
    """Changes entries of a config; ``None`` takes one out."""
    path = directory / "config.json"
    entries = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({k: v for k, v in entries.items() if v is not None}))


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("relative_attention", False),
        ("relative_attention", None),
        ("share_att_key", False),
        ("share_att_key", None),
        ("norm_rel_ebd", "none"),
        ("norm_rel_ebd", None),
        ("pos_att_type", "c2p"),
        ("pos_att_type", ["p2c"]),
        ("pos_att_type", []),
        ("pos_att_type", None),
        ("position_biased_input", True),
        ("position_biased_input", None),
        ("position_buckets", -1),
        ("position_buckets", None),
        ("max_relative_positions", 5),
        ("type_vocab_size", 2),
        ("conv_kernel_size", 3),
        ("embedding_size", 5),
    ],
)
def test_settings_of_older_debertas_are_refused_by_name(masked_lm, tmp_path, setting, value):
    """``None`` is no entry at all, which has a meaning of its own in transformers."""
    save(masked_lm(), tmp_path)
    rewrite(tmp_path, **{setting: value})
    for read in (mlmzoo.MaskedLM.from_preset, mlmzoo.Backbone.from_preset):
        with pytest.raises(MlmzooError, match=setting):
            read(tmp_path)


def test_the_same_number_said_twice_is_no_setting_of_its_own(masked_lm, tmp_path):
    model = masked_lm()
    save(model, tmp_path)
    rewrite(
        tmp_path,
        max_relative_positions=model.config.max_position_embeddings,
        embedding_size=model.config.hidden_size,
        conv_kernel_size=0,
        attention_head_size=model.config.hidden_size // model.config.num_attention_heads,
    )
    load(tmp_path)


def test_heads_of_another_width_do_not_fit(transformers, config, tmp_path):
    transformers.DebertaV2Model(config(attention_head_size=4)).save_pretrained(tmp_path)
    with pytest.raises(MlmzooError, match=r"query_proj\.weight"):
        DebertaV3Backbone.from_preset(tmp_path)


def test_an_untied_decoder_is_refused_and_its_backbone_loads(masked_lm, tmp_path):
    model = masked_lm(tie_word_embeddings=False)
    save(model, tmp_path)
    with pytest.raises(UnsupportedSettingError, match=r"cls\.predictions\.decoder\.weight"):
        mlmzoo.MaskedLM.from_preset(tmp_path, preprocessor=None)
    DebertaV3Backbone.from_preset(tmp_path)


# KerasHub -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("buckets", "positions", "length"), [(4, 20, 30), (8, 64, 40), (32, 20, 45)]
)
@pytest.mark.parametrize("quiet", [False, True])
def test_presets_of_kerashub_compute_the_same_and_travel_back(
    keras_hub,
    randomise,
    quieten,
    assert_kerashub_is_same_here,
    batch,
    buckets,
    positions,
    length,
    quiet,
):
    backbone = keras_hub.models.DebertaV3Backbone(
        vocabulary_size=VOCABULARY,
        num_layers=2,
        num_heads=4,
        hidden_dim=32,
        intermediate_dim=64,
        max_sequence_length=positions,
        bucket_size=buckets,
    )
    theirs = randomise(keras_hub.models.DebertaV3MaskedLM(backbone))
    if quiet:
        quieten(theirs)
    assert_kerashub_is_same_here(theirs, batch(VOCABULARY, length=length))
