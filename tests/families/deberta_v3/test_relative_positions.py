"""Buckets of distances against the paper's formula, and what rows of a length take of them."""

import math

import keras
import numpy as np
import pytest
from keras import ops

from mlmzoo.errors import InputError
from mlmzoo_deberta.relative_positions import RelativePositions, buckets

SETTINGS = [(256, 512), (4, 12), (8, 16), (8, 64), (10, 24), (32, 64), (64, 100), (320, 1024)]


def bucket_of(distance, size, longest):
    """One distance's bucket as the paper's code has it, number by number."""
    middle = size // 2
    if distance <= middle:
        return distance
    share = math.log(distance / middle) / math.log((longest - 1) / middle)
    return math.ceil(share * (middle - 1)) + middle


def row_of(distance, size, longest):
    """The vector of a distance, of either sign."""
    bucket = math.copysign(bucket_of(abs(distance), size, longest), distance)
    return int(min(max(bucket + size, 0), 2 * size - 1))


def vectors_and_numbers(size, longest, length, dim=6):
    """What the layer answers for rows of a length, and the vectors of all buckets."""
    layer = RelativePositions(dim, size, longest, layer_norm_epsilon=1e-7)
    layer.build((None, length, dim))
    values = np.random.default_rng(0).normal(size=(2 * size, dim)).astype("float32")
    layer.embeddings.assign(values)
    found = layer(ops.zeros((1, length, dim)))
    centred = values - values.mean(1, keepdims=True)
    normalised = centred / np.sqrt(centred.var(1, keepdims=True) + 1e-7)
    return *map(ops.convert_to_numpy, found), normalised


@pytest.mark.parametrize(("size", "longest"), SETTINGS)
def test_buckets_are_those_of_the_papers_formula(size, longest):
    table = buckets(size, longest)
    wanted = [min(bucket_of(n, size, longest), size) for n in range(3 * longest)]
    found = [table[min(n, len(table) - 1)] for n in range(3 * longest)]
    assert found == wanted


@pytest.mark.parametrize(("size", "longest"), SETTINGS)
def test_every_distance_up_to_the_longest_row_is_told_from_its_far_ones(size, longest):
    table = buckets(size, longest)
    assert list(table[: size // 2 + 1]) == list(range(size // 2 + 1))
    assert (np.diff(table) >= 0).all()
    assert table[min(longest, len(table)) - 1] < table[-1] == size


@pytest.mark.parametrize("length", [1, 18, 40])
@pytest.mark.parametrize(("size", "longest"), [(4, 12), (8, 16), (64, 24), (32, 20), (3, 9)])
def test_each_pair_finds_the_vector_of_its_distance(size, longest, length):
    vectors, vector_of, all_vectors = vectors_and_numbers(size, longest, length)
    for i, j in np.ndindex(length, length):
        wanted = all_vectors[row_of(i - j, size, longest)]
        np.testing.assert_allclose(vectors[vector_of[i, j]], wanted, atol=1e-5)


def test_short_rows_take_only_the_vectors_near_them():
    for length, wanted in ((1, 2), (16, 32), (40, 32)):
        vectors, _, _ = vectors_and_numbers(16, 32, length)
        assert len(vectors) == wanted


@pytest.mark.parametrize("longest", [1, 9, 10])
def test_rows_shorter_than_half_the_buckets_have_a_vector_for_each_distance(longest):
    """As small models have whose buckets were left at 256."""
    vectors, vector_of, all_vectors = vectors_and_numbers(16, longest, 9)
    wanted = 16 + np.arange(9)[:, None] - np.arange(9)[None, :]
    np.testing.assert_allclose(vectors[vector_of], all_vectors[wanted], atol=1e-5)


@pytest.mark.parametrize("size", [1, 0, -4])
def test_too_few_buckets_are_refused(size):
    with pytest.raises(InputError, match=f"bucket_size={size} was asked for.*2 or more"):
        buckets(size, 512)


def test_the_vectors_are_counted_in_the_models_precision():
    layer = RelativePositions(8, 4, 16, 1e-7, dtype="mixed_bfloat16")
    vectors, vector_of = layer(ops.zeros((1, 5, 8)))
    assert keras.backend.standardize_dtype(vectors.dtype) == "bfloat16"
    assert keras.backend.standardize_dtype(vector_of.dtype) == "int32"
