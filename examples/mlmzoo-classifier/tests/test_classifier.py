"""Somebody else's family learns to tell texts apart."""

import keras
import numpy as np
import pytest
from mlmzoo_classifier import TextClassifier

import mlmzoo
from mlmzoo.errors import InputError

PRESET = "bert_tiny_en_uncased_kjv"
LABELS = ["light", "water"]
TEXTS = [
    "And God said, Let there be light.",
    "The light shone in the darkness.",
    "He divided the light from the night.",
    "And the lamp gave light unto the house.",
    "And the waters were gathered together.",
    "The river went out to water the garden.",
    "They went down unto the sea in ships.",
    "He led them through the deep waters.",
]
CLASSES = ["light"] * 4 + ["water"] * 4


@pytest.fixture(scope="module")
def classifier():
    keras.utils.set_random_seed(1)
    found = TextClassifier.from_preset(PRESET, labels=LABELS, dropout=0.0, head_dropout=0.0)
    found.compile(optimizer=keras.optimizers.Adam(1e-3), loss=found.loss, metrics=["accuracy"])
    return found


def test_the_plugin_is_found_and_quick():
    (plugin,) = (p for p in mlmzoo.list_plugins() if p.name == "classifier")
    assert (plugin.state, plugin.notes) == ("ok", ())


def test_the_backbone_is_that_of_the_preset_and_the_head_starts_afresh(classifier):
    backbone = mlmzoo.Backbone.from_preset(PRESET)
    assert type(classifier.backbone) is type(backbone)
    for ours, theirs in zip(classifier.backbone.weights, backbone.weights, strict=True):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
    assert classifier.head.kernel.numpy().any()
    assert classifier.load_report.loaded == backbone.load_report.loaded
    assert isinstance(classifier.preprocessor, mlmzoo.Preprocessor)


def test_it_learns_a_few_labelled_lines_and_comes_back_from_a_file(classifier, tmp_path):
    settings = {"epochs": 6, "batch_size": 8, "verbose": 0}
    found = classifier.fit(TEXTS, CLASSES, validation_data=(TEXTS, CLASSES), **settings)
    assert found.history["val_loss"][-1] < found.history["loss"][0] / 2
    assert classifier.classify(TEXTS) == CLASSES
    classifier.save(tmp_path / "classifier.keras")
    loaded = mlmzoo.load_model(tmp_path / "classifier.keras")
    assert type(loaded) is TextClassifier
    assert loaded.labels == tuple(LABELS)
    assert loaded.classify(TEXTS) == CLASSES


def test_a_preset_cannot_hold_its_head_and_says_what_can(classifier, tmp_path):
    with pytest.raises(InputError, match=r"TextClassifier.*model\.save\('model\.keras'\)"):
        classifier.save_to_preset(tmp_path / "preset")
    classifier.backbone.save_to_preset(tmp_path / "preset", layout="transformers")
    classifier.preprocessor.save_to_preset(tmp_path / "preset", layout="transformers")
    again = TextClassifier.from_preset(tmp_path / "preset", labels=LABELS)
    assert again.backbone.count_params() == classifier.backbone.count_params()


def test_without_weights_everything_starts_afresh():
    fresh = TextClassifier.from_preset(PRESET, load_weights=False, preprocessor=None)
    assert fresh.labels == ("negative", "positive")
    assert fresh.load_report is None
