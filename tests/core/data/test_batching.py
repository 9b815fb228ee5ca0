import itertools

import numpy as np
import pytest

from mlmzoo.contract.errors import InputError
from mlmzoo.data.batching import (
    WORTH_A_SHARE,
    by_length,
    by_order,
    ladder,
    plan,
)
from mlmzoo.data.packing import keeps_batch_size, packed


def skewed(count=3000, limit=128, seed=0):
    """Lengths like those of verses: most short, a few at the limit."""
    lengths = np.random.default_rng(seed).lognormal(3.4, 0.5, size=count).astype(int) + 3
    return np.minimum(lengths, limit)


def slots(made, batch_size):
    return sum(batch_size * group.length for group in made)


@pytest.mark.parametrize("shuffled", [False, True])
@pytest.mark.parametrize("count", [1, 7, 32, 33, 500])
def test_every_row_is_in_exactly_one_batch_that_holds_it(shuffled, count):
    lengths = skewed(count)
    shapes = plan(lengths, 32, limit=128, worth=0)
    rng = np.random.default_rng(0) if shuffled else None
    made = by_length(lengths, shapes, 32, rng)
    rows = np.concatenate([group.indices for group in made])
    assert sorted(rows.tolist()) == list(range(count))
    for group in made:
        assert lengths[group.indices].max() <= group.length
        assert group.length in shapes
        assert len(group.indices) <= 32


