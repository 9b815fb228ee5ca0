"""What a model card may state, and what it is refused for."""

from __future__ import annotations

from dataclasses import fields
from fractions import Fraction

import numpy as np
import pytest

from mlmzoo.contract.errors import InputError
from mlmzoo.presets.card_facts import CardFacts

EVERYTHING = {
    "title": "A toy",
    "description": "Small.\n\nVery small.",
    "license": "other",
    "license_name": "mine",
    "license_link": "LICENSE",
    "language": ["en", "no"],
    "datasets": "org/name",
    "data": "Some texts.",
    "base_model": ["org/one"],
    "metrics": {"org/name": {"accuracy": 0.5, "tokens": 7}},
    "evaluation": "Once.",
    "good_for": ["tests"],
    "not_good_for": ("anything else",),
}


def test_what_is_given_is_kept_and_the_rest_is_absent():
    facts = CardFacts.from_mapping(EVERYTHING)
    assert EVERYTHING.keys() == {entry.name for entry in fields(CardFacts)}
    assert facts.language == ("en", "no") and facts.datasets == "org/name"
    assert facts.metrics == EVERYTHING["metrics"]
    assert CardFacts.from_mapping({}) == CardFacts.from_mapping({"license": None}) == CardFacts()


def test_numbers_and_texts_of_numpy_become_plain_ones():
    facts = CardFacts.from_mapping(
        {"license": np.str_("mit"), "metrics": {"x": {"a": np.float32(0.5), "b": np.int64(3)}}}
    )
    assert type(facts.license) is str
    assert [type(value) for value in facts.metrics["x"].values()] == [float, int]


def test_an_unknown_entry_is_named_with_those_that_are_known():
    with pytest.raises(InputError, match=r"'licence', which .* may have: .*license, license_name"):
        CardFacts.from_mapping({"licence": "mit"})


@pytest.mark.parametrize("card", ["mit", ["license"], 3])
def test_what_is_no_mapping_is_refused(card):
    with pytest.raises(InputError, match="Give a mapping"):
        CardFacts.from_mapping(card)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("license", 3),
        ("license", ""),
        ("license", " "),
        ("license", "mit\nlanguage: en"),
        ("license", "mit\rx"),
        ("license", "mit\u2028x"),
        ("license", "mit\x1b[2J"),
        ("license", "mit\ud800"),
        ("license", ["mit"]),
        ("title", "one\n---\ntwo"),
        ("description", b"bytes"),
        ("description", "\n"),
        ("data", "a\x00b"),
        ("language", []),
        ("language", ["en", 3]),
        ("language", {"en"}),
        ("datasets", ["a\nb"]),
        ("good_for", "one line"),
        ("good_for", ["two\nlines"]),
        ("metrics", {"accuracy": 0.5}),
        ("metrics", {"org/name": {}}),
        ("metrics", {"org/name": {"accuracy": "0.5"}}),
        ("metrics", {"org/name": {"accuracy": True}}),
        ("metrics", {"org/name": {3: 0.5}}),
        ("metrics", {"a\nb": {"accuracy": 0.5}}),
        ("metrics", [0.5]),
    ],
)
def test_a_value_of_another_kind_is_refused_by_its_name(name, value):
    with pytest.raises(InputError, match=f"card= has {name}.* = .* it has to be "):
        CardFacts.from_mapping({name: value})


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (float("nan"), "nan"),
        (np.float32("inf"), "inf"),
        (10**400, "inf"),
        (-(10**5000), "-inf"),
        (Fraction(10**400), "inf"),
    ],
    ids=["nan", "infinite", "large", "too large to be printed", "fraction"],
)
def test_a_number_that_is_not_finite_is_named_with_its_metric(value, said):
    metrics = {"one": {"loss": 1.0}, "two": {"loss": 1.0, "accuracy": value}}
    says = rf"metrics\['two'\]\['accuracy'\] = {said}; it has to be a finite number"
    with pytest.raises(InputError, match=says):
        CardFacts.from_mapping({"metrics": metrics})
