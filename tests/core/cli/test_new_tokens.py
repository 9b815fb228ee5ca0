"""`propose-tokens`, and `train --add-tokens`."""

from __future__ import annotations

import json

import pytest

from mlmzoo import MaskedLM, Tokenizer
from mlmzoo.kit.tokenizers.proposals import Proposal

FOUND = [
    Proposal("foxglove", ("fox", "##glove"), 1200),
    Proposal("harebell", ("hare", "##bell"), 7),
]


@pytest.fixture
def words(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("foxglove\nharebell\n")
    return path


@pytest.fixture
def proposing(monkeypatch):
    """The toy's tokenizer splits no words: gives what another one would propose."""
    asked = []

    def propose(self, texts, limit, min_count):
        asked.append((list(texts), limit, min_count))
        return FOUND

    monkeypatch.setattr(Tokenizer, "propose_tokens", propose)
    return asked


def test_words_that_are_split_are_listed_with_their_pieces(mlmzoo, trained, proposing):
    args = ["propose-tokens", trained.preset, "--data", trained.data]
    done = mlmzoo(*args, "--limit", 3, "--min-count", 2)
    assert done.exit_code == 0, done.output
    assert proposing[0][1:] == (3, 2) and len(proposing[0][0]) > 10
    assert "foxglove" in done.stdout and "1,200" in done.stdout and "hare ##bell" in done.stdout
    assert mlmzoo(*args, "--words").stdout == "foxglove\nharebell\n"
    assert mlmzoo(*args, "--words", "--json").exit_code == 2
    assert json.loads(mlmzoo(*args, "--json").stdout) == [
        {**each.to_dict(), "pieces": list(each.pieces)} for each in FOUND
    ]


def test_nothing_to_propose_is_said(mlmzoo, trained):
    done = mlmzoo("propose-tokens", trained.preset, "--data", trained.data)
    assert done.exit_code == 0 and "No word that" in done.stdout


def test_a_wrong_path_is_said_at_once(mlmzoo, trained):
    done = mlmzoo("propose-tokens", trained.preset, "--data", "nowhere.txt")
    assert done.exit_code == 1 and "no file matches" in done.stderr


def test_tokens_are_added_before_training(mlmzoo, trained, words, out):
    args = ["train", trained.preset, "--data", trained.data, "--out", out]
    done = mlmzoo(*args, "--epochs", 1, "--add-tokens", words)
    assert done.exit_code == 0, done.output
    before, after = (MaskedLM.from_preset(place) for place in (trained.preset, out))
    size = before.preprocessor.tokenizer.vocabulary_size()
    assert after.preprocessor.tokenizer("foxglove harebell").tolist() == [size, size + 1]
    assert after.backbone.vocabulary_size == size + 2


def test_tokens_that_are_there_are_refused_before_training(mlmzoo, trained, words, out):
    words.write_text("foxglove\nfox\n")
    done = mlmzoo(
        "train", trained.preset, "--data", trained.data, "--out", out, "--add-tokens", words
    )
    assert done.exit_code == 1 and "holds already: 'fox'" in done.stderr
    assert not out.exists()


def test_a_recipe_learns_its_own_tokens(mlmzoo, trained, words, out):
    args = ["train", "--from-scratch", trained.recipe, "--data", trained.data, "--out", out]
    done = mlmzoo(*args, "--add-tokens", words)
    assert done.exit_code == 2 and "--add-tokens is for PRESET" in done.stderr
