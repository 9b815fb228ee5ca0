"""FNet's mixing is the real part of a two-dimensional Fourier transform, on every backend."""

import keras
import numpy as np
import pytest
from keras import ops

from mlmzoo.models import FNetBackbone, FNetMaskedLMPreprocessor
from mlmzoo_fnet.fourier import mix

SHAPES = [(2, 8, 16), (1, 7, 12), (3, 10, 9), (2, 11, 13), (2, 1, 6), (2, 5, 1), (1, 2, 2)]


def values(shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def transform(x):
    """What mixing is, in float64."""
    return np.fft.fft2(np.asarray(x, "float64")).real


@pytest.mark.parametrize("shape", SHAPES)
def test_it_is_the_real_part_of_the_transform_over_positions_and_width(shape):
    x = values(shape)
    np.testing.assert_allclose(ops.convert_to_numpy(mix(x)), transform(x), atol=1e-4)


@pytest.mark.parametrize("shape", SHAPES)
def test_its_gradient_is_exact(shape, value_and_gradient):
    x, weights = values(shape), values(shape, seed=1)
    _, found = value_and_gradient(lambda x: mix(x) * ops.convert_to_tensor(weights), x)
    np.testing.assert_allclose(found, transform(weights), atol=1e-4)


def test_its_second_gradient_is_exact(value_and_gradient):
    x = values((2, 7, 12))
    _, found = value_and_gradient(lambda x: mix(x) ** 2, x)
    np.testing.assert_allclose(found, 2 * transform(transform(x)), rtol=1e-4, atol=1e-2)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_is_summed_in_float32(dtype):
    x = ops.cast(values((2, 16, 32)), dtype)
    found = mix(x)
    assert keras.backend.standardize_dtype(found.dtype) == dtype
    exact = transform(ops.convert_to_numpy(ops.cast(x, "float32")))
    rounding = {"bfloat16": 2**-8, "float16": 2**-11}[dtype]
    found = ops.convert_to_numpy(ops.cast(found, "float32"))
    np.testing.assert_allclose(found, exact, rtol=rounding, atol=1e-3)


def test_a_model_takes_rows_of_any_length_compiled_or_not():
    inputs = keras.Input((None, 12))
    outputs = keras.layers.Lambda(mix, output_shape=lambda shape: shape)(inputs)
    model = keras.Model(inputs, outputs)
    # torch.compile takes minutes, and is no part of this.
    jit = keras.backend.backend() != "torch"
    for compiled in {False, jit}:
        model.compile(jit_compile=compiled)
        for length in (3, 8, 17):
            x = values((2, length, 12))
            np.testing.assert_allclose(model.predict(x, verbose=0), transform(x), atol=1e-4)


# What follows from it -----------------------------------------------------------------------------


def test_answers_depend_on_the_padding_so_every_row_is_padded_to_the_same_length():
    """As docs and docstrings say."""
    backbone = FNetBackbone(60, num_layers=2, hidden_dim=16, intermediate_dim=32)
    answers = []
    for length in (8, 12):
        token_ids = np.zeros((1, length), "int32")
        token_ids[0, :5] = [4, 17, 23, 31, 5]
        inputs = {"token_ids": token_ids, "segment_ids": np.zeros_like(token_ids)}
        answers.append(ops.convert_to_numpy(backbone(inputs)["sequence_output"])[:, :5])
    assert np.abs(answers[0] - answers[1]).max() > 0.1
    assert FNetMaskedLMPreprocessor.batching == "fixed"
    assert "padding_mask" not in backbone.input
