"""ALBERT's layers share their weights as the paper says."""

import keras
import numpy as np
import pytest

from mlmzoo.errors import InputError
from mlmzoo.models import AlbertBackbone

SIZES = {
    "vocabulary_size": 60,
    "num_heads": 2,
    "embedding_dim": 6,
    "hidden_dim": 16,
    "intermediate_dim": 32,
    "max_sequence_length": 24,
}


def count(**settings):
    return AlbertBackbone(**SIZES, **settings).count_params()


def test_parameters_do_not_depend_on_depth():
    assert count(num_layers=1) == count(num_layers=2) == count(num_layers=12)


def test_every_group_and_every_inner_layer_has_weights_of_its_own():
    one = count(num_layers=6)
    block = count(num_layers=6, num_groups=2) - one
    assert block > 0
    assert count(num_layers=6, num_groups=3) == one + 2 * block
    assert count(num_layers=6, num_groups=3, num_inner_repetitions=4) == one + 11 * block


def test_embeddings_are_as_narrow_as_asked_for():
    backbone = AlbertBackbone(**SIZES, num_layers=1)
    assert backbone.token_embedding.embeddings.shape == (60, 6)
    assert backbone.get_layer("position_embedding").embeddings.shape == (24, 6)
    assert backbone.get_layer("embeddings_projection").kernel.shape == (6, 16)


def test_consecutive_layers_use_the_same_group():
    backbone = AlbertBackbone(**SIZES, num_layers=4, num_groups=2, num_inner_repetitions=2)
    inputs = {
        "token_ids": np.arange(10, dtype="int32").reshape(2, 5),
        "segment_ids": np.zeros((2, 5), "int32"),
        "padding_mask": np.ones((2, 5), "int32"),
    }
    projection = backbone.get_layer("embeddings_projection")
    before = keras.Model(backbone.input, projection.output)(inputs)
    hidden = before
    for group in (0, 0, 1, 1):
        for j in (0, 1):
            hidden = backbone.get_layer(f"group_{group}_layer_{j}")(hidden, inputs["padding_mask"])
    found = backbone(inputs)["sequence_output"]
    found, wanted, before = (keras.ops.convert_to_numpy(x) for x in (found, hidden, before))
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    assert np.abs(found - before).max() > 0.1


def test_layers_that_cannot_be_shared_out_evenly_are_refused():
    with pytest.raises(InputError, match=r"num_layers=5 and num_groups=2.*multiple"):
        AlbertBackbone(**SIZES, num_layers=5, num_groups=2)
