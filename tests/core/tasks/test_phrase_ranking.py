"""Candidates of `fill_mask`: probabilities held against rows that are filled in by hand."""

import json

import numpy as np
import pytest

from mlmzoo.errors import InputError

TEXT = "in the <mask> god <mask> heaven"


def test_candidates_of_one_token_have_the_probability_they_have_among_all(trained):
    (mask,) = trained.fill_mask("in the <mask> god", top_k=100).masks
    known = {candidate.token: candidate.probability for candidate in mask.candidates}
    (asked,) = trained.fill_mask("in the <mask> god", candidates=["light", "morning"]).masks
    assert {phrase.text for phrase in asked.candidates} == {"light", "morning"}
    for phrase in asked.candidates:
        assert phrase.probability == pytest.approx(known[phrase.text], abs=1e-6)
    assert (asked.position, asked.span) == (mask.position, mask.span) == (3, (7, 13))


def test_a_phrase_is_scored_token_by_token_from_left_to_right(trained, row, log_probabilities):
    tokenizer = trained.preprocessor.tokenizer
    first, second = tokenizer.encode(["heaven light"])[0]
    ids = row(trained, "in the <mask> <mask> god")
    expected = log_probabilities(trained, ids, 3)[first]
    expected += log_probabilities(trained, [*ids[:3], first, *ids[4:]], 4)[second]
    answer = trained.fill_mask("in the <mask> god", candidates=["heaven light", "god"])
    phrases = {phrase.text: phrase for phrase in answer.masks[0].candidates}
    phrase = phrases["heaven light"]
    assert phrase.ids == (first, second)
    assert phrase.log_probability == pytest.approx(expected, abs=1e-4)
    assert phrase.score == pytest.approx(expected / 2, abs=1e-4)
    scores = [each.score for each in answer.masks[0].candidates]
    assert scores == sorted(scores, reverse=True)


def test_every_mask_is_answered_with_the_others_left_open(trained):
    answer = trained.fill_mask([TEXT, "day <mask>"], candidates=["god", "heaven light"])
    assert [len(filled.masks) for filled in answer] == [2, 1]
    tokens = trained.fill_mask(TEXT, top_k=100)
    for asked, known in zip(answer[0].masks, tokens.masks, strict=True):
        by_token = {candidate.token: candidate.probability for candidate in known.candidates}
        god = next(phrase for phrase in asked.candidates if phrase.text == "god")
        assert god.probability == pytest.approx(by_token["god"], abs=1e-6)
        assert asked.position == known.position
    assert json.loads(json.dumps(answer[0].to_dict()))["masks"][0]["candidates"][0]["tokens"]


@pytest.mark.parametrize(
    ("candidates", "message"),
    [
        ([], r"candidates=\[\] was given"),
        ([" "], "Give a list of words"),
        (3, "candidates=3 was given. Give a list of words"),
        ([3], "Give a list of words"),
        (["zebra"], r"cannot spell the candidate 'zebra'"),
        (
            ["god " * 30],
            "becomes 30 tokens, which leave no room for all masks within .* of 24, in the",
        ),
    ],
)
def test_candidates_that_cannot_stand_there_are_refused(trained, candidates, message):
    with pytest.raises(InputError, match=message):
        trained.fill_mask("in the <mask> god", candidates=candidates)


def test_probabilities_of_all_words_sum_to_those_of_ordinary_tokens(trained):
    tokenizer = trained.preprocessor.tokenizer
    words = [t for t in tokenizer.get_vocabulary() if t not in tokenizer.special_tokens.values()]
    (mask,) = trained.fill_mask("in the <mask> god", candidates=words).masks
    total = sum(phrase.probability for phrase in mask.candidates)
    (known,) = trained.fill_mask("in the <mask> god", top_k=100).masks
    special = set(tokenizer.special_tokens.values())
    expected = sum(c.probability for c in known.candidates if c.token not in special)
    assert total == pytest.approx(expected, abs=1e-5)
    assert np.isfinite(total) and len(mask.candidates) == len(words)
