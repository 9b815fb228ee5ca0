"""Each token masked in turn: one row each, the others as they were."""

import numpy as np

from mlmzoo.data.in_turn import as_they_stand, masked_in_turn
from mlmzoo.data.rows import TokenRows

MASK = 9
ROWS = TokenRows(
    np.array([1, 5, 6, 7, 2, 1, 8, 2], np.int32),
    np.array([0, 5, 8]),
    np.array([0, 0, 0, 1, 1, 0, 0, 0], np.int8),
)
CHOSEN = np.array([0, 1, 1, 1, 0, 0, 1, 0], bool)


def masked(copies, masks):
    ids = masks.apply(copies.ids)
    return [ids[a:b].tolist() for a, b in zip(copies.offsets[:-1], copies.offsets[1:], strict=True)]


def test_every_chosen_token_is_masked_in_a_row_of_its_own():
    copies, masks = masked_in_turn(ROWS, CHOSEN, MASK)
    assert masked(copies, masks) == [
        [1, MASK, 6, 7, 2],
        [1, 5, MASK, 7, 2],
        [1, 5, 6, MASK, 2],
        [1, MASK, 2],
    ]
    assert masks.labels.tolist() == [5, 6, 7, 8]
    assert masks.offsets.tolist() == [0, 1, 2, 3, 4]
    assert copies.segments[:5].tolist() == [0, 0, 0, 1, 1]


def test_what_follows_in_the_same_word_is_masked_too_and_not_asked_for():
    words = np.array([1, 1, 0, 1, 1, 1, 1, 1], bool)  # 5 and 6 are one word
    copies, masks = masked_in_turn(ROWS, CHOSEN, MASK, words)
    assert masked(copies, masks) == [
        [1, MASK, MASK, 7, 2],
        [1, 5, MASK, 7, 2],
        [1, 5, 6, MASK, 2],
        [1, MASK, 2],
    ]
    assert masks.labels.tolist() == [5, 6, 7, 8]


def test_the_rows_given_are_not_changed():
    before = ROWS.ids.copy()
    masked_in_turn(ROWS, CHOSEN, MASK, np.zeros(8, bool))
    assert (ROWS.ids == before).all()


def test_tokens_that_are_asked_for_as_they_stand_stay_visible():
    masks = as_they_stand(ROWS, CHOSEN)
    assert (masks.apply(ROWS.ids) == ROWS.ids).all()
    assert masks.positions.tolist() == [1, 2, 3, 6]
    assert masks.offsets.tolist() == [0, 3, 4]
