"""The preset inside the package: what its card says it does, and how it was made."""

from __future__ import annotations

import json
import math
import tomllib
from pathlib import Path

import pytest

import mlmzoo_bert
from mlmzoo import MaskedLM, list_presets
from mlmzoo.data.text_files import read_lines
from mlmzoo.tasks.adaptation import score
from mlmzoo.tasks.held_out import held_out_split, unigram_baseline
from mlmzoo.tasks.known_facts import facts_of_preset, facts_of_record
from mlmzoo.tasks.model_card import model_card
from mlmzoo.tasks.recipe import Recipe

NAME = "bert_tiny_en_uncased_kjv"
ROOT = Path(__file__).parents[3]
PLACE = Path(mlmzoo_bert.__file__).parent / "presets" / NAME


@pytest.fixture(scope="module")
def record():
    return json.loads((PLACE / "training.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def parts(record):
    """The texts it was trained on and those it was not."""
    training = record["recipe"]["training"]
    texts = read_lines([ROOT / "tests/data/kjv.txt.gz"])
    return held_out_split(texts, training["held_out_share"], training["seed"])


def test_the_recipe_in_the_repository_is_the_one_of_the_run(record):
    file = ROOT / f"plugins/bert/recipes/{NAME}.toml"
    # What the run did not know of yet is as it was then, by default.
    assert Recipe.read(file) == Recipe.from_mapping(record["recipe"])
    assert tomllib.loads(file.read_text("utf-8"))["family"] == "bert"


def test_the_card_is_the_one_of_the_record(record):
    assert (PLACE / "README.md").read_text("utf-8") == model_card(record)


def test_a_card_beside_its_checkpoint_states_what_the_record_does(record):
    assert facts_of_preset(NAME) == (facts_of_record(record), "")


def test_the_figures_of_the_card_can_be_measured_again(record, parts):
    _, held_out = parts
    assert len(held_out) == record["data"]["held_out_texts"]
    found = score(MaskedLM.from_preset(NAME), held_out, batch_size=64)
    assert found.loss == pytest.approx(record["held_out"]["loss"], abs=1e-3)
    assert found.accuracy == pytest.approx(record["held_out"]["accuracy"], abs=1e-3)


def test_it_knows_far_more_than_how_frequent_tokens_are(record, parts):
    held = record["held_out"]
    preprocessor = MaskedLM.from_preset(NAME, load_weights=False).preprocessor
    unigram = unigram_baseline(preprocessor, *parts)
    assert unigram.loss == pytest.approx(held["unigram_loss"], abs=1e-9)
    assert unigram.tokens == held["masked_tokens"]
    assert held["loss"] < held["unigram_loss"] - math.log(10)


def test_it_is_small_enough_to_travel_in_a_wheel():
    assert sum(path.stat().st_size for path in PLACE.rglob("*") if path.is_file()) < 5e6


def test_the_record_of_the_preset_counts_what_the_run_counted(record):
    assert list_presets()[NAME].parameters == record["model"]["backbone_parameters"]


def test_the_text_of_the_demo_travels_with_its_licence():
    demo = Path(mlmzoo_bert.__file__).parent / "demo"
    assert "Python Software Foundation" in (demo / "LICENSE-python.txt").read_text("utf-8")
    assert len(read_lines([demo / "python_reference.txt"])) > 500
