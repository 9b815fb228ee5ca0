"""The best candidates at a mask, as sorting the whole vocabulary would find them."""

import numpy as np
import pytest

from mlmzoo.inference.filling import MaskAnswer, Phrase, best_candidates


def found(logits, top_k):
    answers = best_candidates(np.asarray(logits, "float32"), top_k, str, lambda i: f"<{i}>")
    return [[candidate.id for candidate in answer] for answer in answers], answers


@pytest.mark.parametrize("top_k", [1, 3, 50, 99])
def test_candidates_are_those_of_a_full_sort_with_their_softmax(top_k):
    logits = np.random.default_rng(0).normal(scale=4, size=(7, 50)).astype("float32")
    ids, answers = found(logits, top_k)
    exact = np.exp(logits.astype("float64"))
    exact /= exact.sum(axis=-1, keepdims=True)
    for row, answer in enumerate(answers):
        assert ids[row] == np.argsort(-exact[row], kind="stable")[:top_k].tolist()
        for candidate in answer:
            assert candidate.probability == pytest.approx(exact[row, candidate.id], rel=1e-5)
            assert (candidate.token, candidate.text) == (str(candidate.id), f"<{candidate.id}>")


def test_equal_tokens_stand_in_the_order_of_their_ids_at_the_cut_too():
    assert found([[1, 5, 2, 5, 2, 2, 0]], 3)[0] == [[1, 3, 2]]
    assert found([[0] * 9], 4)[0] == [[0, 1, 2, 3]]


def test_no_mask_has_no_answer():
    assert found(np.zeros((0, 5)), 2)[0] == []


def test_large_logits_do_not_overflow():
    (answer,) = best_candidates(np.float32([[1e30, 0, 1e30]]), 2, str, str)
    assert [candidate.probability for candidate in answer] == [0.5, 0.5]


def test_scores_of_phrases_are_printed_where_they_give_another_order_than_probabilities():
    one, two = (
        Phrase("god", ("god",), (4,), -0.7),
        Phrase("the lord", ("the", "lord"), (5, 6), -1.1),
    )
    assert repr(MaskAnswer(1, (two, one), (0, 6))) == (
        "mask at 1: 'the lord' 0.33 (-0.55 per token), 'god' 0.5 (-0.70 per token)"
    )
    assert repr(MaskAnswer(1, (one, two), (0, 6))) == "mask at 1: 'god' 0.5, 'the lord' 0.33"
