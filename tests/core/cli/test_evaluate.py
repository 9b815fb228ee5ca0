"""`evaluate`."""

from __future__ import annotations

import json

import pytest

from mlmzoo import MaskedLM
from mlmzoo.tasks.evaluation import evaluate_texts


@pytest.fixture
def evaluate(mlmzoo, trained):
    """Run it on the training data, or another file."""

    def run(*args, data=trained.data):
        done = mlmzoo("evaluate", trained.preset, "--data", data, *args)
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout) if "--json" in args else done.stdout

    return run


def test_figures_are_those_of_evaluate_texts(evaluate, trained):
    texts = trained.data.read_text().splitlines()
    options = {"seed": 3, "sample": 7, "method": "one_pass", "batch_size": 8}
    expected = evaluate_texts(MaskedLM.from_preset(trained.preset), texts, **options)
    args = [x for name, value in options.items() for x in (f"--{name.replace('_', '-')}", value)]
    found = evaluate(*args, "--json")
    assert found == {"preset": str(trained.preset), **json.loads(json.dumps(expected.to_dict()))}
    assert found["approximate"] is True
    assert (found["texts"], found["scored_texts"]) == (len(texts), 7)


def test_the_seed_makes_it_repeatable(evaluate):
    def found(seed):
        return evaluate("--seed", seed, "--sample", 5, "--json")

    assert found(1) == found(1)
    assert found(1)["loss"] != found(2)["loss"]
    assert found(1)["pseudo_perplexity"] != found(2)["pseudo_perplexity"]


def test_people_see_figures_intervals_and_what_they_are_of(evaluate):
    found = evaluate("--sample", 5, "--json")
    said = evaluate("--sample", 5)
    for name, form in [("accuracy", ".1%"), ("loss", ".3f"), ("pseudo_perplexity", ".2f")]:
        for value in found[name].values():
            assert format(value, form) in said
    assert f"{found['scored_tokens']} tokens of 5 texts, drawn from 96." in said
    assert "approximate" not in said and "Longer" not in said
    assert "pseudo-perplexity, approximate" in evaluate("--method", "one_pass")


def test_people_are_told_how_many_texts_were_too_long(evaluate, tmp_path):
    data = tmp_path / "data.txt"
    data.write_text("the quick fox runs here\n" + "the fox " * 20 + "\na lazy dog\n")
    said = evaluate(data=data)
    assert "Longer than the model's 16 tokens" in said and "never scored: 1 texts." in said
    assert "8 tokens of 2 texts, drawn from 2." in said
    assert evaluate("--json", data=data)["too_long"] == 1


def test_many_files_are_measured_together(evaluate, mlmzoo, trained, tmp_path):
    (tmp_path / "other.txt").write_text("the old cat runs there\n")
    done = mlmzoo(
        "evaluate", trained.preset, "--json", "--data", trained.data, tmp_path / "other.txt"
    )
    assert json.loads(done.stdout)["texts"] == 97
