import hashlib

import numpy as np
import pytest

from mlmzoo.contract.errors import InputError
from mlmzoo.data.masking import MaskingRule, draw
from mlmzoo.data.rows import pack

PAD, CLS, SEP, MASK, UNK = range(5)
V = 100


def rule(**given):
    settings = {
        "rate": 0.15,
        "mask_token_rate": 0.8,
        "random_token_rate": 0.1,
        "mask_id": MASK,
        "vocabulary_size": V,
        "special_ids": (PAD, CLS, SEP, MASK, UNK),
    }
    return MaskingRule(**{**settings, **given})


def random_rows(count=300, longest=40, seed=0, special_share=0.0):
    rng = np.random.default_rng(seed)
    texts = []
    for _ in range(count):
        ids = rng.integers(5, V, size=rng.integers(0, longest))
        ids[rng.random(len(ids)) < special_share] = UNK
        texts.append(ids.tolist())
    return pack(texts, start=CLS, end=SEP, limit=longest + 2)


def masked_of(rows, masks, index):
    """(place in the row, label, replaced) of each mask of a row."""
    span = slice(masks.offsets[index], masks.offsets[index + 1])
    return list(
        zip(
            (masks.positions[span] - rows.offsets[index]).tolist(),
            masks.labels[span].tolist(),
            masks.replaced[span].tolist(),
            strict=True,
        )
    )


@pytest.mark.parametrize("rate", [0.01, 0.15, 0.5, 1.0])
@pytest.mark.parametrize("limit", [None, 1, 3])
def test_each_row_has_exactly_the_rounded_share_and_at_least_one_where_possible(rate, limit):
    rows = random_rows(special_share=0.2)
    masks = draw(rows, rule(rate=rate, limit_per_row=limit), (7, 0))
    for index in range(len(rows)):
        ids = rows.ids[rows.offsets[index] : rows.offsets[index + 1]]
        maskable = int((ids >= 5).sum())
        expected = max(1, round(rate * maskable)) if maskable else 0
        expected = min(expected, limit or expected)
        assert len(masked_of(rows, masks, index)) == expected


def test_rate_zero_masks_nothing():
    masks = draw(random_rows(), rule(rate=0), (7, 0))
    assert not len(masks.positions)
    assert not masks.offsets.any()


def test_no_special_token_is_chosen_and_none_stands_in():
    rows = random_rows(special_share=0.5)
    masks = draw(rows, rule(rate=1.0, mask_token_rate=0.0, random_token_rate=1.0), (1, 2))
    assert masks.labels.min() >= 5
    assert masks.replaced.min() >= 5
    assert set(masks.replaced.tolist()) == set(range(5, V)), "every ordinary id can stand in"


def test_mask_token_is_special_even_if_not_named():
    rows = pack([[MASK, MASK, 7]], start=CLS, end=SEP, limit=8)
    masks = draw(rows, rule(rate=1.0, special_ids=(CLS, SEP)), (1,))
    assert masks.labels.tolist() == [7]


def test_labels_are_what_stood_there_and_nothing_else_changes():
    rows = random_rows()
    masks = draw(rows, rule(rate=0.5), (3, 1))
    ids = masks.apply(rows.ids)
    assert (np.diff(masks.positions) > 0).all()
    np.testing.assert_array_equal(rows.ids[masks.positions], masks.labels)
    np.testing.assert_array_equal(ids[masks.positions], masks.replaced)
    untouched = np.ones(len(ids), bool)
    untouched[masks.positions] = False
    np.testing.assert_array_equal(ids[untouched], rows.ids[untouched])


def test_replacement_follows_80_10_10_within_five_standard_deviations():
    rows = random_rows(count=4000)
    masks = draw(rows, rule(), (11, 0))
    n = len(masks.labels)
    shares = {
        0.8: (masks.replaced == MASK).mean(),
        # One random token in 95 is the label itself.
        0.1 + 0.1 / 95: (masks.replaced == masks.labels).mean(),
    }
    for expected, found in shares.items():
        assert abs(found - expected) < 5 * np.sqrt(expected * (1 - expected) / n)


def test_every_place_of_a_text_is_chosen_equally_often():
    rows = pack([list(range(5, 25))] * 5000, start=CLS, end=SEP, limit=32)
    masks = draw(rows, rule(rate=0.25), (5, 0))
    counts = np.bincount(masks.positions % 22, minlength=22)[1:21]
    assert counts.sum() == 5 * 5000
    assert abs(counts - 1250).max() < 5 * np.sqrt(5000 * 0.25 * 0.75)


def test_random_replacements_are_uniform():
    rows = pack([list(range(5, 25))] * 5000, start=CLS, end=SEP, limit=32)
    masks = draw(rows, rule(rate=1.0, mask_token_rate=0, random_token_rate=1.0), (5, 0))
    counts = np.bincount(masks.replaced, minlength=V)[5:]
    assert abs(counts - 100_000 / 95).max() < 5 * np.sqrt(100_000 / 95)


def test_what_becomes_of_a_token_does_not_depend_on_the_order_it_was_chosen_in():
    # Of the tokens chosen at a low rate, the first of each row in the order of choosing, as many
    # become the mask token as of all.
    rows = pack([list(range(5, 25))] * 20_000, start=CLS, end=SEP, limit=32)
    few = draw(rows, rule(rate=0.01), (5, 0))
    many = draw(rows, rule(rate=0.5), (5, 0))
    masked = few.replaced == MASK
    assert abs(masked.mean() - 0.8) < 5 * np.sqrt(0.8 * 0.2 / len(masked))
    found = np.isin(few.positions, many.positions)
    assert found.all(), "a higher rate masks the same tokens and more"
    np.testing.assert_array_equal(
        many.replaced[np.isin(many.positions, few.positions)], few.replaced
    )


