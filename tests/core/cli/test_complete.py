"""`complete`."""

from __future__ import annotations

import json

import pytest

from mlmzoo import MaskedLM

TEXT = "the <mask> fox <mask> here"


@pytest.mark.parametrize(
    ("options", "arguments"),
    [
        ([], {}),
        (["--beam", 2, "--order", "left_to_right"], {"beam": 2, "order": "left_to_right"}),
        (["--num-tokens", "2"], {"num_tokens": 2}),
        (["--num-tokens", "1-2"], {"num_tokens": (1, 2)}),
    ],
)
def test_answers_are_those_of_complete(mlmzoo, trained, options, arguments):
    done = mlmzoo("complete", trained.preset, TEXT, "a <mask>", *options, "--json")
    expected = MaskedLM.from_preset(trained.preset).complete([TEXT, "a <mask>"], **arguments)
    assert json.loads(done.stdout) == json.loads(json.dumps([e.to_dict() for e in expected]))


def test_texts_come_from_standard_input_one_a_line(mlmzoo, trained):
    lines = "the <mask> fox\n\n a <mask> <mask> \n"
    found = json.loads(mlmzoo("complete", trained.preset, "--json", input=lines).stdout)
    assert [(answer["text"], len(answer["completions"])) for answer in found] == [
        ("the <mask> fox", 5),
        ("a <mask> <mask>", 5),
    ]


def test_people_see_texts_probabilities_and_scores(mlmzoo, trained):
    said = mlmzoo("complete", trained.preset, TEXT, "--beam", 3, "--num-tokens", "1-2").stdout
    assert TEXT in said and "probability" in said and "per token" in said
    for completion in (
        MaskedLM.from_preset(trained.preset).complete(TEXT, beam=3, num_tokens=(1, 2)).completions
    ):
        assert completion.text in said
        assert f"{completion.probability:.3g}" in said


@pytest.mark.parametrize("number", ["0", "3-1", "1 3", "many", "1-", "-1"])
def test_a_number_of_tokens_that_makes_no_sense_is_wrong_usage(mlmzoo, trained, number):
    done = mlmzoo("complete", trained.preset, TEXT, f"--num-tokens={number}")
    assert done.exit_code == 2
    assert f"'{number}' is neither a number from 1 nor a range" in done.stderr


def test_a_text_without_a_mask_is_an_error(mlmzoo, trained):
    done = mlmzoo("complete", trained.preset, "the <mask>", "the fox")
    assert done.exit_code == 1
    assert "The text at index 1 to be filled has no <mask>" in " ".join(done.stderr.split())
