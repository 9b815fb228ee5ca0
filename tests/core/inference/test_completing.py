"""The beam: the extensions that sorting all log-probabilities would find."""

import numpy as np
import pytest

from mlmzoo.inference.completing import Beam, CompletedText, Completion, Fill, Hypothesis

EXCLUDED = [0, 7]


@pytest.mark.parametrize("order", ["confident", "left_to_right"])
@pytest.mark.parametrize("width", [1, 3, 100])
def test_extensions_are_the_best_of_a_full_sort(order, width):
    logits = np.random.default_rng(1).normal(scale=3, size=(3, 40)).astype("float32")
    start = Hypothesis((5, 9, 9, 9), (1, 2, 3))
    found = Beam(width, order, start).extensions(start, logits, EXCLUDED)

    exact = logits.astype("float64")
    exact -= np.log(np.exp(exact).sum(axis=-1, keepdims=True))
    exact[:, EXCLUDED] = -np.inf
    which = 0 if order == "left_to_right" else exact.max(axis=-1).argmax()
    best = np.argsort(-exact[which], kind="stable")[: min(width, 38)]
    assert [each.ids[which + 1] for each in found] == best.tolist()
    for each, id in zip(found, best, strict=True):
        assert each.log_probability == pytest.approx(exact[which, id], abs=1e-6)
        assert each.open == tuple(place for place in (1, 2, 3) if place != which + 1)


def test_equal_tokens_are_taken_in_the_order_of_their_ids():
    start = Hypothesis((9, 9), (0, 1))
    found = Beam(2, "confident", start).extensions(start, np.zeros((2, 6), "float32"), [0])
    assert [each.ids for each in found] == [(1, 9), (2, 9)]


def test_scores_are_printed_where_they_give_another_order_than_probabilities():
    one = Fill("lord", ("lord",), (4,), (8, 14))
    two = Fill("lord spake", ("lord", "spake"), (4, 5), (8, 14))
    completions = Completion("", (two,), -1.1), Completion("", (one,), -0.7)
    said = repr(CompletedText("And the [MASK].", completions)).splitlines()
    assert said[1:] == [
        "  'lord spake' 33.29% (-0.55 per token)",
        "  'lord' 49.66% (-0.70 per token)",
    ]
    said = repr(CompletedText("And the [MASK].", completions[::-1])).splitlines()
    assert said[1:] == ["  'lord' 49.66%", "  'lord spake' 33.29%"]


def test_pieces_of_words_are_printed_as_such():
    piece, word = (Fill("t", (token,), (4,), (0, 6)) for token in ("##t", "t"))
    assert repr(piece) != repr(word)
