"""Ratios, verdicts and what makes a run void."""

import pytest

from benchmarks.comparing import compare, judge, unsteady
from benchmarks.flops import training
from benchmarks.judge import mask
from benchmarks.rows import Floor, Row


def measured(library, backend, seconds, units=100, dtype="float32"):
    return [
        {
            "experiment": "lines",
            "library": library,
            "backend": backend,
            "dtype": dtype,
            "round": number,
            "seconds": value,
            "units": units,
            "operations": 1e9,
            "weights": 0,
        }
        for number, value in enumerate(seconds)
    ]


def peaks(before=100.0, after=100.0):
    return [
        {"experiment": "lines", "when": when, "float32": value, "bfloat16": 3 * value}
        for when, value in (("before", before), ("after", after))
    ]


def row(*floors, **changes):
    return Row("row", "title", "lines", floors, **changes)


MEASURED = [
    *measured("ours", "jax", [1.0, 1.0, 1.0]),
    *measured("ours", "torch", [2.0, 2.0, 2.0]),
    *measured("kerashub", "jax", [4.0, 8.0, 6.0]),
    *measured("kerashub", "torch", [3.0, 3.0, 3.0]),
]


def test_ratios_are_taken_within_a_round_and_their_median_counts():
    (found,) = compare([row(Floor("jax", "kerashub", "same", 5))], MEASURED, peaks(), True)
    assert found.ratios == (4, 8, 6)
    assert found.ratio == 6
    assert found.passes and found.verdict == "passes"


def test_best_means_the_fastest_of_each_library():
    (found,) = compare([row(Floor("best", "kerashub", "best", 5))], MEASURED, peaks(), True)
    assert (found.ours, found.peer) == ("mlmzoo jax", "keras-hub torch")
    assert found.ratio == 3
    assert found.passes is False and found.verdict == "40% short"


def test_each_compares_every_backend_with_its_own():
    found = compare([row(Floor("each", "kerashub", "same", 1))], MEASURED, peaks(), True)
    assert [(each.ours, each.ratio) for each in found] == [("mlmzoo jax", 6), ("mlmzoo torch", 1.5)]


def test_a_ceiling_is_passed_from_below():
    ceiling = row(Floor("jax", "kerashub", "same", 0.2), metric="s", at_most=True)
    (found,) = compare([ceiling], MEASURED, peaks(), True)
    assert found.ratio == pytest.approx(1 / 6) and found.passes
    assert judge((0.5,), 0.4, True, False) == (False, "25% above")


def test_needed_operations_are_compared_with_the_peak():
    (found,) = compare([row(Floor("jax", "kerashub", "same", 5))], MEASURED, peaks(), True)
    assert found.our_share == pytest.approx(1e9 / 1.0 / 100e9)


def test_a_peak_that_moves_makes_the_row_void():
    assert unsteady(peaks(100, 91)) == {}
    assert unsteady(peaks(100, 89)) == {"lines": pytest.approx(0.11)}
    floors = Floor("jax", "kerashub", "same", 5)
    (found,) = compare([row(floors)], MEASURED, peaks(89, 100), True)
    assert found.passes is None and found.verdict == "void (passes)"


def test_a_loss_within_the_spread_of_the_seeds_is_no_worse():
    assert judge((0.99, 1.0, 0.98), 1.0, True, True) == (True, "passes")
    passes, verdict = judge((0.98, 1.03, 1.0), 1.0, True, True)
    assert passes and "within 2 standard errors" in verdict
    assert judge((1.02, 1.021, 1.022), 1.0, True, True) == (False, "2.1% worse")


def test_operations_are_six_a_parameter_and_token_and_attention_and_the_head():
    settings = {
        "num_layers": 2,
        "hidden_dim": 8,
        "intermediate_dim": 32,
        "vocabulary_size": 100,
    }
    per_layer = 4 * 8 * 8 + 2 * 8 * 32
    attention = 2 * 2 * 8 * (5 * 5 + 3 * 3)
    head = 6 * (8 * 8 + 8 * 100) * 2
    wanted = 2 * (6 * per_layer * 8 + 3 * attention) + head
    assert training("Bert", settings, [5, 3], 2, 1) == wanted


def test_the_judge_masks_each_row_as_bert_does_and_nothing_special():
    import numpy as np

    ids = np.arange(400).reshape(4, 100) + 10
    real = np.zeros(ids.shape, bool)
    real[:, 1:41] = True
    real[3, 8:] = False
    masked, positions, weights = mask(ids, real, 3, np.arange(500, 600), seed=0)
    assert weights.sum(1).tolist() == [6, 6, 6, 1]
    changed = masked != ids
    assert not changed[~real].any()
    for row_of, places in zip(changed, positions, strict=True):
        assert set(np.flatnonzero(row_of)) <= set(places)
    assert 3 in masked and np.isin(masked[changed], [3, *range(500, 600)]).all()
