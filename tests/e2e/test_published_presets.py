"""The published presets give the published tokens and outputs. Downloads them: gigabytes.

Run with ``MLMZOO_TEST_DOWNLOADS=1``. The figures are those of KerasHub's own tests (token ids,
tolerance 0.01) and of the notebooks that converted BERT (pooled outputs of a padded text).
"""

import json
import os
from pathlib import Path

import keras
import numpy as np
import pytest

import mlmzoo

PUBLISHED = json.loads(
    (Path(__file__).parents[1] / "data" / "published_outputs.json").read_text(encoding="utf-8")
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        os.environ.get("MLMZOO_TEST_DOWNLOADS") != "1",
        reason="downloads the published presets; MLMZOO_TEST_DOWNLOADS=1 runs it",
    ),
]


def having(what):
    return pytest.mark.parametrize("name", [name for name in PUBLISHED if what in PUBLISHED[name]])


def outputs(backbone, token_ids, padding_mask):
    token_ids, padding_mask = np.array([token_ids], "int32"), np.array([padding_mask], "int32")
    inputs = {
        "token_ids": token_ids,
        "padding_mask": padding_mask,
        "segment_ids": np.zeros_like(token_ids),
    }
    found = backbone({name: inputs[name] for name in backbone.input})
    return {name: keras.ops.convert_to_numpy(value) for name, value in found.items()}


@having("tokens")
def test_the_tokens_are_the_published_ones(name):
    published = PUBLISHED[name]
    tokenizer = mlmzoo.Tokenizer.from_preset(published["handle"])
    assert list(tokenizer(published["tokens"]["text"])) == published["tokens"]["ids"]


@having("outputs")
def test_the_outputs_are_the_published_ones(name):
    published = dict(PUBLISHED[name]["outputs"])
    token_ids = published.pop("token_ids")
    backbone = mlmzoo.Backbone.from_preset(PUBLISHED[name]["handle"])
    found = outputs(backbone, token_ids, [1] * len(token_ids))
    for output, values in published.items():
        np.testing.assert_allclose(found[output].ravel()[: len(values)], values, atol=0.01)


@having("pooled")
def test_the_pooled_output_of_a_text_is_the_published_one(name):
    published = PUBLISHED[name]["pooled"]
    preprocessor = mlmzoo.MaskedLMPreprocessor.from_preset(
        PUBLISHED[name]["handle"], mask_selection_rate=0
    )
    x, _, _ = preprocessor(published["text"])
    backbone = mlmzoo.Backbone.from_preset(PUBLISHED[name]["handle"])
    found = outputs(backbone, x["token_ids"], x["padding_mask"])["pooled_output"][0]
    np.testing.assert_allclose(found[: len(published["values"])], published["values"], atol=0.01)
