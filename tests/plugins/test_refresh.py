"""In a running process: what is installed or removed is seen after `refresh_plugins`, no more.

Found through the real `sys.path`, as pip leaves it, beside every plugin of this environment.
"""

from __future__ import annotations

import json
import shutil
import sys

import pytest

import mlmzoo
from mlmzoo.errors import UnknownNameError
from mlmzoo.plugins import current

PLUGIN = """
from mlmzoo.contract.hookspecs import hookimpl
from mlmzoo.contract.records import Family

@hookimpl
def mlmzoo_families():
    return [Family("late", "zoo_late:B", "zoo_late:T", "zoo_late:P", "zoo_late:M", "zoo_late:C",
                   presets="zoo_late:presets.json")]
"""
PRESET = {"description": "Late.", "parameters": 1, "sources": ["hf://a/b"], "backbone": {}}


@pytest.fixture
def site_packages(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(current, "_current", None)
    yield tmp_path
    for name in [name for name in sys.modules if name.partition(".")[0] == "zoo_late"]:
        del sys.modules[name]


def test_a_package_comes_and_goes_in_a_running_process(site_packages):
    before = mlmzoo.list_presets()
    assert "toy_tiny_en" in before
    package, metadata = site_packages / "zoo_late", site_packages / "zoo_late-1.0.dist-info"
    for _ in range(2):
        package.mkdir()
        (package / "__init__.py").touch()
        (package / "plugin.py").write_text(PLUGIN)
        (package / "presets.json").write_text(json.dumps({"late_tiny_en": PRESET}))
        metadata.mkdir()
        (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: zoo-late\nVersion: 1.0\n")
        (metadata / "entry_points.txt").write_text("[mlmzoo]\nlate = zoo_late.plugin\n")
        assert mlmzoo.list_presets() == before  # nobody looked yet

        mlmzoo.refresh_plugins()
        assert set(mlmzoo.list_presets()) == {*before, "late_tiny_en"}
        assert "late" in {p.name for p in mlmzoo.list_plugins() if p.state == "ok"}

        shutil.rmtree(package)
        shutil.rmtree(metadata)
        mlmzoo.refresh_plugins()
        assert mlmzoo.list_presets() == before
        with pytest.raises(UnknownNameError, match="late_tiny_en"):
            mlmzoo.Tokenizer.from_preset("late_tiny_en")
