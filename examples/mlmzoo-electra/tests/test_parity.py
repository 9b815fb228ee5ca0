"""The same logits as transformers' ElectraForMaskedLM, whichever of the two wrote the weights."""

import keras
import numpy as np
import pytest

import mlmzoo
from mlmzoo_electra.backbone import ElectraBackbone
from mlmzoo_electra.masked_lm import ElectraMaskedLM

pytestmark = pytest.mark.interop

LENGTH = 20
# Width of the embeddings, width of the encoder, activation there and here.
SHAPES = pytest.mark.parametrize(
    ("embedding_dim", "hidden_dim", "activation", "ours"),
    [
        (24, 16, "gelu", "gelu"),
        (8, 32, "gelu_new", "gelu_tanh"),
        (16, 16, "relu", "relu"),
    ],
)


@pytest.fixture(scope="module")
def transformers():
    return pytest.importorskip("transformers")


@pytest.fixture(scope="module")
def inputs():
    rng = np.random.default_rng(1)
    lengths = np.array([LENGTH, LENGTH // 2, 3])[:, None]
    shape = (len(lengths), LENGTH)
    return {
        "token_ids": rng.integers(1, 97, shape, "int32"),
        "segment_ids": rng.integers(0, 2, shape, "int32"),
        "padding_mask": (np.arange(LENGTH) < lengths).astype("int32"),
        "mask_positions": np.tile(np.arange(LENGTH, dtype="int32"), (len(lengths), 1)),
    }


def assert_same_logits(ours, theirs, inputs):
    """At every token that is no padding."""
    import torch

    names = {"token_ids": "input_ids", "segment_ids": "token_type_ids"}
    names["padding_mask"] = "attention_mask"
    with torch.no_grad():
        given = {name: torch.tensor(inputs[x]).long() for x, name in names.items()}
        wanted = theirs.eval()(**given).logits.numpy()
    real = inputs["padding_mask"].astype(bool)
    assert np.ptp(wanted[real]) > 1
    found = keras.ops.convert_to_numpy(ours(inputs))
    np.testing.assert_allclose(found[real], wanted[real], rtol=0, atol=1e-4)


@SHAPES
def test_their_checkpoint_computes_the_same_here(
    transformers, inputs, tmp_path, embedding_dim, hidden_dim, activation, ours
):
    import torch

    config = transformers.ElectraConfig(
        vocab_size=97,
        embedding_size=embedding_dim,
        hidden_size=hidden_dim,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=40,
        max_position_embeddings=24,
        hidden_act=activation,
    )
    theirs = transformers.ElectraForMaskedLM(config)
    torch.manual_seed(1)
    with torch.no_grad():
        for weight in theirs.parameters():  # a bias of zero would hide a mistake
            weight.normal_(std=0.25).add_(0.5 if weight.ndim == 1 else 0)
    theirs.save_pretrained(tmp_path)
    task = mlmzoo.MaskedLM.from_preset(tmp_path, preprocessor=None)
    assert isinstance(task, ElectraMaskedLM)
    assert task.backbone.activation == ours
    assert task.head_state == "trained"
    assert task.load_report.missing == task.load_report.unexpected == ()
    assert_same_logits(task, theirs, inputs)


@SHAPES
def test_our_checkpoint_computes_the_same_there(
    transformers, inputs, tmp_path, embedding_dim, hidden_dim, activation, ours
):
    backbone = ElectraBackbone(
        vocabulary_size=97,
        num_layers=2,
        num_heads=4,
        embedding_dim=embedding_dim,
        hidden_dim=hidden_dim,
        intermediate_dim=40,
        max_sequence_length=24,
        activation=ours,
    )
    task = ElectraMaskedLM(backbone, head_activation="gelu", head_state="trained")
    rng = np.random.default_rng(1)
    for weight in task.trainable_weights:
        weight.assign(rng.normal(0.5 if len(weight.shape) == 1 else 0, 0.25, weight.shape))
    task.save_to_preset(tmp_path, layout="transformers")
    theirs, report = transformers.AutoModelForMaskedLM.from_pretrained(
        tmp_path, output_loading_info=True
    )
    assert theirs.config.hidden_act == activation
    assert not any(report.values())
    assert_same_logits(task, theirs, inputs)


def test_a_discriminator_is_an_encoder_whose_head_was_never_trained(transformers, tmp_path):
    sizes = {"num_hidden_layers": 1, "hidden_size": 16, "embedding_size": 8}
    config = transformers.ElectraConfig(vocab_size=97, intermediate_size=16, **sizes)
    transformers.ElectraForPreTraining(config).save_pretrained(tmp_path)
    with pytest.warns(UserWarning, match="head"):
        task = mlmzoo.MaskedLM.from_preset(tmp_path, preprocessor=None)
    assert task.head_state == "random"
    assert task.load_report.unexpected == ()
