"""Intervals: they hold what they promise on texts whose true mean is known."""

import numpy as np

from mlmzoo.inference.resampling import interval_of_mean


def test_the_true_mean_lies_within_as_often_as_promised():
    rng = np.random.default_rng(0)
    inside = []
    for seed in range(100):
        counts = rng.integers(1, 30, 60)
        means = rng.normal(2.0, 1.0, 60)  # tokens of one text have much in common
        low, high = interval_of_mean(means * counts, counts, seed)
        inside.append(low <= 2.0 <= high)
    assert 0.87 <= np.mean(inside) <= 0.99


def test_more_confidence_is_a_wider_interval():
    rng = np.random.default_rng(1)
    counts = rng.integers(1, 9, 30)
    sums = rng.normal(size=30) * counts
    narrow, wide = (interval_of_mean(sums, counts, 0, share) for share in (0.5, 0.95))
    assert wide[0] < narrow[0] < narrow[1] < wide[1]


def test_the_mean_is_over_tokens_so_that_a_text_without_any_changes_nothing_but_chance():
    low, high = interval_of_mean(np.array([4.0, 0.0]), np.array([2, 0]), 0)
    assert low == high == 2.0


def test_texts_that_are_alike_leave_no_doubt():
    assert interval_of_mean(np.full(5, 6.0), np.full(5, 3), 0) == (2.0, 2.0)


def test_the_seed_settles_the_interval():
    sums, counts = np.arange(9.0), np.full(9, 2)
    assert interval_of_mean(sums, counts, 5) == interval_of_mean(sums, counts, 5)
    assert interval_of_mean(sums, counts, 5) != interval_of_mean(sums, counts, 6)
