"""`score`."""

from __future__ import annotations

import json

import pytest

from mlmzoo import MaskedLM

TEXTS = ["the quick fox runs here", "a lazy dog"]


@pytest.mark.parametrize("method", ["pll", "pll_word_l2r", "one_pass"])
def test_answers_are_those_of_score(mlmzoo, trained, method):
    done = mlmzoo("score", trained.preset, *TEXTS, "--method", method, "--json")
    expected = MaskedLM.from_preset(trained.preset).score(TEXTS, method)
    found = json.loads(done.stdout)
    assert found == json.loads(json.dumps([each.to_dict() for each in expected]))
    assert found[0]["pseudo_perplexity"] == expected[0].pseudo_perplexity
    assert found[0]["approximate"] == (method == "one_pass")


def test_people_see_sums_and_with_tokens_every_token(mlmzoo, trained):
    (score,) = MaskedLM.from_preset(trained.preset).score(TEXTS[:1])
    said = mlmzoo("score", trained.preset, TEXTS[0]).stdout
    for number in (score.log_probability, score.pseudo_perplexity):
        assert f"{number:.2f}" in said
    assert "Approximate" not in said and "fox" not in said.replace(TEXTS[0], "")
    said = mlmzoo("score", trained.preset, TEXTS[0], "--tokens").stdout
    for token in score.tokens:
        assert f"{token.log_probability:.2f}" in said
        assert token.token in said.replace(TEXTS[0], "")


def test_the_approximation_is_labelled_as_one(mlmzoo, trained):
    said = mlmzoo("score", trained.preset, TEXTS[0], "--method", "one_pass").stdout
    assert "Approximate: the model sees the tokens that it is asked for." in said


def test_texts_come_from_standard_input_one_a_line(mlmzoo, trained):
    done = mlmzoo("score", trained.preset, "--json", input="\n".join(TEXTS) + "\n\n")
    assert [each["text"] for each in json.loads(done.stdout)] == TEXTS


def test_a_text_too_long_is_an_error(mlmzoo, trained):
    done = mlmzoo("score", trained.preset, "the fox " * 20)
    assert done.exit_code == 1
    assert "sequence length is 16" in done.stderr