@pytest.mark.parametrize("batch_size", [1, 5, 32])
def test_there_are_as_many_batches_every_epoch_as_rows_fill(batch_size):
    lengths = skewed(501)
    shapes = plan(lengths, batch_size, limit=128, worth=0)
    for seed in range(5):
        made = by_length(lengths, shapes, batch_size, np.random.default_rng(seed))
        assert len(made) == -(-501 // batch_size)
        assert sum(len(group.indices) != batch_size for group in made) <= 1


def test_shuffling_changes_rows_and_order_of_batches():
    lengths = skewed(500)
    shapes = plan(lengths, 8, limit=128, worth=0)
    one, other = (by_length(lengths, shapes, 8, np.random.default_rng(seed)) for seed in (0, 1))
    assert [group.length for group in one] != [group.length for group in other]
    assert {frozenset(group.indices.tolist()) for group in one}.isdisjoint(
        {frozenset(group.indices.tolist()) for group in other if len(group.indices) == 8}
    )


def test_unshuffled_rows_keep_their_order_within_a_length():
    lengths = np.array([3, 9, 4, 10, 5, 11])
    made = by_length(lengths, (8, 16), 2)
    assert [(group.indices.tolist(), group.length) for group in made] == [
        ([0, 2], 8),
        ([4, 1], 16),
        ([3, 5], 16),
    ]


@pytest.mark.parametrize("batch_size", [1, 4, 32])
@pytest.mark.parametrize("max_shapes", [1, 2, 3, 4])
def test_the_plan_is_the_best_of_all_plans(batch_size, max_shapes):
    for seed in range(3):
        lengths = skewed(200, limit=60, seed=seed)
        top = min(-(-int(lengths.max()) // 8) * 8, 60)
        candidates = range(8, top, 8)
        found = plan(lengths, batch_size, limit=60, max_shapes=max_shapes, worth=-(10**9))
        best = min(
            slots(by_length(lengths, (*chosen, top), batch_size), batch_size)
            for count in range(max_shapes)
            for chosen in itertools.combinations(candidates, count)
        )
        made = slots(by_length(lengths, found, batch_size), batch_size)
        assert len(found) <= max_shapes
        # A shape that saves less than its share is left out.
        assert best <= made <= best / (1 - WORTH_A_SHARE) ** max_shapes


def test_shapes_are_few_static_and_ascending():
    shapes = plan(skewed(), 32, limit=128)
    assert 2 <= len(shapes) <= 4
    assert list(shapes) == sorted(set(shapes))
    assert all(length % 8 == 0 for length in shapes)
    assert shapes[-1] == 128


def test_grouping_spends_far_less_on_padding_than_the_limit_does():
    lengths = skewed(30_000)
    fixed = by_length(lengths, plan(lengths, 32, "fixed", 128), 32)
    grouped = by_length(lengths, plan(lengths, 32, "length", 128), 32, np.random.default_rng(0))
    assert slots(fixed, 32) / lengths.sum() > 3
    assert slots(grouped, 32) / lengths.sum() < 1.35


def test_where_lengths_cost_nothing_hardly_any_padding_is_left():
    lengths = skewed(30_000)
    shapes = plan(lengths, 32, "length", 128, max_shapes=128, worth=0)
    grouped = by_length(lengths, shapes, 32, np.random.default_rng(0))
    assert slots(grouped, 32) / lengths.sum() < 1.11


def test_few_rows_are_not_worth_a_second_shape():
    assert plan(np.array([5, 5, 5, 5, 120, 120, 120, 120]), 4, limit=128) == (120,)


def test_rows_all_alike_make_one_shape():
    assert plan(np.full(100_000, 30), 32, limit=128) == (32,)


def test_fixed_is_always_the_limit():
    assert plan(np.array([3, 4]), 2, "fixed", 100) == (100,)


def test_a_limit_that_is_no_multiple_of_eight_is_kept():
    assert plan(np.array([3, 99, 100]), 2, "length", 100)[-1] == 100


def test_unknown_batching_and_batch_sizes_are_refused():
    with pytest.raises(InputError, match=r"'sorted'.*'length', 'packed', 'fixed'"):
        plan(np.array([1]), 2, "sorted")
    with pytest.raises(InputError, match="batch_size=0"):
        plan(np.array([1]), 0)
    with pytest.raises(InputError, match="batch_size=0"):
        by_length(np.array([1]), (8,), 0)


def test_a_row_longer_than_every_shape_is_never_cut_silently():
    with pytest.raises(ValueError, match="9 tokens"):
        by_length(np.array([9]), (8,), 1)
    with pytest.raises(ValueError, match="9 tokens"):
        plan(np.array([9]), 1, limit=8)


def test_the_ladder_doubles_up_to_the_limit():
    assert ladder(512) == (16, 32, 64, 128, 256, 512)
    assert ladder(100) == (16, 32, 64, 100)
    assert ladder(10) == (10,)


@pytest.mark.parametrize("count", [0, 1, 8, 100])
def test_batches_in_order_hold_every_text_and_no_padding_but_within(count):
    lengths = skewed(count)
    made = list(by_order(lengths, 8))
    texts = [text for group in made for text in group.indices]
    assert sorted(texts) == list(range(count))
    assert len(made) == -(-count // 8)
    assert [lengths[group.indices].max() for group in made] == [group.length for group in made]
    assert (np.diff(lengths[texts]) >= 0).all()


def test_a_few_short_rows_are_not_padded_to_the_limit():
    lengths = np.array([5, 12, 40])
    (group,) = by_length(lengths, (16, 64, 512), batch_size=8)
    assert group.length == 64


def rows_of(arrangement):
    """Texts of every row, over all batches."""
    rows = []
    for group in arrangement:
        for row in range(int(group.rows.max()) + 1):
            rows.append(group.indices[group.rows == row])
    return rows


@pytest.mark.parametrize("shuffled", [False, True])
@pytest.mark.parametrize("count", [1, 2, 7, 500])
@pytest.mark.parametrize("length", [128, 300])
def test_packed_every_text_is_in_exactly_one_row_that_holds_it(shuffled, count, length):
    lengths = skewed(count)
    made = packed(lengths, length, 8, np.random.default_rng(0) if shuffled else None)
    assert sorted(np.concatenate([group.indices for group in made])) == list(range(count))
    assert all((np.diff(group.rows) >= 0).all() for group in made)
    assert all(0 < lengths[row].sum() <= length for row in rows_of(made))


def test_packed_rows_have_few_gaps():
    lengths = skewed(30_000)
    made = packed(lengths, 128, 32, np.random.default_rng(0))
    assert len(rows_of(made)) < 1.01 * lengths.sum() / 128


def test_packed_batches_hold_the_asked_number_of_texts_on_average():
    lengths = skewed(3000)
    made = packed(lengths, 128, 32, np.random.default_rng(0))
    assert {int(group.rows.max()) for group in list(made)[:-1]} == {8}
    assert np.mean([len(group.indices) for group in made]) == pytest.approx(32, rel=0.05)


def test_packed_rounds_have_as_many_batches_and_other_neighbours():
    lengths = skewed(500)
    one, other = (packed(lengths, 128, 8, np.random.default_rng(seed)) for seed in (0, 1))
    assert len(one) == len(other)
    neighbours = [
        {frozenset(row.tolist()) for row in rows_of(made) if len(row) > 1} for made in (one, other)
    ]
    assert len(neighbours[0] & neighbours[1]) < 0.1 * len(neighbours[0])


def test_a_text_longer_than_a_packed_row_is_never_cut_silently():
    with pytest.raises(ValueError, match="9 tokens"):
        packed(np.array([9]), 8, 1)


def test_packed_rows_are_as_long_as_the_longest_text_needs():
    lengths = np.array([5, 9] * 1000)
    assert plan(lengths, 256, "packed", 512) == (128,)
    assert plan(lengths, 256, "packed", 100) == (100,)
    assert plan(np.append(lengths, 300), 256, "packed", 512) == (304,)


@pytest.mark.parametrize("batch_size", [1, 2, 3, 4, 5, 8, 13, 16, 32, 100])
@pytest.mark.parametrize("mean", [6, 20, 36, 90])
def test_packed_batches_hold_about_as_many_texts_as_asked_however_few(batch_size, mean):
    lengths = np.random.default_rng(0).integers(mean // 2, 3 * mean // 2 + 1, 4000)
    (length,) = plan(lengths, batch_size, "packed", 512)
    made = packed(lengths, length, batch_size)
    if keeps_batch_size(lengths, batch_size, 512):
        assert len(lengths) / len(made) == pytest.approx(batch_size, rel=0.5)
    else:
        assert batch_size <= 2


def test_a_row_that_one_long_text_asks_for_does_not_keep_small_batches():
    lengths = np.array([6] * 1000 + [128])
    assert not keeps_batch_size(lengths, 4, 512)
    assert keeps_batch_size(lengths, 32, 512)
    assert keeps_batch_size(lengths[:0], 4, 512)
