import numpy as np
import pytest

from mlmzoo.data.random_bits import random_bits, stream_key

NUMBERS = np.arange(1 << 16)


def flips(one, other):
    """Share of the bits that differ, for each of the 64 places."""
    differing = (one ^ other)[:, None] >> np.arange(64, dtype=np.uint64) & np.uint64(1)
    return differing.mean(axis=0)


def assert_independent(one, other):
    assert abs(flips(one, other) - 0.5).max() < 5 * 0.5 / np.sqrt(len(one))


def test_it_is_splitmix64():
    # The first outputs of the reference implementation for the state 0.
    found = random_bits(np.uint64(0), np.arange(1, 4))
    assert found.tolist() == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]


def test_the_bits_of_a_number_do_not_depend_on_what_else_is_asked_for():
    numbers = np.random.default_rng(0).integers(0, 1 << 62, size=(7, 11))
    whole = random_bits(np.uint64(5), numbers)
    assert whole[3, 4] == random_bits(np.uint64(5), numbers[3, 4:5])[0]
    assert not (numbers == whole.view(np.int64)).any(), "the numbers are left as they were"


@pytest.mark.parametrize("step", [1, 36, 128])
def test_neighbours_are_independent(step):
    key = stream_key((1, 2), 0)
    assert_independent(random_bits(key, NUMBERS), random_bits(key, NUMBERS + step))


@pytest.mark.parametrize("other", [((1, 2), 1), ((1, 3), 0), ((2, 2), 0), ((1, 2, 1), 0)])
def test_streams_epochs_and_seeds_are_independent(other):
    one = random_bits(stream_key((1, 2), 0), NUMBERS)
    assert_independent(one, random_bits(stream_key(*other), NUMBERS))


def test_the_bits_are_uniform():
    bits = random_bits(stream_key((3,), 0), np.arange(1 << 20)) >> np.uint64(54)
    counts = np.bincount(bits.astype(np.int64), minlength=1024)
    chi_square = ((counts - 1024) ** 2 / 1024).sum()
    assert abs(chi_square - 1023) < 5 * np.sqrt(2 * 1023)
