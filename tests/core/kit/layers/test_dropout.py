"""Dropout: the rate, independence, what the seed decides, and the gradient."""

import keras
import numpy as np
import pytest
from keras import ops

from mlmzoo.kit.layers import Dropout, SelfAttention

RATE = 0.3
SHAPE = (200, 203)
"""Not a multiple of the elements that share a random word."""


def dropped(layer, shape=SHAPE):
    ones = ops.ones(shape)
    return ops.convert_to_numpy(layer(ones, training=True)) == 0


@pytest.mark.parametrize("rate", [0.01, 0.1, 0.5, 0.9])
def test_each_element_is_dropped_at_the_configured_rate(rate):
    found = dropped(Dropout(rate), (1000, 1001))
    deviation = (rate * (1 - rate) / found.size) ** 0.5
    assert found.mean() == pytest.approx(rate, abs=4 * deviation)
    for axis in (0, 1):
        spread = found.mean(axis).std() / (rate * (1 - rate) / found.shape[axis]) ** 0.5
        assert spread == pytest.approx(1, abs=0.1)


def test_what_is_left_is_scaled_up():
    x = np.linspace(1, 2, 1000, dtype="float32")
    found = ops.convert_to_numpy(Dropout(RATE)(ops.convert_to_tensor(x), training=True))
    kept = found != 0
    np.testing.assert_allclose(found[kept], x[kept] / (1 - RATE), rtol=1e-5)


def test_elements_rows_steps_and_layers_are_dropped_independently():
    layer, other = Dropout(RATE, seed=1), Dropout(RATE, seed=2)
    first, second = dropped(layer), dropped(layer)
    strangers = dropped(other)
    pairs = [(first, second), (first, strangers), (second, strangers)]
    # Neighbours that share a word or follow upon each other, and rows.
    pairs += [(first[:, k:], first[:, :-k]) for k in (1, 2, 3, 4, 8)]
    pairs += [(first[k:], first[:-k]) for k in (1, 2, 16)]
    for one, two in pairs:
        correlation = np.corrcoef(one.ravel(), two.ravel())[0, 1]
        assert abs(correlation) < 4 / one.size**0.5


def test_nothing_is_dropped_in_inference_or_at_rate_zero():
    x = ops.ones(SHAPE)
    for layer, training in [(Dropout(RATE), False), (Dropout(RATE), None), (Dropout(0.0), True)]:
        assert (ops.convert_to_numpy(layer(x, training=training)) == 1).all()


def test_the_seed_decides_and_its_state_goes_on():
    runs = [
        [dropped(layer) for _ in range(2)]
        for layer in (Dropout(RATE, seed=5), Dropout(RATE, seed=5))
    ]
    np.testing.assert_array_equal(runs[0], runs[1])
    layer = Dropout(RATE)
    state = ops.convert_to_numpy(layer.seed_generator.state)
    before = dropped(layer)
    after = dropped(layer)
    assert (before != after).any()
    layer.seed_generator.state.assign(state)
    np.testing.assert_array_equal(dropped(layer), before)


def test_the_gradient_is_dropped_where_the_value_was(value_and_gradient):
    layer = Dropout(RATE)
    value, found = value_and_gradient(lambda x: layer(x, training=True), np.ones(SHAPE, "float32"))
    np.testing.assert_allclose(found, value, rtol=1e-6)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_stays_what_it_is(dtype):
    found = Dropout(RATE, dtype=dtype)(ops.ones(SHAPE, dtype=dtype), training=True)
    assert keras.backend.standardize_dtype(found.dtype) == dtype


def test_a_noise_shape_is_kept():
    found = dropped(Dropout(RATE, noise_shape=(200, 1)))
    assert (found == found[:, :1]).all()
    assert 0 < found.mean() < 1


def test_the_gradient_through_attention_is_that_of_the_same_dropped_weights(
    rng, randomise, value_and_gradient
):
    layer = SelfAttention(8, 2, dropout=0.4, name="attention")
    layer.build((2, 6, 8), (2, 6))
    randomise(layer)
    state = ops.convert_to_numpy(layer.dropout.seed_generator.state)
    mask = ops.convert_to_tensor(np.array([[1, 1, 1, 2, 2, 2], [1, 1, 1, 1, 0, 0]], "int32"))

    def same(x):
        layer.dropout.seed_generator.state.assign(state)
        return layer(x, mask, training=True)

    x = rng.normal(size=(2, 6, 8)).astype("float32")
    _, found = value_and_gradient(same, x)
    step = rng.normal(size=x.shape).astype("float32")
    above, below = (
        ops.convert_to_numpy(same(ops.convert_to_tensor(x + way * step))).sum(dtype="float64")
        for way in (1e-3, -1e-3)
    )
    assert (found * step).sum() == pytest.approx((above - below) / 2e-3, rel=2e-2, abs=2e-2)
