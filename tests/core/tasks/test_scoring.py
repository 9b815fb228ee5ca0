"""`score` and `prefer`: sums of log-probabilities of the model itself, token by token."""

import json
import math

import numpy as np
import pytest

from mlmzoo import pseudo_perplexity
from mlmzoo.errors import InputError, RandomHeadError
from mlmzoo.inference.scoring import Preference, TextScore, TokenScore
from mlmzoo.tasks import asking

TEXTS = ["in the beginning god created", "day", "let there be light and the evening", "heaven"]


def test_the_score_is_the_sum_over_tokens_each_masked_in_turn(trained, row, log_probabilities):
    ids = row(trained, TEXTS[0])
    mask = trained.preprocessor.tokenizer.mask_token_id
    expected = []
    for position in range(1, len(ids) - 1):
        masked = [*ids[:position], mask, *ids[position + 1 :]]
        expected.append(log_probabilities(trained, masked, position)[ids[position]])
    score = trained.score(TEXTS[0])
    found = [token.log_probability for token in score.tokens]
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert score.log_probability == pytest.approx(sum(expected), abs=1e-4)
    assert score.pseudo_perplexity == pytest.approx(math.exp(-np.mean(expected)), rel=1e-4)
    assert [token.id for token in score.tokens] == ids[1:-1]
    assert [TEXTS[0][slice(*token.span)] for token in score.tokens] == TEXTS[0].split()


def test_within_a_word_a_token_does_not_see_those_that_follow_it(
    trained, row, log_probabilities, monkeypatch
):
    tokenizer = trained.preprocessor.tokenizer
    text = "in the god light created"
    ids, mask = row(trained, text), tokenizer.mask_token_id
    goes_on = [tokenizer.token_to_id(name) for name in ("god", "light")]  # the+god+light: one word
    monkeypatch.setattr(tokenizer, "word_starts", lambda ids: ~np.isin(ids, goes_on))
    hidden = {1: [1], 2: [2, 3, 4], 3: [3, 4], 4: [4], 5: [5]}
    expected = [
        log_probabilities(trained, [mask if i in also else id for i, id in enumerate(ids)], at)[
            ids[at]
        ]
        for at, also in hidden.items()
    ]
    score = trained.score(text, method="pll_word_l2r")
    found = [token.log_probability for token in score.tokens]
    np.testing.assert_allclose(found, expected, atol=1e-5)
    alone = [token.log_probability for token in trained.score(text).tokens]
    assert np.flatnonzero(~np.isclose(found, alone, atol=1e-5)).tolist() == [1, 2]


def test_one_pass_asks_for_tokens_that_are_seen_and_says_that_it_is_no_likelihood(
    trained, row, log_probabilities
):
    ids = row(trained, TEXTS[0])
    expected = [log_probabilities(trained, ids, at)[ids[at]] for at in range(1, len(ids) - 1)]
    score = trained.score(TEXTS[0], method="one_pass")
    np.testing.assert_allclose(
        [token.log_probability for token in score.tokens], expected, atol=1e-5
    )
    assert score.approximate and score.to_dict()["approximate"] is True
    assert "approximate log-probability" in repr(score)
    assert not trained.score(TEXTS[0]).approximate


@pytest.mark.parametrize("method", ["pll", "pll_word_l2r", "one_pass"])
def test_a_batch_of_mixed_lengths_equals_one_by_one(trained, method):
    together = trained.score(TEXTS, method=method, batch_size=4)
    assert [score.text for score in together] == TEXTS
    for text, score in zip(TEXTS, together, strict=True):
        alone = trained.score(text, method=method)
        assert score.log_probability == pytest.approx(alone.log_probability, abs=1e-4)


def test_scores_do_not_depend_on_how_many_copies_are_held_at_once(trained, monkeypatch):
    whole = trained.score(TEXTS)
    monkeypatch.setattr(asking, "TOKENS_AT_ONCE", 1)
    parts = trained.score(TEXTS)
    for one, other in zip(whole, parts, strict=True):
        assert one.log_probability == pytest.approx(other.log_probability, abs=1e-4)


def test_a_stream_is_answered_as_it_is_read(trained):
    answers = trained.score(text for text in TEXTS)
    assert not isinstance(answers, list)
    assert [score.text for score in answers] == TEXTS


def test_a_mask_in_a_text_is_seen_and_not_scored(trained):
    score = trained.score("in the <mask> god")
    assert [token.token for token in score.tokens] == ["in", "the", "god"]


def test_a_pair_is_one_row_and_tokens_say_which_text_they_are_of(trained):
    score = trained.score(("in the", "god created"))
    assert score.text == ("in the", "god created")
    assert [token.segment for token in score.tokens] == [0, 0, 1, 1]
    assert [("in the", "god created")[t.segment][slice(*t.span)] for t in score.tokens] == [
        "in",
        "the",
        "god",
        "created",
    ]


def test_pseudo_perplexity_of_a_corpus_is_over_all_its_tokens(trained):
    scores = trained.score(TEXTS)
    values = [token.log_probability for score in scores for token in score.tokens]
    assert pseudo_perplexity(scores) == pytest.approx(math.exp(-np.mean(values)))
    assert pseudo_perplexity(iter(scores)) == pseudo_perplexity(scores)
    with pytest.raises(InputError, match="without tokens"):
        pseudo_perplexity([])


