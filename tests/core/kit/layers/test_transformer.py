"""The encoder block and its feed-forward half against NumPy."""

import math

import keras
import numpy as np
import pytest

from mlmzoo.kit.layers import FeedForward, TransformerEncoder

B, L, D, H, WIDE = 2, 5, 8, 2, 12
EPSILON = 1e-3
"""Large, so that it is seen to be the one given."""
MASK = np.array([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0]], "int32")


def gelu(x):
    return x * (1 + np.vectorize(math.erf)(x / math.sqrt(2))) / 2


def norm(x, gamma, beta):
    mean, variance = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    return (x - mean) / np.sqrt(variance + EPSILON) * gamma + beta


def numpy_feedforward(x, w, name):
    inner = gelu(x @ w[f"{name}/intermediate/kernel"] + w[f"{name}/intermediate/bias"])
    return inner @ w[f"{name}/output/kernel"] + w[f"{name}/output/bias"]


def numpy_norm(x, w, name):
    return norm(x, w[f"{name}/gamma"], w[f"{name}/beta"])


def call(layer, *arguments, **options):
    tensors = map(keras.ops.convert_to_tensor, arguments)
    return keras.ops.convert_to_numpy(layer(*tensors, **options))


@pytest.fixture
def hidden(rng):
    return rng.normal(size=(B, L, D)).astype("float32")


@pytest.mark.parametrize("training", [False, True])
def test_the_feed_forward_half(hidden, randomise, training):
    layer = FeedForward(D, WIDE, "gelu", name="ff")
    layer.build(hidden.shape)
    weights = randomise(layer)
    np.testing.assert_allclose(
        call(layer, hidden, training=training), numpy_feedforward(hidden, weights, "ff"), atol=1e-5
    )


@pytest.mark.parametrize("activation", ["gelu", "gelu_tanh"])
@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
def test_training_has_the_gradient_of_the_same_function(
    hidden, randomise, activation, dtype, value_and_gradient
):
    layer = FeedForward(D, WIDE, activation, dtype=dtype)
    layer.build(hidden.shape)
    randomise(layer)
    plain, fused = (
        value_and_gradient(lambda x, training=training: layer(x, training=training), hidden)
        for training in (False, True)
    )
    tolerance = 1e-5 if dtype == "float32" else 0.05
    for one, other in zip(fused, plain, strict=True):
        np.testing.assert_allclose(
            one.astype("float32"), other.astype("float32"), atol=tolerance, rtol=tolerance
        )


def test_the_block_adds_and_normalises_after_each_half(hidden, randomise):
    layer = TransformerEncoder(D, H, WIDE, "gelu", 0.3, EPSILON, name="block")
    layer.build(hidden.shape, MASK.shape)
    w = randomise(layer)
    # Attention has a test of its own.
    attended = call(layer.attention, hidden, MASK)
    middle = numpy_norm(hidden + attended, w, "block/attention_layer_norm")
    expected = numpy_norm(
        middle + numpy_feedforward(middle, w, "block/feedforward"),
        w,
        "block/feedforward_layer_norm",
    )
    np.testing.assert_allclose(call(layer, hidden, MASK, training=False), expected, atol=1e-5)


def test_training_drops_and_inference_does_not(hidden):
    layer = TransformerEncoder(D, H, WIDE, "gelu", 0.3, EPSILON)
    plain = call(layer, hidden, MASK, training=False)
    np.testing.assert_array_equal(plain, call(layer, hidden, MASK, training=False))
    dropped = call(layer, hidden, MASK, training=True)
    assert np.abs(dropped - plain).max() > 1e-3
    assert np.abs(call(layer, hidden, MASK, training=True) - dropped).max() > 1e-3
    still = TransformerEncoder(D, H, WIDE, "gelu", 0.0, EPSILON)
    np.testing.assert_allclose(
        call(still, hidden, MASK, training=True), call(still, hidden, MASK), atol=1e-6
    )


@pytest.mark.parametrize("name", ["attention_dropout", "feedforward_dropout", "attention.dropout"])
def test_each_of_three_places_drops_at_the_configured_rate(hidden, randomise, name):
    layer = TransformerEncoder(D, H, WIDE, "gelu", 0.3, EPSILON)
    dropouts = {
        "attention_dropout": layer.attention_dropout,
        "feedforward_dropout": layer.feedforward_dropout,
        "attention.dropout": layer.attention.dropout,
    }
    layer.build(hidden.shape, MASK.shape)
    randomise(layer)
    here = dropouts.pop(name)
    dropped = call(here, np.ones((100, 100), "float32"), training=True) == 0
    assert dropped.mean() == pytest.approx(0.3, abs=0.02)
    for dropout in dropouts.values():
        dropout.rate = 0.0
    plain = call(layer, hidden, MASK, training=False)
    assert np.abs(call(layer, hidden, MASK, training=True) - plain).max() > 1e-3
    here.rate = 0.0
    np.testing.assert_allclose(call(layer, hidden, MASK, training=True), plain, atol=1e-6)
