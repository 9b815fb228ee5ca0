"""The products of dense layers and of the head are those of Keras, gradients included."""

import keras
import numpy as np
import pytest
from keras import ops

from mlmzoo.kit.layers import dense, token_embedding

BACKEND = keras.backend.backend()


def gradients(layer, x, call):
    """Of a sum that weights every output differently: with respect to weights, then to `x`."""
    weigh = np.linspace(-1, 1, 15, dtype="float32").reshape(1, 3, 5)
    if BACKEND == "torch":
        x = ops.convert_to_tensor(x).requires_grad_()
        layer.zero_grad()
        (call(x) * ops.convert_to_tensor(weigh)).sum().backward()
        return [w.value.grad.numpy().copy() for w in layer.trainable_weights] + [x.grad.numpy()]
    if BACKEND == "tensorflow":
        import tensorflow as tf

        x = tf.constant(x)
        with tf.GradientTape() as tape:
            tape.watch(x)
            total = tf.reduce_sum(call(x) * weigh)
        found = tape.gradient(total, [*(w.value for w in layer.trainable_weights), x])
        return [np.asarray(tf.convert_to_tensor(grad)) for grad in found]
    import jax

    def total(values, x):
        pairs = list(zip(layer.trainable_weights, values, strict=True))
        with keras.StatelessScope(state_mapping=pairs):
            return (call(x) * weigh).sum()

    values = [w.value for w in layer.trainable_weights]
    of_weights, of_x = jax.grad(total, argnums=(0, 1))(values, x)
    return [*map(np.asarray, of_weights), np.asarray(of_x)]


@pytest.fixture
def x():
    return np.random.default_rng(0).normal(size=(2, 3, 4)).astype("float32")


def test_a_dense_layer_is_keras_own(x):
    ours = dense(5, "dense")
    theirs = keras.layers.Dense(5)
    for layer in (ours, theirs):
        layer.build(x.shape)
    theirs.set_weights([np.arange(20).reshape(4, 5) / 20, np.arange(5) / 5])
    ours.set_weights(theirs.get_weights())
    for call in (lambda layer: ops.convert_to_numpy(layer(x)),):
        np.testing.assert_allclose(call(ours), call(theirs), atol=1e-6)
    for one, other in zip(gradients(ours, x, ours), gradients(theirs, x, theirs), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_the_way_back_to_tokens_is_keras_own(x):
    ours = token_embedding(5, 4)
    theirs = keras.layers.ReversibleEmbedding(5, 4)
    for layer in (ours, theirs):
        layer.build((2, 3))
    theirs.set_weights([np.arange(20).reshape(5, 4) / 20])
    ours.set_weights(theirs.get_weights())

    def back(layer):
        return lambda x: layer(x, reverse=True)

    found, expected = (ops.convert_to_numpy(back(layer)(x)) for layer in (ours, theirs))
    np.testing.assert_allclose(found, expected, atol=1e-6)
    of_ours, of_theirs = (gradients(layer, x, back(layer)) for layer in (ours, theirs))
    for one, other in zip(of_ours, of_theirs, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.skipif(BACKEND != "torch", reason="PyTorch's kernel")
def test_the_faster_kernel_is_the_one_that_runs(x, monkeypatch):
    from mlmzoo.kit.layers import kernels

    layer = dense(5, "dense")
    layer.build(x.shape)
    asked = []
    product = kernels._onednn
    monkeypatch.setattr(kernels, "_onednn", lambda *given: asked.append(1) or product(*given))
    layer(x)
    assert asked
    half = dense(5, "dense", dtype="bfloat16")
    half(x)
    assert len(asked) == 1
