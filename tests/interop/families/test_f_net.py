"""FNet computes what transformers and KerasHub compute, at every length."""

import pytest

from mlmzoo.models import FNetBackbone, FNetMaskedLM

pytestmark = [
    pytest.mark.interop,
    # The other libraries' own.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning:(keras|keras_hub|transformers|torch).*"),
]

POOLER = ("pooled_dense/kernel", "pooled_dense/bias")

# Activation, epsilon, layers, width, inside, segments, length. Widths and lengths are powers of
# two, even, odd, prime, and as short as can be.
GRID = [
    ("gelu_new", 1e-12, 1, 32, 64, 4, 16),
    ("gelu", 1e-5, 2, 24, 48, 2, 20),
    ("gelu_new", 0.1, 2, 31, 40, 1, 17),
    ("relu", 1e-12, 2, 15, 40, 3, 31),
    ("silu", 1e-5, 1, 48, 24, 2, 5),
    ("tanh", 0.1, 2, 16, 32, 4, 3),
]


def fnet_config(transformers, row=GRID[0], **changes):
    activation, epsilon, layers, width, inside, segments, length = row
    settings = {
        "hidden_act": activation,
        "layer_norm_eps": epsilon,
        "num_hidden_layers": layers,
        "hidden_size": width,
        "intermediate_size": inside,
        "type_vocab_size": segments,
        "vocab_size": 97,
        "max_position_embeddings": length + 4,
    }
    return transformers.FNetConfig(**settings | changes)


@pytest.mark.parametrize("row", GRID, ids=str)
def test_outputs_equal_those_of_transformers(
    transformers, randomise_torch, assert_same_here, batch, row
):
    model = randomise_torch(transformers.FNetForPreTraining(fnet_config(transformers, row)))
    task = assert_same_here(model, batch(97, row[5], length=row[6], masked=False))
    assert isinstance(task, FNetMaskedLM)


def test_a_masked_lm_of_transformers_has_a_pooler(
    transformers, randomise_torch, assert_same_here, batch
):
    model = randomise_torch(transformers.FNetForMaskedLM(fnet_config(transformers)))
    assert_same_here(model, batch(97, 4, masked=False))


def test_a_checkpoint_for_tpus_is_the_same_model(
    transformers, randomise_torch, assert_same_here, batch
):
    config = fnet_config(transformers, use_tpu_fourier_optimizations=True, tpu_short_seq_length=16)
    model = randomise_torch(transformers.FNetForPreTraining(config))
    assert_same_here(model, batch(97, 4, length=16, masked=False))


# KerasHub -----------------------------------------------------------------------------------------

SIZES = {
    "vocabulary_size": 97,
    "num_layers": 2,
    "hidden_dim": 32,
    "intermediate_dim": 64,
    "max_sequence_length": 24,
}


@pytest.mark.parametrize("quiet", [False, True])
def test_presets_of_kerashub_compute_the_same_and_travel_back(
    keras_hub, randomise, quieten, assert_kerashub_is_same_here, batch, quiet
):
    theirs = keras_hub.models.FNetMaskedLM(keras_hub.models.FNetBackbone(**SIZES))
    theirs = randomise(theirs)
    assert_kerashub_is_same_here(quieten(theirs) if quiet else theirs, batch(97, 4, masked=False))


def test_what_kerashub_cannot_express_is_named(randomise, assert_difference_is_named, batch):
    """As a checkpoint of transformers has it: the head uses the encoder's activation."""
    ours = FNetMaskedLM(FNetBackbone(**SIZES))
    assert_difference_is_named(
        randomise(ours),
        batch(97, 4, masked=False),
        (
            "head activation is 'gelu_tanh' here and 'gelu' there",
            "head epsilon is 1e-12 here and 1e-05 there",
        ),
    )
