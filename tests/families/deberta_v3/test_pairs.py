"""What pairs of tokens make of their distances, and what comes back of it, on every backend."""

import numpy as np
import pytest
from keras import ops

from mlmzoo_deberta.pairs import look_up
from mlmzoo_deberta.relative_positions import RelativePositions

B, H = 2, 3


@pytest.fixture(params=[(4, 10, 1), (4, 10, 25), (8, 16, 9), (8, 64, 40), (64, 24, 12), (3, 9, 9)])
def table_and_numbers(request):
    """Buckets, longest row, length: with and without far distances, one of each to many."""
    size, longest, length = request.param
    vectors, vector_of = RelativePositions(4, size, longest, 1e-7)(ops.zeros((1, length, 4)))
    rng = np.random.default_rng(0)
    return rng.normal(size=(B, H, length, len(vectors))).astype("float32"), vector_of


@pytest.mark.parametrize("by_key", [False, True])
def test_each_pair_finds_what_the_query_or_the_key_makes_of_its_vector(table_and_numbers, by_key):
    table, vector_of = table_and_numbers
    found = ops.convert_to_numpy(look_up(ops.convert_to_tensor(table), vector_of, by_key))
    vector_of = ops.convert_to_numpy(vector_of)
    for i, j in np.ndindex(vector_of.shape):
        wanted = table[:, :, j if by_key else i, vector_of[i, j]]
        np.testing.assert_array_equal(found[:, :, i, j], wanted)


@pytest.mark.parametrize("by_key", [False, True])
def test_a_vectors_gradient_is_the_sum_of_all_pairs_that_share_it(
    table_and_numbers, by_key, value_and_gradient
):
    table, vector_of = table_and_numbers
    length = table.shape[2]
    weights = np.random.default_rng(1).normal(size=(B, H, length, length)).astype("float32")
    _, found = value_and_gradient(
        lambda table: look_up(table, vector_of, by_key) * ops.convert_to_tensor(weights), table
    )
    wanted = np.zeros(table.shape)
    vector_of = ops.convert_to_numpy(vector_of)
    for i, j in np.ndindex(vector_of.shape):
        wanted[:, :, j if by_key else i, vector_of[i, j]] += weights[:, :, i, j]
    np.testing.assert_allclose(found, wanted, atol=1e-5)
