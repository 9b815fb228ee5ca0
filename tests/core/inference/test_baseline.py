"""The unigram baseline, counted by hand."""

from __future__ import annotations

import math

import numpy as np

from mlmzoo.inference.baseline import unigram_score


def test_loss_and_accuracy_are_those_of_smoothed_frequencies():
    training = np.array([0, 2, 2, 2, 3, 1])  # 0 and 1 are special
    found = unigram_score(training, np.array([2, 2, 3, 4]), 5, special_ids=(0, 1))
    # Counts with one added: 4 of token 2, 2 of token 3, 1 of token 4; 7 in all.
    expected = -(2 * math.log(4 / 7) + math.log(2 / 7) + math.log(1 / 7)) / 4
    assert math.isclose(found.loss, expected, rel_tol=1e-12)
    assert found.accuracy == 0.5
    assert found.most_frequent == 2
    assert found.tokens == 4


def test_a_special_token_is_never_the_answer():
    found = unigram_score(np.array([0, 0, 0, 1]), np.array([1]), 3, special_ids=(0,))
    assert found.most_frequent == 1
    assert found.accuracy == 1.0


def test_a_token_that_training_lacks_has_a_finite_loss():
    assert math.isfinite(unigram_score(np.array([1]), np.array([2]), 3, special_ids=(0,)).loss)
