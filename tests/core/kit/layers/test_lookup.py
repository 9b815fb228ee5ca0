"""One index for all rows, on every backend: values, gradients and nothing kept."""

import keras
import numpy as np
import pytest
from keras import ops

from mlmzoo.kit.layers import look_up

TABLE = np.random.default_rng(0).normal(size=(2, 3, 10)).astype("float32")
PLACES = np.array([[0, 9, 4, 4], [9, 0, 7, 4]], "int32")


def gradient(function, x):
    """Of the sum of a function's values."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        x = tf.constant(x)
        with tf.GradientTape() as tape:
            tape.watch(x)
            total = tf.reduce_sum(function(x))
        return ops.convert_to_numpy(tape.gradient(total, x))
    if backend == "jax":
        import jax

        return np.asarray(jax.grad(lambda x: function(x).sum())(x))
    x = ops.convert_to_tensor(x).requires_grad_()
    function(x).sum().backward()
    return ops.convert_to_numpy(x.grad)


@pytest.mark.parametrize("shape", [(8,), (2, 4), (2, 2, 2)])
def test_each_row_gives_its_elements_at_the_places(shape):
    places = PLACES.reshape(shape)
    found = look_up(ops.convert_to_tensor(TABLE), ops.convert_to_tensor(places))
    np.testing.assert_array_equal(ops.convert_to_numpy(found), TABLE[..., places])


def test_the_gradient_of_a_place_is_the_sum_of_all_that_took_it():
    weights = np.random.default_rng(1).normal(size=(2, 3, *PLACES.shape)).astype("float32")
    wanted = np.zeros(TABLE.shape)
    for place, weight in zip(PLACES.ravel(), weights.reshape(2, 3, -1).T, strict=True):
        wanted[..., place] += weight.T
    places = ops.convert_to_tensor(PLACES)
    found = gradient(lambda table: look_up(table, places) * weights_of(weights), TABLE)
    np.testing.assert_allclose(found, wanted, atol=1e-6)


def weights_of(weights):
    return ops.convert_to_tensor(weights)


def test_half_precision_stays_what_it_is():
    table = ops.cast(ops.convert_to_tensor(TABLE), "bfloat16")
    found = look_up(table, ops.convert_to_tensor(PLACES))
    assert keras.backend.standardize_dtype(found.dtype) == "bfloat16"


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="PyTorch's own bookkeeping")
def test_the_table_is_not_kept_for_the_backward_pass():
    import torch

    kept = []
    table = torch.ones(50, 1000, requires_grad=True)
    with torch.autograd.graph.saved_tensors_hooks(lambda x: kept.append(x) or x, lambda x: x):
        look_up(table, torch.zeros((20, 20), dtype=torch.int32))
    assert sum(x.untyped_storage().nbytes() for x in kept) <= 400 * 8
