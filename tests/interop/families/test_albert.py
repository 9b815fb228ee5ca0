"""ALBERT computes what transformers and KerasHub compute, however its layers share weights."""

import json

import pytest

import mlmzoo
from mlmzoo.errors import PresetFormatError, UnsupportedSettingError
from mlmzoo.models import AlbertBackbone, AlbertMaskedLM

pytestmark = [
    pytest.mark.interop,
    # The other libraries' own.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning:(keras|keras_hub|transformers|torch).*"),
]

POOLER = ("pooled_dense/kernel", "pooled_dense/bias")

# Layers, groups, inner layers, embedding, activation, epsilon, heads, width, inside, segments.
# An epsilon of 0.1 is as large as the variances, so that each normalisation shows its own.
GRID = [
    (1, 1, 1, 8, "gelu_new", 1e-12, 2, 32, 64, 2),
    (4, 1, 1, 32, "gelu", 1e-5, 4, 32, 48, 2),
    (4, 2, 1, 12, "gelu_new", 0.1, 8, 32, 64, 1),
    (6, 3, 1, 48, "relu", 1e-12, 1, 24, 40, 3),
    (3, 3, 2, 16, "silu", 1e-5, 3, 48, 24, 2),
    (2, 1, 3, 20, "gelu", 0.1, 2, 16, 64, 2),
    (4, 2, 2, 8, "tanh", 1e-12, 4, 32, 32, 1),
]


@pytest.fixture
def config(transformers):
    def make(row=GRID[4], **changes):
        layers, groups, inner, embedding, activation, epsilon, heads, width, inside, segments = row
        settings = {
            "num_hidden_layers": layers,
            "num_hidden_groups": groups,
            "inner_group_num": inner,
            "embedding_size": embedding,
            "hidden_act": activation,
            "layer_norm_eps": epsilon,
            "num_attention_heads": heads,
            "hidden_size": width,
            "intermediate_size": inside,
            "type_vocab_size": segments,
            "vocab_size": 97,
            "max_position_embeddings": 24,
        }
        return transformers.AlbertConfig(**settings | changes)

    return make


@pytest.mark.parametrize("row", GRID, ids=str)
def test_outputs_equal_those_of_transformers(
    transformers, config, randomise_torch, assert_same_here, batch, row
):
    config = config(row)
    model = randomise_torch(transformers.AlbertForPreTraining(config))
    task = assert_same_here(model, batch(97, config.type_vocab_size))
    assert isinstance(task, AlbertMaskedLM)
    assert task.backbone.num_groups == row[1]


def test_a_masked_lm_of_transformers_comes_without_a_pooler(
    transformers, config, randomise_torch, assert_same_here, batch
):
    model = randomise_torch(transformers.AlbertForMaskedLM(config()))
    assert_same_here(model, batch(97, 2), missing=POOLER)


@pytest.mark.parametrize(
    ("setting", "value"), [("position_embedding_type", "relative_key"), ("hidden_act", "gelu_10")]
)
def test_a_setting_that_is_not_supported_is_refused_by_name(config, tmp_path, setting, value):
    write(tmp_path, config(), {setting: value})
    with pytest.raises(UnsupportedSettingError, match=f"{setting}.*{value}"):
        mlmzoo.Backbone.from_preset(tmp_path)


def test_layers_that_cannot_be_shared_out_evenly_are_refused(config, tmp_path):
    write(tmp_path, config(), {"num_hidden_layers": 5, "num_hidden_groups": 2})
    with pytest.raises(PresetFormatError, match="'num_layers' must be a multiple of 'num_groups'"):
        mlmzoo.Backbone.from_preset(tmp_path)


def write(directory, config, changes):
    (directory / "config.json").write_text(json.dumps({**config.to_dict(), **changes}))


# KerasHub -----------------------------------------------------------------------------------------

SIZES = {
    "vocabulary_size": 97,
    "num_layers": 4,
    "num_groups": 2,
    "num_inner_repetitions": 2,
    "num_heads": 4,
    "embedding_dim": 12,
    "hidden_dim": 32,
    "intermediate_dim": 64,
    "max_sequence_length": 24,
}


@pytest.mark.parametrize("quiet", [False, True])
def test_presets_of_kerashub_compute_the_same_and_travel_back(
    keras_hub, randomise, quieten, assert_kerashub_is_same_here, batch, quiet
):
    theirs = keras_hub.models.AlbertMaskedLM(keras_hub.models.AlbertBackbone(**SIZES))
    theirs = randomise(theirs)
    assert_kerashub_is_same_here(quieten(theirs) if quiet else theirs, batch(97, 2))


def test_what_kerashub_cannot_express_is_named(randomise, assert_difference_is_named, batch):
    ours = AlbertMaskedLM(AlbertBackbone(**SIZES, activation="gelu", layer_norm_epsilon=1e-3))
    assert_difference_is_named(
        randomise(ours),
        batch(97, 2),
        (
            "backbone activation is 'gelu' here and 'gelu_tanh' there",
            "backbone layer_norm_epsilon is 0.001 here and 1e-12 there",
            "head activation is 'gelu' here and 'gelu_tanh' there",
            "head epsilon is 0.001 here and 1e-05 there",
        ),
    )
