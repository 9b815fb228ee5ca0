"""Candidates of `fill_mask`: probabilities held against rows that are filled in by hand."""

import json

import numpy as np
import pytest

from mlmzoo.errors import InputError
from mlmzoo.tasks import phrase_ranking

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


@pytest.fixture
def rows_asked(monkeypatch):
    """How many rows were asked, call by call."""
    seen = []

    def counting(task, rows, batch_size):
        seen.append(len(rows))
        return original(task, rows, batch_size)

    original = phrase_ranking.logits_at_masks
    monkeypatch.setattr(phrase_ranking, "logits_at_masks", counting)
    return seen


def test_a_row_is_asked_once_whatever_it_answers(trained, rows_asked):
    trained.fill_mask(TEXT, candidates=["god", "heaven", "light", "morning", "beginning"])
    trained.fill_mask("in the <mask>", candidates=["god light", "god heaven", "morning light"])
    # Both masks of a text in one row; two open masks, behind them those for god and for morning.
    assert rows_asked == [1, 3]


def test_pairs_are_ranked_in_both_texts(trained):
    pair = ("in the <mask>", "god <mask> heaven")
    known = trained.fill_mask(pair, top_k=100)
    ranked = trained.fill_mask(pair, candidates=["light"])
    for asked, all_of_them in zip(ranked.masks, known.masks, strict=True):
        (light,) = (each for each in all_of_them.candidates if each.token == "light")
        assert asked.candidates[0].probability == pytest.approx(light.probability, abs=1e-6)
        place = (asked.position, asked.span, asked.segment)
        assert place == (all_of_them.position, all_of_them.span, all_of_them.segment)


@pytest.mark.parametrize("pair", [False, True])
def test_a_long_text_is_cut_with_and_without_candidates(trained, row, log_probabilities, pair):
    text = ("in the <mask>", "day " * 30) if pair else "in the <mask> " + "day " * 30
    (mask,) = trained.fill_mask(text, top_k=100).masks
    known = {candidate.token: candidate.probability for candidate in mask.candidates}
    ranked = trained.fill_mask(text, candidates=["light", "light god"]).masks[0].candidates
    phrases = {phrase.text: phrase for phrase in ranked}
    assert phrases["light"].probability == pytest.approx(known["light"], abs=1e-6)
    # Two masks take the place of a word more.
    tokenizer = trained.preprocessor.tokenizer
    (light, god), (day,) = tokenizer.encode(["light god", "day"])
    start, end, masks = tokenizer.start_token_id, tokenizer.end_token_id, [tokenizer.mask_token_id]
    ids = [start, *tokenizer.encode(["in the"])[0], *masks * 2, *[end] * pair]
    ids += [day] * (23 - len(ids)) + [end]
    expected = log_probabilities(trained, ids, 3)[light]
    ids[3] = light
    expected += log_probabilities(trained, ids, 4)[god]
    assert phrases["light god"].log_probability == pytest.approx(expected, abs=1e-4)


def test_a_candidate_that_pushes_a_mask_out_is_named(trained):
    text = "<mask> " + "day " * 20 + "<mask>"  # 24 tokens in all, as many as there may be
    assert len(trained.fill_mask(text, candidates=["god"]).masks) == 2
    with pytest.raises(InputError, match="The candidate 'god light' becomes 2 tokens, which leave"):
        trained.fill_mask(text, candidates=["god", "god light"])


def test_a_candidate_that_cannot_be_spelled_is_refused_with_its_text(trained):
    for candidates in (["god", "zebra"], ["<mask>"], ["god zebra"]):
        message = r"cannot spell the candidate '.*' in the text at index 0: 'day <mask>'.*Leave"
        with pytest.raises(InputError, match=message):
            trained.fill_mask(["day <mask>"], candidates=candidates)


def test_candidates_may_be_an_array_and_are_printed_as_text(trained):
    answer = trained.fill_mask("day <mask>", candidates=np.array(["god", "heaven light"]))
    assert all(type(phrase.text) is str for phrase in answer.masks[0].candidates)
    assert "str_" not in repr(answer)