def test_two_epochs_choose_independently():
    rows = pack([list(range(5, 25))] * 5000, start=CLS, end=SEP, limit=32)
    one, other = (draw(rows, rule(rate=0.25), (5, epoch)).positions for epoch in range(2))
    common = len(np.intersect1d(one, other))
    expected = 0.25**2 * 100_000
    assert abs(common - expected) < 5 * np.sqrt(expected)


def test_a_texts_masks_are_the_same_in_whatever_company():
    rows = random_rows(count=500, special_share=0.1)
    whole = draw(rows, rule(), (3, 4))
    shuffled = np.random.default_rng(0).permutation(len(rows))
    for indices in (shuffled, shuffled[:1], shuffled[7:19], np.arange(100, 200)):
        taken = rows.take(indices)
        masks = draw(taken, rule(), (3, 4))
        for place, index in enumerate(indices):
            assert masked_of(taken, masks, place) == masked_of(rows, whole, index)
        again = np.argsort(indices)  # rows taken of taken rows
        twice = taken.take(again)
        masks = draw(twice, rule(), (3, 4))
        for place, index in enumerate(indices[again]):
            assert masked_of(twice, masks, place) == masked_of(rows, whole, index)


def test_later_texts_do_not_change_the_masks_of_earlier_ones():
    rows = random_rows(count=200)
    short = rows.take(np.arange(50))
    # A very long text comes later, so that places need more bits.
    longer = pack(
        [row[1:-1].tolist() for row in np.split(rows.ids, rows.offsets[1:-1])] + [[9] * 70_000],
        start=CLS,
        end=SEP,
        limit=80_000,
    )
    masks, few, many = (draw(each, rule(), (3, 4)) for each in (rows, short, longer))
    for index in range(50):
        assert masked_of(rows, masks, index) == masked_of(short, few, index)
        assert masked_of(rows, masks, index) == masked_of(longer, many, index)


def test_masks_do_not_depend_on_how_many_rows_are_sorted_together(monkeypatch):
    rows = random_rows(count=200)
    whole = draw(rows, rule(), (3, 4))
    monkeypatch.setattr("mlmzoo.data.masking.ROWS_AT_ONCE", 7)
    parts = draw(rows, rule(), (3, 4))
    for name in ("positions", "labels", "replaced", "offsets"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(parts, name))


def test_same_seed_same_masks_and_another_epoch_others():
    rows = random_rows()
    one, same, epoch, seed = (
        draw(rows, rule(), given).positions for given in ((3, 0), (3, 0), (3, 1), (4, 0))
    )
    np.testing.assert_array_equal(one, same)
    assert (one != epoch).any()
    assert (one != seed).any()


def test_masks_are_the_same_in_every_version():
    # If this fails, users' runs no longer repeat: that is a change to announce.
    rows = pack([list(range(5, 5 + n)) for n in range(60)], start=CLS, end=SEP, limit=64)
    masks = draw(rows, rule(rate=0.5), (3, 1))
    digest = hashlib.sha256(masks.positions.tobytes() + masks.replaced.tobytes()).hexdigest()
    assert digest[:16] == "42b073e03cd2dded"


def test_no_texts_no_masks():
    rows = random_rows(count=5).take(np.zeros(0, np.int64))
    masks = draw(rows, rule(), (0,))
    assert masks.positions.shape == (0,)
    assert masks.offsets.tolist() == [0]


@pytest.mark.parametrize("limit", [None, 5])
def test_slots_hold_the_masks_of_every_shorter_row(limit):
    for rate in (0.0, 0.01, 0.15, 0.33, 1.0):
        tried = rule(rate=rate, limit_per_row=limit)
        lengths = np.arange(200)
        assert tried.slots(0) >= 1
        for length in (1, 8, 96, 199):
            assert tried.slots(length) >= tried.counts(lengths[: length + 1]).max()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"rate": -0.1}, "mask_selection_rate=-0.1.*0 to 1"),
        ({"rate": 15}, "mask_selection_rate=15.*0 to 1"),
        ({"rate": float("nan")}, "mask_selection_rate=nan"),
        ({"mask_token_rate": 1.5}, "mask_token_rate=1.5"),
        ({"random_token_rate": -1}, "random_token_rate=-1"),
        ({"mask_token_rate": 0.8, "random_token_rate": 0.3}, "together they are more than 1"),
        ({"limit_per_row": 0}, "mask_selection_length=0"),
        ({"mask_id": V}, f"id {V} is outside the vocabulary of {V}"),
        ({"special_ids": (-1,)}, "id -1 is outside"),
        ({"special_ids": tuple(range(V))}, "all 100 ids of the vocabulary are special"),
    ],
)
def test_a_senseless_rule_says_what_is_wrong(given, message):
    with pytest.raises(InputError, match=message):
        rule(**given)


def test_shares_that_sum_to_one_in_floating_point_are_accepted():
    rule(mask_token_rate=0.9, random_token_rate=0.1)
    given = {"mask_token_rate": 0.8900000000000001, "random_token_rate": 0.11}
    assert sum(given.values()) > 1
    rule(**given)


def test_token_ids_of_another_vocabulary_are_refused():
    rows = pack([[5, V]], start=CLS, end=SEP, limit=8)
    with pytest.raises(InputError, match=r"token ids 1 to 100.*100 ids"):
        draw(rows, rule(), (0,))


def test_a_negative_seed_is_refused():
    with pytest.raises(InputError, match="seed"):
        draw(random_rows(count=1), rule(), (-1, 0))
