"""`export`."""

from __future__ import annotations

import pytest

from mlmzoo import MaskedLM


@pytest.mark.parametrize("options", [[], ["--overwrite"]])
def test_a_place_that_holds_a_preset_is_refused_before_anything_is_loaded(mlmzoo, trained, options):
    done = mlmzoo("export", "no_such_preset", trained.preset, *options)
    assert done.exit_code == 2
    assert "an export never takes the place of a preset" in " ".join(done.stderr.split())
    assert not (trained.preset / "mlmzoo_export.json").exists()


def test_a_place_that_holds_something_is_refused_unless_asked_for(mlmzoo, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    done = mlmzoo("export", "no_such_preset", tmp_path)
    assert done.exit_code == 2 and "or pass --overwrite" in done.stderr
    assert mlmzoo("export", "no_such_preset", tmp_path, "--overwrite").exit_code == 1


def test_a_preset_is_not_converted_into_an_export(mlmzoo, trained, tmp_path):
    (tmp_path / "mlmzoo_export.json").write_text("{}")
    done = mlmzoo("convert", trained.preset, tmp_path, "--layout", "keras", "--overwrite")
    assert done.exit_code == 2
    assert "a preset never takes the place of an export" in " ".join(done.stderr.split())


def test_a_head_that_was_never_trained_is_an_error(mlmzoo, trained, tmp_path):
    task = MaskedLM.from_preset(trained.preset)
    task.backbone.save_to_preset(tmp_path / "bare")
    task.preprocessor.save_to_preset(tmp_path / "bare")
    done = mlmzoo("export", tmp_path / "bare", tmp_path / "out", "--allow-non-finite")
    assert done.exit_code == 1 and "never trained" in done.stderr
    assert not (tmp_path / "out").exists()
