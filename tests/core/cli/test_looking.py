"""`presets`, `plugins` and `info`."""

from __future__ import annotations

import json
import os
import shutil

import h5py
import pytest

from mlmzoo.plugins import list_presets


def test_presets_lists_every_built_in_preset(mlmzoo):
    said = mlmzoo("presets").stdout
    for name, preset in list_presets().items():
        assert name in said
        assert preset.description in said  # a pipe is as wide as it needs to be


def test_presets_of_a_family(mlmzoo):
    found = json.loads(mlmzoo("presets", "--family", "toy", "--json").stdout)
    assert {preset["family"] for preset in found} == {"toy"}
    assert {preset["name"] for preset in found} == set(list_presets("toy"))


def test_presets_of_an_unknown_family_is_an_error(mlmzoo):
    done = mlmzoo("presets", "--family", "nothing")
    assert done.exit_code == 1
    assert "nothing" in done.stderr


def test_plugins_tells_package_and_state(mlmzoo):
    found = {p["name"]: p for p in json.loads(mlmzoo("plugins", "--json").stdout)}
    assert found["toy"]["distribution"] == "mlmzoo-toy"
    assert found["toy"]["state"] == "ok"
    assert "mlmzoo-toy 0.1.0" in mlmzoo("plugins").stdout


@pytest.mark.parametrize("command", ["plugins", "presets"])
def test_without_plugins_it_says_what_to_install(mlmzoo_process, command):
    done = mlmzoo_process(command, MLMZOO_PLUGINS="")
    assert done.returncode == 0
    if command == "presets":
        assert done.stdout == ""
        assert "pip install" in done.stderr
    else:
        assert "not in MLMZOO_PLUGINS" in done.stdout


def test_a_broken_plugin_is_named_and_the_others_work(mlmzoo_process, tmp_path):
    folder = tmp_path / "zoo_broken-1.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: zoo-broken\nVersion: 1\n")
    (folder / "entry_points.txt").write_text("[mlmzoo]\nbroken = zoo_broken.plugin\n")
    path = os.pathsep.join([os.environ["PYTHONPATH"], str(tmp_path)])
    done = mlmzoo_process(
        "plugins", "--json", PYTHONPATH=path, MLMZOO_PLUGINS="toy,broken", MLMZOO_STRICT_PLUGINS=""
    )
    assert done.returncode == 0, done.stderr
    found = {p["name"]: p for p in json.loads(done.stdout)}
    assert found["broken"]["state"] == "failed"
    assert "zoo_broken" in found["broken"]["reason"]
    assert found["toy"]["state"] == "ok"
    assert "note: " in done.stderr


def test_info_of_a_built_in_preset_is_its_record_and_asks_no_network(mlmzoo):
    found = json.loads(mlmzoo("info", "toy_tiny_en", "--json").stdout)
    assert found["preset"] == "toy_tiny_en"
    assert found["package"] == "mlmzoo-toy"
    assert found["sources"] == ["hf://toys/toy-tiny"]
    assert "files" not in found


def test_info_of_a_directory_says_what_a_load_would_find(mlmzoo, trained):
    found = json.loads(mlmzoo("info", trained.preset, "--json").stdout)["files"]
    assert found["layout"] == "keras"
    assert found["family"] == "toy"
    assert found["head_state"] == "trained"
    assert found["backbone"]["num_layers"] == 1
    assert found["missing"] == []
    assert found["unexpected"] == []
    assert found["parameters"] == trained.record["model"]["parameters"]


def test_info_names_weights_that_are_missing(mlmzoo, trained, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(trained.preset, copy)
    with h5py.File(copy / "model.weights.h5", "a") as file:
        del file["layers/mix/vars/1"]
    found = json.loads(mlmzoo("info", copy, "--json").stdout)["files"]
    assert found["missing"] == ["layer_0/bias"]


def test_info_for_people_holds_the_same(mlmzoo, trained):
    said = mlmzoo("info", trained.preset).stdout
    assert "head_state" in said
    assert "trained" in said
