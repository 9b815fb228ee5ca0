"""Self-attention against its formula in NumPy, and dropout as configured."""

import keras
import numpy as np
import pytest

from mlmzoo.kit.layers import SelfAttention

B, L, D, H = 2, 6, 8, 2
MASK = np.array([[1, 1, 1, 1, 1, 1], [1, 1, 1, 0, 0, 0]], "int32")


def numpy_attention(hidden, mask, w, name="attention"):
    def dense(x, layer):
        return x @ w[f"{name}/{layer}/kernel"] + w[f"{name}/{layer}/bias"]

    heads = {
        layer: dense(hidden, layer).reshape(B, L, H, D // H).transpose(0, 2, 1, 3)
        for layer in ("query", "key", "value")
    }
    scores = heads["query"] @ heads["key"].transpose(0, 1, 3, 2) / np.sqrt(D // H)
    scores = np.where(mask[:, None, None, :] != 0, scores, -np.inf)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    weights /= weights.sum(-1, keepdims=True)
    context = (weights @ heads["value"]).transpose(0, 2, 1, 3).reshape(B, L, D)
    return dense(context, "output")


@pytest.fixture
def attention():
    layer = SelfAttention(D, H, dropout=0.4, name="attention")
    layer.build((B, L, D), (B, L))
    return layer


def call(layer, hidden, mask, training=False):
    hidden, mask = map(keras.ops.convert_to_tensor, (hidden, mask))
    return keras.ops.convert_to_numpy(layer(hidden, mask, training=training))


def test_it_computes_the_papers_formula(attention, randomise, rng):
    weights = randomise(attention)
    hidden = rng.normal(size=(B, L, D)).astype("float32")
    found = call(attention, hidden, MASK)
    np.testing.assert_allclose(found, numpy_attention(hidden, MASK, weights), atol=1e-5)


def test_the_path_with_dropout_computes_the_same_without_it(attention, randomise, rng):
    weights = randomise(attention)
    hidden = rng.normal(size=(B, L, D)).astype("float32")
    attention.dropout.rate = 1e-9  # the way with dropout, and nothing dropped
    found = call(attention, hidden, MASK, training=True)
    np.testing.assert_allclose(found, numpy_attention(hidden, MASK, weights), atol=1e-5)


def test_hidden_tokens_change_nothing(attention, randomise, rng):
    randomise(attention)
    hidden = rng.normal(size=(B, L, D)).astype("float32")
    other = np.where(MASK[..., None] == 1, hidden, 100).astype("float32")
    visible = MASK.astype(bool)
    np.testing.assert_allclose(
        call(attention, hidden, MASK)[visible], call(attention, other, MASK)[visible], atol=1e-5
    )


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16", "float16"])
def test_rows_of_padding_only_give_no_nan(rng, training, dtype):
    layer = SelfAttention(D, H, dropout=0.4, dtype=dtype)
    hidden = rng.normal(size=(B, L, D)).astype("float32")
    found = call(layer, hidden, np.zeros_like(MASK), training)
    assert np.isfinite(found.astype("float32")).all()


def test_attention_weights_are_dropped_at_the_configured_rate():
    length, rate = 64, 0.4
    layer = SelfAttention(length, 1, dropout=rate, name="attention")
    hidden = np.eye(length, dtype="float32")[None]
    mask = np.ones((1, length), "int32")
    layer.build(hidden.shape, mask.shape)
    # Equal scores, and values that tell the tokens apart: the output is the attention weights.
    for dense, kernel in [
        (layer.query, np.zeros((length, length))),
        (layer.value, np.eye(length)),
        (layer.output_projection, np.eye(length)),
    ]:
        dense.kernel.assign(kernel.astype("float32"))
    weights = call(layer, hidden, mask, training=True)[0]
    dropped = weights == 0
    assert dropped.mean() == pytest.approx(rate, abs=0.03)  # four standard deviations
    np.testing.assert_allclose(weights[~dropped], 1 / length / (1 - rate), rtol=1e-5)
    again = call(layer, hidden, mask, training=True)[0]
    assert (dropped != (again == 0)).any()
    np.testing.assert_allclose(call(layer, hidden, mask), 1 / length, rtol=1e-5)
    assert (call(SelfAttention(length, 1, dropout=0.0), hidden, mask, training=True) != 0).any()


def test_kernels_are_plain_matrices(attention):
    assert {weight.path: tuple(weight.shape) for weight in attention.weights} == {
        f"attention/{layer}/{name}": shape
        for layer in ("query", "key", "value", "output")
        for name, shape in (("kernel", (D, D)), ("bias", (D,)))
    }
