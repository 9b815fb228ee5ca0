"""Activations by name, embeddings by position, and initial values."""

import math

import keras
import numpy as np
import pytest

from mlmzoo.errors import InputError
from mlmzoo.kit.layers import (
    ACTIVATIONS,
    PositionEmbedding,
    fresh_values,
    kernel_initializer,
    skip_initialization,
    token_embedding,
)

X = np.linspace(-4, 4, 41).astype("float32")
FORMULAS = {
    "gelu": lambda x: x * (1 + math.erf(x / math.sqrt(2))) / 2,
    "gelu_tanh": lambda x: x * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))) / 2,
    "relu": lambda x: max(x, 0.0),
    "silu": lambda x: x / (1 + math.exp(-x)),
    "tanh": math.tanh,
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_are_their_formulas(name):
    found = keras.ops.convert_to_numpy(ACTIVATIONS[name](keras.ops.convert_to_tensor(X)))
    np.testing.assert_allclose(found, [FORMULAS[name](float(x)) for x in X], atol=2e-6)


def test_the_two_gelus_differ_where_it_can_be_seen():
    one, other = (
        keras.ops.convert_to_numpy(ACTIVATIONS[name](keras.ops.convert_to_tensor(X)))
        for name in ("gelu", "gelu_tanh")
    )
    assert np.abs(one - other).max() > 1e-4


def test_positions_count_from_the_start_of_the_row():
    layer = PositionEmbedding(6, 3)
    layer.build((2, 4, 3))
    table = keras.ops.convert_to_numpy(layer.embeddings)
    for length in (1, 4, 6):
        found = layer(keras.ops.zeros((2, length, 3)))
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(found), table[None, :length])


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16", "bfloat16"])
def test_the_embedding_computes_both_ways_in_its_dtype(dtype):
    embedding = token_embedding(10, 4, dtype=dtype)

    class Head(keras.layers.Layer):
        """Keras treats a layer's layers otherwise than a layer that is called by itself."""

        def call(self, hidden):
            return embedding(hidden, reverse=True)

    hidden = embedding(keras.ops.convert_to_tensor([[1, 2]]))
    for computed in (hidden, Head(dtype=dtype)(hidden)):
        found = keras.backend.standardize_dtype(computed.dtype)
        assert found == dtype.removeprefix("mixed_")


def test_initialisation_is_skipped_inside_the_scope_only():
    with skip_initialization():
        inside = kernel_initializer()
    skipped = keras.ops.convert_to_numpy(inside((4, 4), dtype="float32"))
    assert (skipped.shape, skipped.dtype) == ((4, 4), np.float32)
    again = keras.initializers.deserialize(keras.initializers.serialize(inside))
    values = keras.ops.convert_to_numpy(again((100, 100), dtype="float32"))
    assert values.std() == pytest.approx(0.0176, abs=0.001)  # what a copy of the layer begins with
    values = keras.ops.convert_to_numpy(kernel_initializer(0.5)((100, 100)))
    assert values.std() == pytest.approx(0.44, abs=0.02)  # of a normal cut at two deviations
    # PyTorch's, in Keras, leaves a few in a million beyond.
    assert (np.abs(values) > 1.001).mean() < 1e-3


def test_skipping_draws_no_seed_from_what_comes_after():
    def next_values():
        return keras.ops.convert_to_numpy(kernel_initializer()((4, 4)))

    keras.utils.set_random_seed(1)
    expected = next_values()
    keras.utils.set_random_seed(1)
    with skip_initialization():
        kernel_initializer()((4, 4), dtype="float32")
    np.testing.assert_array_equal(next_values(), expected)


def test_the_scope_ends_when_something_fails():
    with pytest.raises(RuntimeError), skip_initialization():
        raise RuntimeError
    assert type(kernel_initializer()) is keras.initializers.TruncatedNormal


def test_fresh_values_are_what_the_variables_name_says():
    assert (fresh_values("layer_norm/gamma", (3,)) == 1).all()
    assert (fresh_values("layer_norm/beta", (3,)) == 0).all()
    assert (fresh_values("dense/bias", (3,)) == 0).all()
    kernel = fresh_values("dense/kernel", (50, 50))
    assert 0.01 < kernel.std() < 0.02
    assert kernel.dtype == np.float32


@pytest.mark.parametrize("packed", [True, False])
def test_rows_longer_than_the_positions_are_refused(packed):
    layer = PositionEmbedding(8, 4)
    mask = np.ones((2, 9), "int32") if packed else None
    with pytest.raises(InputError, match=r"Rows of 9 tokens .* sequence_length=8"):
        layer(np.zeros((2, 9, 4), "float32"), mask)
