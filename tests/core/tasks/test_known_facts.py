"""What a record states in a model card, of the weights it is about, and what an adaptation does."""

from __future__ import annotations

import copy
import json
import math

import pytest

from mlmzoo import MaskedLM
from mlmzoo.contract.errors import HubUnavailableError
from mlmzoo.presets.card_facts import CardFacts
from mlmzoo.presets.sources.local import LocalFiles
from mlmzoo.tasks import known_facts
from mlmzoo.tasks.adaptation import Adaptation, Score
from mlmzoo.tasks.known_facts import (
    facts_of_adaptation,
    facts_of_preset,
    facts_of_record,
    weight_digests,
)

HELD_OUT = "1,566 texts held out at random"

RECORD = {
    "recipe": {
        "card": {
            "title": "A toy",
            "license": "Apache-2.0",
            "language": "en",
            "data": "Prose on the data.",
            "good_for": ["tests"],
            "nobody": "asked for this",
        },
        "training": {"saved_dtype": "float16", "held_out_share": 0.05, "seed": 1},
    },
    "data": {"texts": 31102, "training_texts": 29536, "held_out_texts": 1566, "sha256": "abc"},
    "model": {},
    "held_out": {
        "masked_tokens": 7400,
        "loss": 2.0,
        "accuracy": 0.25,
        "unigram_loss": 5.0,
        "unigram_accuracy": 0.0777,
    },
}


@pytest.fixture
def recorded(preset):
    """A preset with the record of the run that made it."""
    record = copy.deepcopy(RECORD)
    record["model"]["weights"] = weight_digests(LocalFiles(preset))
    (preset / "training.json").write_text(json.dumps(record))
    return preset


def test_a_record_states_its_card_its_data_and_its_figures():
    facts = facts_of_record(RECORD)
    assert CardFacts.from_mapping(facts).license == "Apache-2.0"
    assert "nobody" not in facts and facts["language"] == "en" and facts["good_for"] == ["tests"]
    assert facts["metrics"] == {
        HELD_OUT: {"loss": 2.0, "perplexity": math.exp(2), "accuracy": 0.25}
    }
    assert facts["data"].startswith("Prose on the data.\n\n31,102 texts: 29,536 to train on")
    assert "float16" in facts["evaluation"] and "7.8%" in facts["evaluation"]


def test_a_perplexity_that_no_float_can_hold_is_left_out():
    held_out = {**RECORD["held_out"], "loss": 1e6}
    facts = facts_of_record({**RECORD, "held_out": held_out})
    assert CardFacts.from_mapping(facts).metrics == {HELD_OUT: {"loss": 1e6, "accuracy": 0.25}}
    held_out |= {"loss": math.inf, "accuracy": math.nan}
    assert "metrics" not in facts_of_record({**RECORD, "held_out": held_out})


def test_the_record_of_a_preset_is_found(recorded):
    assert facts_of_preset(recorded) == (facts_of_record(RECORD), "")


def test_a_preset_without_a_record_states_nothing(preset):
    assert facts_of_preset(preset) == ({}, "")


@pytest.mark.parametrize("layout", ["keras", "transformers"])
@pytest.mark.filterwarnings("ignore::mlmzoo.contract.errors.PresetWarning")
def test_a_record_of_other_weights_states_nothing(recorded, layout):
    task = MaskedLM.from_preset(recorded)
    task.backbone.weights[0].assign(task.backbone.weights[0] * 0.5)
    task.save_to_preset(recorded, layout)
    facts, reason = facts_of_preset(recorded)
    assert facts == {} and "not about these weights" in reason


def changed(part, **entries):
    """The record with other entries in a part of it; ``...`` takes one out."""
    new = {name: value for name, value in {**RECORD[part], **entries}.items() if value is not ...}
    return {**RECORD, part: new}


@pytest.mark.parametrize(
    "record",
    [
        "not JSON",
        "[1]",
        "{}",
        '{"recipe": 3}',
        changed("held_out", loss=...),
        changed("held_out", loss="low"),
        changed("held_out", accuracy=None),
        changed("recipe", card={"license": 3}),
        changed("recipe", card={"title": "a\nb"}),
        changed("model", weights={}),
        changed("model", parameters=3),  # of a version that did not write which weights it was of
        {**RECORD, "model": None},
    ],
)
def test_a_record_that_cannot_be_used_is_no_error_and_says_why(preset, record):
    if isinstance(record, dict) and record["model"] == {}:
        record = {**record, "model": {"weights": weight_digests(LocalFiles(preset))}}
    text = record if isinstance(record, str) else json.dumps(record)
    (preset / "training.json").write_text(text)
    facts, reason = facts_of_preset(preset)
    assert facts == {} and f"training.json of {preset}" in reason


def test_a_hub_that_does_not_answer_takes_the_record_and_no_more(preset, monkeypatch):
    def gone(files, name):
        raise HubUnavailableError("no network")

    monkeypatch.setattr(known_facts, "read_json", gone)
    facts, reason = facts_of_preset(preset)
    assert facts == {} and "could not be looked for (no network)" in reason


@pytest.mark.parametrize(
    ("source", "base"),
    [
        ("hf://org/name", "org/name"),
        ("hf://org/name@refs/pr/1", "org/name"),
        ("kaggle://org/model/keras/name", None),
        ("/some/where", None),
    ],
)
def test_an_adaptation_states_what_it_measured_and_a_base_model_only_of_the_hub(source, base):
    result = Adaptation(
        training_texts=9,
        held_out_texts=1566,
        masked_tokens=1,
        before=Score(3.0, 0.125),
        after=Score(2.0, 0.25),
        unigram=Score(5.0, 0.0625),
        seconds=1.0,
        epochs=(),
    )
    facts = facts_of_adaptation(result, source)
    assert CardFacts.from_mapping(facts).base_model == base
    assert facts["metrics"] == facts_of_record(RECORD)["metrics"]
    assert "3.000" in facts["evaluation"] and "12.5%" in facts["evaluation"]
    assert "license" not in facts and "language" not in facts
