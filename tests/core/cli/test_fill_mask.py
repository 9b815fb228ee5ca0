"""`fill-mask`."""

from __future__ import annotations

import json

import pytest

from mlmzoo import MaskedLM


def test_answers_are_those_of_fill_mask(mlmzoo, trained):
    text = "the quick <mask> runs here"
    done = mlmzoo("fill-mask", trained.preset, text, "--top-k", 3, "--json")
    expected = MaskedLM.from_preset(trained.preset).fill_mask([text], top_k=3)
    assert json.loads(done.stdout) == json.loads(json.dumps([e.to_dict() for e in expected]))


def test_texts_come_from_standard_input_one_a_line(mlmzoo, trained):
    lines = "the <mask> fox\n\n a <mask> <mask> \n"
    found = json.loads(mlmzoo("fill-mask", trained.preset, "--json", input=lines).stdout)
    assert [(answer["text"], len(answer["masks"])) for answer in found] == [
        ("the <mask> fox", 1),
        ("a <mask> <mask>", 2),
    ]


def test_people_see_text_tokens_and_probabilities(mlmzoo, trained):
    said = mlmzoo("fill-mask", trained.preset, "[bold] <mask> and <mask>", "--top-k", 2).stdout
    assert "[bold] <mask> and <mask>" in said  # brackets are no markup
    assert "mask 2 of 2" in said
    assert said.count("%") == 4


def test_all_candidates_are_shown_with_what_they_are_ranked_by(mlmzoo, trained):
    names = ["fox", "dog", "cat", "quick fox", "lazy dog", "old cat"]
    given = [argument for name in names for argument in ("--candidate", name)]
    done = mlmzoo("fill-mask", trained.preset, "the <mask> runs", *given)
    (mask,) = (
        MaskedLM.from_preset(trained.preset).fill_mask("the <mask> runs", candidates=names).masks
    )
    lines = [line.split() for line in done.stdout.splitlines() if line.strip()][-len(names) :]
    for line, phrase in zip(lines, mask.candidates, strict=True):
        assert line == [*phrase.text.split(), f"{phrase.probability:.3g}", f"{phrase.score:.2f}"]


def test_a_number_of_tokens_beside_candidates_is_wrong_usage(mlmzoo, trained):
    done = mlmzoo("fill-mask", trained.preset, "a <mask>", "--candidate", "fox", "--top-k", 1)
    assert done.exit_code == 2
    assert "all candidates are shown" in done.stderr


@pytest.mark.parametrize("given", ["", "\n \n", b"caf\xe9 <mask>"])
def test_no_text_at_all_is_wrong_usage(mlmzoo, trained, given):
    assert mlmzoo("fill-mask", trained.preset, input=given).exit_code == 2


def test_a_text_without_a_mask_is_an_error(mlmzoo, trained):
    done = mlmzoo("fill-mask", trained.preset, "the fox")
    assert done.exit_code == 1
    assert "<mask>" in done.stderr


def test_json_alone_is_on_standard_output(mlmzoo_process, trained):
    done = mlmzoo_process("fill-mask", trained.preset, "the <mask>", "--json")
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)) == 1