def test_a_perplexity_that_no_float_can_hold_is_infinite():
    score = TextScore("a", "pll", (TokenScore("a", 5, (0, 1), -1e6),))
    assert score.pseudo_perplexity == pseudo_perplexity([score]) == math.inf
    assert score.to_dict()["pseudo_perplexity"] is None


def test_the_more_probable_text_is_preferred(trained):
    a, b = trained.score(TEXTS[:2])
    preference = trained.prefer(*TEXTS[:2])
    assert preference.difference == pytest.approx(a.log_probability - b.log_probability, abs=1e-4)
    assert preference.preferred == ("a" if preference.difference > 0 else "b")
    both = trained.prefer(TEXTS[:2], TEXTS[2:])
    assert [each.a.text for each in both] == TEXTS[:2]
    assert [each.b.text for each in both] == TEXTS[2:]


def test_what_a_model_reads_as_the_same_is_a_tie_whatever_batches_it_falls_into(trained):
    spelt_otherwise = [text.upper() for text in TEXTS]  # the toy reads lower case
    for texts in (TEXTS, spelt_otherwise):
        found = trained.prefer(TEXTS, texts, batch_size=5)
        assert [each.preferred for each in found] == [None] * len(TEXTS)
        assert all(each.a is each.b for each in found) == (texts is TEXTS)  # scored once


@pytest.mark.parametrize(("by", "preferred"), [(1.9e-5, None), (2.1e-5, "a"), (-2.1e-5, "b")])
def test_what_rounding_makes_of_each_token_is_no_preference(by, preferred):
    def score(*log_probabilities):
        tokens = tuple(TokenScore("t", 9, (0, 1), value) for value in log_probabilities)
        return TextScore("tt", "pll", tokens)

    assert Preference(score(-1.0, -2.0 + by), score(-1.0, -2.0)).preferred == preferred


def test_pairs_are_compared_as_pairs(trained):
    a, b = ("in the", "god created"), ("day", "heaven")
    one, other = trained.score([a, b])
    alone = trained.prefer(a, b)
    assert (alone.a.text, alone.b.text) == (a, b)
    assert alone.difference == pytest.approx(one.log_probability - other.log_probability, abs=1e-4)
    (listed,) = trained.prefer([a], [b])
    assert (listed.a.text, listed.b.text) == (a, b)


def test_preferences_take_every_form_of_many_texts(trained):
    wanted = [each.difference for each in trained.prefer(TEXTS[:2], TEXTS[2:])]
    for form in (np.array, iter):
        found = trained.prefer(form(TEXTS[:2]), form(TEXTS[2:]))
        assert [each.difference for each in found] == pytest.approx(wanted, abs=1e-4)


@pytest.mark.parametrize(
    ("a", "b", "found"),
    [
        (["day"], ["day", "in"], r"a list of texts \(1\) with a list of texts \(2\)"),
        ("day", ["day"], r"one text with a list of texts \(1\)"),
        ("day", ("in", "the"), "one text with one pair"),
        ([("in", "the")], ["day"], r"a list of pairs \(1\) with a list of texts \(1\)"),
    ],
)
def test_texts_that_cannot_be_compared_are_refused(trained, a, b, found):
    with pytest.raises(InputError, match=f"prefer was asked to compare {found}. Give two"):
        trained.prefer(a, b)


@pytest.mark.parametrize("b", [None, 3, {"token_ids": [1]}, []])
def test_what_is_no_text_is_not_preferred(trained, b):
    with pytest.raises(InputError):
        trained.prefer("day", b)


def test_a_text_too_long_is_refused_not_cut(trained):
    with pytest.raises(InputError, match=r"has 32 tokens, and the sequence length is 24: 'day"):
        trained.score(["day", "day " * 30])


def test_an_unknown_method_is_refused(trained):
    with pytest.raises(InputError, match=r"method='ppl' was asked for. Give one of 'pll'"):
        trained.score("day", method="ppl")


def test_a_random_head_and_a_model_without_preprocessor_refuse(make, trained):
    with pytest.raises(RandomHeadError, match="score was asked"):
        make().score("day")
    trained.preprocessor = None
    with pytest.raises(InputError, match="score was asked of a model whose preprocessor is None"):
        trained.score("day")


def test_scores_are_plain_data(trained):
    preference = trained.prefer("god", "in the")
    found = json.loads(json.dumps(preference.to_dict()))
    assert found["a"]["tokens"][0]["token"] == "god"
    assert found["b"]["pseudo_perplexity"] == preference.b.pseudo_perplexity
    empty = trained.score("<mask>")
    assert math.isnan(empty.pseudo_perplexity) and empty.to_dict()["pseudo_perplexity"] is None


def test_training_goes_on_after_scoring_and_scores_follow_it(make):
    task = make(head_state="trained", learning_rate=0.5)
    before = task.score(TEXTS[0]).log_probability
    task.fit(TEXTS, batch_size=2, verbose=0)
    assert task.score(TEXTS[0]).log_probability != pytest.approx(before, abs=1e-3)
