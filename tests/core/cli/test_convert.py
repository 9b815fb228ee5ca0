"""`convert`."""

from __future__ import annotations

import json
import shutil

import pytest
from huggingface_hub import metadata_load

from mlmzoo import Backbone, MaskedLM
from mlmzoo.presets import layouts

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


def test_a_place_that_is_taken_is_overwritten_on_request(mlmzoo, trained, out):
    out.mkdir()
    (out / "mine.txt").write_text("precious")
    for layout in ("keras", "transformers"):
        done = mlmzoo("convert", trained.preset, out, "--layout", layout, "--overwrite")
        assert done.exit_code == 0, done.output
        assert MaskedLM.from_preset(out).load_report.layout == layout
    assert (out / "mine.txt").read_text() == "precious"


@pytest.mark.parametrize("overwrite", [(), ("--overwrite",)])
def test_where_nothing_can_be_saved_is_said_before_anything_is_loaded(mlmzoo, tmp_path, overwrite):
    (tmp_path / "file").touch()
    for place in (tmp_path / "file" / "inside", "/", "."):
        done = mlmzoo("convert", "no_such_preset", place, "--layout", "keras", *overwrite)
        assert done.exit_code == 2, done.output
        assert "Invalid value for 'DST'" in done.stderr


@pytest.mark.filterwarnings("ignore:(.|\\n)*NaN or infinite:mlmzoo.contract.errors.PresetWarning")
def test_weights_that_are_not_finite_are_converted_on_request_only(mlmzoo, trained, tmp_path, out):
    task = MaskedLM.from_preset(trained.preset)
    task.backbone.weights[0].assign(task.backbone.weights[0] * float("nan"))
    task.save_to_preset(tmp_path / "nan", allow_non_finite=True)
    done = mlmzoo("convert", tmp_path / "nan", out, "--layout", "keras")
    assert done.exit_code == 1 and "NaN or infinite" in done.stderr
    assert not out.exists()
    done = mlmzoo("convert", tmp_path / "nan", out, "--layout", "keras", "--allow-non-finite")
    assert done.exit_code == 0, done.output


def test_a_preset_without_a_head_is_converted_in_one_step(mlmzoo, trained, tmp_path, monkeypatch):
    task = MaskedLM.from_preset(trained.preset)
    task.backbone.save_to_preset(tmp_path / "bare")
    task.preprocessor.save_to_preset(tmp_path / "bare")
    written = []
    write = layouts.write
    monkeypatch.setattr(
        layouts, "write", lambda *a, **how: (written.append(a[0]), write(*a, **how))
    )
    done = mlmzoo("convert", tmp_path / "bare", tmp_path / "out", "--layout", "keras")
    assert done.exit_code == 0, done.output
    assert len(written) == 1


def test_a_preset_is_read_once_even_for_its_card(mlmzoo, trained, out, monkeypatch):
    read, handles = layouts.read, []

    def counting(files, *others):
        handles.append(files.handle)
        return read(files, *others)

    monkeypatch.setattr(layouts, "read", counting)
    done = mlmzoo("convert", trained.preset, out, "--layout", "transformers")
    assert done.exit_code == 0, done.output
    assert handles == [str(trained.preset)]


def test_the_card_states_what_the_record_and_the_options_do(mlmzoo, trained, out):
    options = ["--license", "MIT", "--language", "en", "--language", "de", "--dataset", "org/data"]
    done = mlmzoo("convert", trained.preset, out, "--layout", "transformers", *options)
    assert done.exit_code == 0, done.output
    found = metadata_load(out / "README.md")
    assert found["license"] == "mit" and found["language"] == ["en", "de"]
    assert found["datasets"] == "org/data" and "base_model" not in found
    (result,) = found["model-index"][0]["results"]
    figures = {metric["type"]: metric["value"] for metric in result["metrics"]}
    held_out = trained.record["held_out"]
    assert (figures["loss"], figures["accuracy"]) == (held_out["loss"], held_out["accuracy"])
    assert (out / "README.md").read_text().count("Not stated.") == 0
    assert "- tests" in (out / "README.md").read_text()


def test_a_record_of_other_weights_is_said_and_left_out(mlmzoo, trained, tmp_path, out):
    task = MaskedLM.from_preset(trained.preset)
    task.backbone.weights[0].assign(task.backbone.weights[0] * 0.5)
    shutil.copytree(trained.preset, tmp_path / "later")
    task.save_to_preset(tmp_path / "later")
    done = mlmzoo("convert", tmp_path / "later", out, "--layout", "transformers")
    assert done.exit_code == 0, done.output
    assert "states nothing of the run" in done.stdout.replace("\n", " ")
    assert "model-index" not in metadata_load(out / "README.md")


def test_facts_are_for_the_layout_with_a_card(mlmzoo, trained, out):
    done = mlmzoo("convert", trained.preset, out, "--layout", "keras", "--license", "mit")
    assert done.exit_code == 2 and "only --layout transformers has" in done.stderr
    done = mlmzoo("convert", "no_such", out, "--layout", "transformers", "--license", "a\nb")
    assert done.exit_code == 1 and "card= has license" in done.stderr
    assert not out.exists()


def test_somebodys_readme_stays_and_is_an_error_only_where_facts_were_given(mlmzoo, trained, out):
    out.mkdir()
    (out / "README.md").write_text("mine")
    args = ["convert", trained.preset, out, "--layout", "transformers", "--overwrite"]
    done = mlmzoo(*args, "--license", "mit")
    assert done.exit_code == 1 and "README.md" in done.stderr
    assert [path.name for path in out.iterdir()] == ["README.md"]
    assert mlmzoo(*args).exit_code == 0
    assert (out / "README.md").read_text() == "mine"
