"""Recipes: what is wrong with one is said before anything is trained."""

from __future__ import annotations

import pytest

from mlmzoo.contract.errors import InputError
from mlmzoo.tasks.recipe import Recipe, Training

GOOD = {
    "family": "toy",
    "tokenizer": {"vocabulary_size": 50},
    "backbone": {"num_layers": 1, "hidden_dim": 8, "max_sequence_length": 16},
}


def test_a_recipe_survives_a_round_trip_through_plain_data():
    recipe = Recipe.from_mapping({**GOOD, "training": {"epochs": 4}, "card": {"title": "x"}})
    assert recipe.training.epochs == 4
    assert Recipe.from_mapping(recipe.to_dict()) == recipe


@pytest.mark.parametrize(
    ("change", "phrase"),
    [
        ({"familly": "toy"}, "familly"),
        ({"family": 3}, "in quotes"),
        ({"tokenizer": 5}, r"\[tokenizer\]"),
        ({"tokenizer": {}}, "vocabulary_size"),
        ({"backbone": {"vocabulary_size": 9}}, "follows from the tokenizer"),
        ({"training": {"epoch": 1}}, "epoch"),
        ({"training": {"epochs": 0}}, "greater than 0"),
        ({"training": {"epochs": 1.5}}, "of type int"),
        ({"training": {"epochs": True}}, "of type int"),
        ({"training": {"learning_rate": "fast"}}, "of type float"),
        ({"training": {"warmup_share": 1.0}}, "less than 1"),
        ({"training": {"held_out_share": 0}}, "judged on it"),
        ({"training": {"seed": -1}}, "at least 0"),
        ({"training": {"saved_dtype": "int8"}}, "float16"),
        ({"training": {"batching": "random"}}, "auto, length, packed, fixed"),
        ({"training": {"decay": "steps"}}, "cosine, linear, constant"),
        ({"training": {"dtype": "bf16"}}, "mixed_bfloat16"),
        ({"training": {"accumulate": 0}}, "accumulate has to be greater than 0"),
        ({"training": {"accumulate": 2.0}}, "of type int"),
        ({"training": {"warmup_share": -0.1}}, "warmup_share has to be at least 0"),
        ({"training": {"warmup_share": float("nan")}}, "warmup_share has to be"),
        ({"training": {"learning_rate": float("inf")}}, "learning_rate has to be a number"),
        ({"training": {"weight_decay": -1}}, "weight_decay has to be at least 0"),
        ({"training": {"clip_norm": -1.0}}, "clip_norm has to be at least 0"),
    ],
)
def test_what_is_wrong_is_named(change, phrase):
    with pytest.raises(InputError, match=phrase):
        Recipe.from_mapping({**GOOD, **change})


@pytest.mark.parametrize("key", ["family", "tokenizer", "backbone"])
def test_what_is_missing_is_named(key):
    with pytest.raises(InputError, match=f"lacks {key}"):
        Recipe.from_mapping({name: value for name, value in GOOD.items() if name != key})


def test_whole_numbers_are_fine_where_fractions_are():
    assert Training(clip_norm=1, learning_rate=1).clip_norm == 1


@pytest.mark.parametrize(
    ("text", "phrase"), [(None, "cannot be read"), ("family = toy", "not valid TOML")]
)
def test_a_file_that_is_no_recipe_is_named(tmp_path, text, phrase):
    path = tmp_path / "recipe.toml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InputError, match=phrase) as error:
        Recipe.read(path)
    assert "recipe.toml" in str(error.value)
