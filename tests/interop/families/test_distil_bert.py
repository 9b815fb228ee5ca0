"""DistilBERT computes what transformers and KerasHub compute."""

import json

import pytest

import mlmzoo
from mlmzoo.errors import PresetWarning, UnsupportedSettingError
from mlmzoo.models import DistilBertBackbone, DistilBertMaskedLM

pytestmark = [
    pytest.mark.interop,
    # The other libraries' own.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning:(keras|keras_hub|transformers|torch).*"),
]

# Activation, layers, heads, width, inside, sinusoidal positions.
GRID = [
    ("gelu", 1, 2, 32, 64, False),
    ("gelu_new", 3, 12, 48, 24, True),
    ("relu", 2, 1, 16, 40, False),
    ("silu", 2, 4, 24, 96, True),
    ("tanh", 2, 8, 32, 32, False),
]


@pytest.fixture
def config(transformers):
    def make(row=GRID[0], **changes):
        activation, layers, heads, width, inside, sinusoidal = row
        settings = {
            "activation": activation,
            "n_layers": layers,
            "n_heads": heads,
            "dim": width,
            "hidden_dim": inside,
            "sinusoidal_pos_embds": sinusoidal,
            "vocab_size": 97,
            "max_position_embeddings": 24,
        }
        return transformers.DistilBertConfig(**settings | changes)

    return make


@pytest.mark.parametrize("row", GRID, ids=str)
def test_outputs_equal_those_of_transformers(
    transformers, config, randomise_torch, assert_same_here, batch, row
):
    model = transformers.DistilBertForMaskedLM(config(row))
    task = assert_same_here(randomise_torch(model), batch(97))
    assert isinstance(task, DistilBertMaskedLM)
    assert task.backbone.layer_norm_epsilon == task.head_epsilon == 1e-12


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("activation", "gelu_10"),
        # transformers takes these for n_layers, n_heads and dim.
        ("num_hidden_layers", 7),
        ("num_attention_heads", 1),
        ("hidden_size", 64),
    ],
)
def test_a_setting_that_is_not_supported_is_refused_by_name(config, tmp_path, setting, value):
    settings = {**config().to_dict(), setting: value}
    (tmp_path / "config.json").write_text(json.dumps(settings))
    with pytest.raises(UnsupportedSettingError, match=f"{setting}.*{value}"):
        mlmzoo.Backbone.from_preset(tmp_path)


def test_an_untied_decoder_is_refused(transformers, config, randomise_torch, tmp_path):
    config = config(tie_word_embeddings=False)
    randomise_torch(transformers.DistilBertForMaskedLM(config)).save_pretrained(tmp_path)
    with pytest.raises(UnsupportedSettingError, match=r"vocab_projector\.weight"):
        mlmzoo.MaskedLM.from_preset(tmp_path, preprocessor=None)


def test_an_epsilon_that_transformers_does_not_have_is_named_and_kept(
    transformers, randomise, ask_transformers, compare, batch, tmp_path
):
    backbone = DistilBertBackbone(**SIZES, layer_norm_epsilon=1e-3)
    ours = DistilBertMaskedLM(backbone, head_state="trained")
    ours = randomise(ours)
    with pytest.warns(PresetWarning) as caught:
        ours.save_to_preset(tmp_path, layout="transformers")
    (message,) = [str(w.message) for w in caught if "transformers" in str(w.message)]
    assert "backbone layer_norm_epsilon is 0.001 here and 1e-12 there" in message
    assert "head epsilon is 0.001 here and 1e-12 there" in message
    inputs = batch(97)
    theirs = transformers.AutoModelForMaskedLM.from_pretrained(tmp_path).eval()
    logits = ask_transformers(theirs, inputs).logits.numpy()
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        compare(ours(inputs), logits, atol=1e-4)
    again = mlmzoo.MaskedLM.from_preset(tmp_path, preprocessor=None)
    compare(again(inputs), ours(inputs), atol=1e-5)


# KerasHub -----------------------------------------------------------------------------------------

SIZES = {
    "vocabulary_size": 97,
    "num_layers": 2,
    "num_heads": 4,
    "hidden_dim": 32,
    "intermediate_dim": 64,
    "max_sequence_length": 24,
}


@pytest.mark.parametrize("quiet", [False, True])
def test_presets_of_kerashub_compute_the_same_and_travel_back(
    keras_hub, randomise, quieten, assert_kerashub_is_same_here, batch, quiet
):
    theirs = keras_hub.models.DistilBertMaskedLM(keras_hub.models.DistilBertBackbone(**SIZES))
    theirs = randomise(theirs)
    assert_kerashub_is_same_here(quieten(theirs) if quiet else theirs, batch(97))


def test_what_kerashub_cannot_express_is_named(
    randomise, quieten, assert_difference_is_named, batch
):
    """As a checkpoint of transformers has it: all but the head's epsilon is the same."""
    ours = DistilBertMaskedLM(DistilBertBackbone(**SIZES))
    assert_difference_is_named(
        quieten(randomise(ours)), batch(97), ("head epsilon is 1e-12 here and 1e-05 there",), 5
    )
