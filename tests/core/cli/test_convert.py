"""`convert`."""

from __future__ import annotations

import json

import pytest

from mlmzoo import Backbone, MaskedLM

TEXT = "the quick <mask> runs here"


@pytest.mark.parametrize("layout", ["keras", "transformers"])
def test_a_converted_preset_answers_the_same(mlmzoo, trained, out, layout):
    done = mlmzoo("convert", trained.preset, out, "--layout", layout)
    assert done.exit_code == 0, done.output
    before = MaskedLM.from_preset(trained.preset).fill_mask(TEXT)
    task = MaskedLM.from_preset(out)
    assert task.load_report.layout == layout
    assert task.fill_mask(TEXT) == before


def test_half_precision_on_disk(mlmzoo, trained, out):
    assert (
        mlmzoo("convert", trained.preset, out, "--layout", "keras", "--dtype", "float16").exit_code
        == 0
    )
    found = json.loads(mlmzoo("info", out, "--json").stdout)
    assert found["files"]["dtype"] == "float16"


def test_a_head_that_was_never_trained_is_not_written(mlmzoo, trained, tmp_path, out):
    bare = tmp_path / "bare"
    task = MaskedLM.from_preset(trained.preset)
    task.backbone.save_to_preset(bare)
    task.preprocessor.save_to_preset(bare)
    done = mlmzoo("convert", bare, out, "--layout", "transformers")
    assert done.exit_code == 0, done.output
    assert "no trained masked-LM head" in done.stderr
    found = json.loads(mlmzoo("info", out, "--json").stdout)["files"]
    assert found["head_state"] == "random"
    assert found["parameters"] == trained.record["model"]["backbone_parameters"]
    assert Backbone.from_preset(out).load_report.missing == ()


def test_a_directory_that_holds_something_is_not_written_to(mlmzoo, trained, out):
    out.mkdir()
    (out / "mine.txt").write_text("precious")
    done = mlmzoo("convert", trained.preset, out, "--layout", "keras")
    assert done.exit_code == 2
    assert "not empty" in done.stderr
    assert [path.name for path in out.iterdir()] == ["mine.txt"]
