import numpy as np
import pytest

from mlmzoo.data.frames import frame
from mlmzoo.data.masking import MaskingRule, draw
from mlmzoo.data.rows import pack

PAD, CLS, SEP, MASK = range(4)
RULE = MaskingRule(0.3, 0.8, 0.1, MASK, 50, (PAD, CLS, SEP))


@pytest.fixture
def rows():
    rng = np.random.default_rng(0)
    first, second = (
        [rng.integers(4, 50, size=rng.integers(0, 9)).tolist() for _ in range(20)] for _ in "ab"
    )
    weights = rng.random(20).astype(np.float32)
    return pack(first, second, start=CLS, end=SEP, limit=24, weights=weights)


def test_a_frame_holds_each_rows_tokens_and_masks(rows):
    masks = draw(rows, RULE, (1, 0))
    indices = np.array([3, 17, 3, 0])
    x, y, weight = frame(rows, masks, 24, 8, pad_id=PAD, segments=True, indices=indices)
    changed = masks.apply(rows.ids)
    for at, index in enumerate(indices):
        span = slice(rows.offsets[index], rows.offsets[index + 1])
        length = rows.lengths[index]
        np.testing.assert_array_equal(x["token_ids"][at, :length], changed[span])
        assert (x["token_ids"][at, length:] == PAD).all()
        assert x["padding_mask"][at].tolist() == [1] * length + [0] * (24 - length)
        np.testing.assert_array_equal(x["segment_ids"][at, :length], rows.segments[span])
        assert not x["segment_ids"][at, length:].any()
        count = masks.offsets[index + 1] - masks.offsets[index]
        places = x["mask_positions"][at]
        np.testing.assert_array_equal(y[at, :count], rows.ids[span][places[:count]])
        assert (np.diff(places[:count]) > 0).all()
        assert not places[count:].any()
        assert not y[at, count:].any()
        np.testing.assert_array_equal(weight[at], [rows.weights[index]] * count + [0] * (8 - count))


def test_dtypes_and_shapes_are_as_documented(rows):
    x, y, weight = frame(rows, draw(rows, RULE, (1,)), 24, 8, pad_id=PAD, segments=True)
    assert list(x) == ["token_ids", "padding_mask", "segment_ids", "mask_positions"]
    assert {name: (array.shape, str(array.dtype)) for name, array in x.items()} == {
        "token_ids": ((20, 24), "int32"),
        "padding_mask": ((20, 24), "int32"),
        "segment_ids": ((20, 24), "int32"),
        "mask_positions": ((20, 8), "int32"),
    }
    assert (y.shape, str(y.dtype)) == ((20, 8), "int32")
    assert (weight.shape, str(weight.dtype)) == ((20, 8), "float32")


def test_segments_come_only_when_asked_for(rows):
    x, _, _ = frame(rows, draw(rows, RULE, (1,)), 24, 8, pad_id=PAD)
    assert "segment_ids" not in x


def test_empty_rows_fill_the_batch_and_weigh_nothing(rows):
    masks = draw(rows, RULE, (1,))
    x, y, weight = frame(rows, masks, 24, 8, pad_id=9, indices=np.array([1]), batch_size=4)
    assert x["token_ids"].shape == (4, 24)
    assert (x["token_ids"][1:] == 9).all()
    # One visible position: attention over nothing is not a number.
    assert x["padding_mask"][1:].sum(axis=1).tolist() == [1, 1, 1]
    assert x["padding_mask"][1:, 0].all()
    assert not weight[1:].any()
    assert not y[1:].any()


def test_what_does_not_fit_is_never_cut_silently(rows):
    masks = draw(rows, RULE, (1,))
    with pytest.raises(ValueError, match="only 8 places"):
        frame(rows, masks, 8, 8, pad_id=PAD)
    with pytest.raises(ValueError, match="only 1 places"):
        frame(rows, masks, 24, 1, pad_id=PAD)


def test_rows_without_any_mask_have_empty_slots():
    rows = pack([[], []], start=CLS, end=SEP, limit=8)
    x, _, weight = frame(rows, draw(rows, RULE, (1,)), 8, 2, pad_id=PAD)
    assert x["mask_positions"].tolist() == [[0, 0], [0, 0]]
    assert not weight.any()


def test_texts_that_share_a_row_stand_one_behind_the_other(rows):
    masks = draw(rows, RULE, (1, 0))
    indices, place = np.array([4, 2, 7, 1]), np.array([0, 0, 2, 2])
    x, y, weight = frame(
        rows, masks, 48, 16, pad_id=PAD, segments=True, indices=indices, place=place, batch_size=4
    )
    single = frame(rows, masks, 24, 8, pad_id=PAD, segments=True, indices=indices)
    for row, members in ((0, (0, 1)), (2, (2, 3))):
        at, slot = 0, 0
        for number, text in enumerate(members, start=1):
            n, m = rows.lengths[indices[text]], int((single[2][text] > 0).sum())
            span, slots = slice(at, at + n), slice(slot, slot + m)
            assert (x["padding_mask"][row, span] == number).all()
            for name in ("token_ids", "segment_ids"):
                np.testing.assert_array_equal(x[name][row, span], single[0][name][text, :n])
            moved = single[0]["mask_positions"][text, :m] + at
            np.testing.assert_array_equal(x["mask_positions"][row, slots], moved)
            np.testing.assert_array_equal(y[row, slots], single[1][text, :m])
            np.testing.assert_array_equal(weight[row, slots], single[2][text, :m])
            at, slot = at + n, slot + m
        assert not x["padding_mask"][row, at:].any()
        assert not weight[row, slot:].any()
    assert x["padding_mask"][[1, 3]].sum(axis=1).tolist() == [1, 1]
    assert not weight[[1, 3]].any()
