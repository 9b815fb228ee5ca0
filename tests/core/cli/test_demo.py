"""`demo`: the main job, found through the metadata of whatever preset is installed."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from types import SimpleNamespace

import pytest

from mlmzoo.cli import demo
from mlmzoo.contract.errors import PluginError, PresetFormatError
from mlmzoo.inference.filling import Candidate, FilledText, MaskAnswer
from mlmzoo.plugins import list_presets

PLUGIN = """
from dataclasses import replace
from mlmzoo.contract.hookspecs import hookimpl
from mlmzoo_toy import plugin

@hookimpl
def mlmzoo_families():
    return [replace(family, presets="zoo_demo:presets.json") for family in plugin.mlmzoo_families()]
"""

PLAN = {
    "text": "zoo_demo:text.txt",
    "about": "sentences about animals",
    "masks": ["the quick <mask> runs here", "a <mask> fox sleeps <mask>"],
    "training": {"epochs": 3, "batch_size": 16, "learning_rate": 0.02, "batching": "fixed"},
}


@pytest.fixture
def site(tmp_path, trained):
    """A plugin whose one preset is embedded and says how to demonstrate it."""
    package = tmp_path / "zoo_demo"
    package.mkdir()
    preset = {
        "description": "A preset with a demo.",
        "parameters": 1,
        "sources": ["package://zoo_demo/preset"],
        "backbone": {
            **trained.record["recipe"]["backbone"],
            "vocabulary_size": trained.record["model"]["vocabulary_size"],
            "activation": "relu",
            "layer_norm_epsilon": 1e-6,
        },
        "metadata": {"demo": PLAN},
    }
    (package / "__init__.py").write_text("")
    (package / "plugin.py").write_text(PLUGIN)
    (package / "presets.json").write_text(json.dumps({"zoo_tiny_en": preset}))
    shutil.copy(trained.data, package / "text.txt")
    shutil.copytree(trained.preset, package / "preset")
    info = tmp_path / "zoo_demo-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: zoo-demo\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[mlmzoo]\nzoo = zoo_demo.plugin\n")
    return {
        "PYTHONPATH": os.pathsep.join([os.environ["PYTHONPATH"], str(tmp_path)]),
        "MLMZOO_PLUGINS": "zoo",
    }


def test_the_demo_does_the_main_job_from_beginning_to_end(mlmzoo_process, site):
    done = mlmzoo_process("demo", "--json", **site)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["preset"] == "zoo_tiny_en"
    assert found["after"]["loss"] < found["before"]["loss"]
    assert found["masked_tokens"] > 0
    assert [len(answer["masks"]) for answer in found["filled_before"]] == [1, 2]
    assert found["filled_before"] != found["filled_after"]
    assert "it answers the same" in done.stderr
    assert "before" in done.stderr  # what people see goes there when machines read the rest


def test_the_toy_brings_no_demo_and_the_error_says_what_to_install(mlmzoo_process):
    done = mlmzoo_process("demo")
    assert done.returncode == 1
    assert "pip install" in done.stderr


def test_the_first_preset_with_a_demo_is_taken():
    plain = list_presets("toy")["toy_tiny_en"]
    first = replace(plain, name="first", metadata={"demo": PLAN})
    second = replace(plain, name="second", metadata={"demo": PLAN})
    assert demo.find({"plain": plain, "first": first, "second": second}).name == "first"


@pytest.mark.parametrize("key", ["text", "about", "masks"])
def test_an_incomplete_demo_is_an_error_that_names_what_is_missing(key):
    plan = {name: value for name, value in PLAN.items() if name != key}
    preset = replace(list_presets("toy")["toy_tiny_en"], metadata={"demo": plan})
    with pytest.raises(PluginError, match=key):
        demo.find({"x": preset})


@pytest.mark.parametrize("place", ["mlmzoo_toy:none.txt", "no_such_package:a.txt", ":a.txt"])
def test_a_demo_text_that_is_not_there_is_an_error(place):
    with pytest.raises(PluginError, match="package data"):
        demo.read_text(place)


def test_demo_text_is_one_text_a_line():
    assert demo.read_text("mlmzoo_toy:__init__.py")[0].startswith('"""A family')


def test_other_answers_after_loading_are_an_error():
    def answers(probability):
        candidates = (Candidate("a", "a", 3, probability),)
        return [FilledText("x", (MaskAnswer(1, candidates, (0, 1)),))]

    demo.check_same(answers(0.5), answers(0.50001))
    with pytest.raises(PresetFormatError, match="saved preset"):
        demo.check_same(answers(0.5), answers(0.501))


def test_training_ends_when_its_time_is_up(monkeypatch):
    from mlmzoo.cli import progress

    clock = iter([100.0, 109.0, 111.0])
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    callback = progress.StopsAfter(10.0)
    model = SimpleNamespace(stop_training=False)
    callback.set_model(model)
    callback.on_train_begin()
    callback.on_train_batch_end(0)
    assert not model.stop_training
    callback.on_train_batch_end(1)
    assert model.stop_training
