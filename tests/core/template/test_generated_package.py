"""What ``mlmzoo new-plugin`` writes installs, passes its own tests and trains, as it stands."""

from __future__ import annotations

import ast
import json
import math
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from types import ModuleType

import pytest
import yaml
from click.testing import CliRunner

import mlmzoo
from mlmzoo.cli.application import application
from mlmzoo.plugins import current

TEXTS = [
    "In the beginning God created the heaven and the earth.",
    "And God said, Let there be light: and there was light.",
    "And God saw the light, that it was good.",
]

MADE_LATER = {"dist", "__pycache__", ".pytest_cache", ".ruff_cache"}


def generate(name: str, directory: Path) -> Path:
    done = CliRunner().invoke(application(), ["new-plugin", name, "--output", str(directory)])
    assert done.exit_code == 0, done.output
    return directory


def run(*arguments: str | Path, cwd: Path, **env: str) -> str:
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package of a family called ``night_sky``."""
    return generate("night-sky", tmp_path_factory.mktemp("generated") / "mlmzoo-night-sky")


@pytest.fixture(scope="module")
def wheel(package: Path) -> Path:
    """Its wheel."""
    run("-m", "hatchling", "build", "-t", "wheel", cwd=package)
    (wheel,) = (package / "dist").iterdir()
    return wheel


@pytest.fixture(scope="module")
def site(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory that pip installed it into."""
    site = tmp_path_factory.mktemp("site")
    install = ["-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", site]
    run(*install, wheel, cwd=site)
    return site


@pytest.fixture
def installed(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is installed here, and the registry does not know yet."""
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setattr(current, "_current", None)


def test_it_passes_its_own_tests(package: Path, site: Path) -> None:
    path = os.pathsep.join(filter(None, [str(site), os.environ.get("PYTHONPATH")]))
    command = ["-m", "pytest", "-q", "-p", "no:cacheprovider"]
    said = run(*command, cwd=package, PYTHONPATH=path, PYTEST_ADDOPTS="")
    passed = re.search(r"^(\d+) passed", said, re.M)
    assert passed, said
    assert int(passed[1]) > 15


@pytest.mark.usefixtures("installed")
def test_its_preset_is_listed_and_has_the_parameters_it_says() -> None:
    listed = json.loads(CliRunner().invoke(application(), ["presets", "--json"]).stdout)
    (preset,) = (preset for preset in listed if preset["family"] == "night_sky")
    assert preset["name"] == "night_sky_tiny_en"
    backbone = mlmzoo.Backbone.from_preset("night_sky_tiny_en", load_weights=False)
    assert backbone.count_params() == preset["parameters"]
    assert backbone.settings == preset["backbone"]
    (plugin,) = (p for p in mlmzoo.list_plugins() if p.name == "night_sky")
    assert (plugin.distribution, plugin.state) == ("mlmzoo-night-sky", "ok")


@pytest.mark.usefixtures("installed")
def test_it_trains_on_raw_lines_and_answers() -> None:
    from mlmzoo import models

    tokenizer = models.NightSkyTokenizer.train(TEXTS, vocabulary_size=100)
    backbone = models.NightSkyBackbone(
        vocabulary_size=tokenizer.vocabulary_size(),
        num_layers=1,
        num_heads=2,
        hidden_dim=16,
        intermediate_dim=32,
        max_sequence_length=32,
    )
    preprocessor = models.NightSkyMaskedLMPreprocessor(tokenizer, sequence_length=32)
    masked_lm = models.NightSkyMaskedLM(backbone, preprocessor)
    history = masked_lm.fit(TEXTS, epochs=1, verbose=0)
    assert math.isfinite(history.history["loss"][0])
    (answer,) = masked_lm.fill_mask("And God saw the [MASK].", top_k=2).masks
    assert len(answer.candidates) == 2


def test_the_wheel_holds_data_types_licence_and_entry_point(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        metadata = next(name for name in names if name.endswith("entry_points.txt"))
        entry_points = archive.read(metadata).decode()
    assert {"mlmzoo_night_sky/presets.json", "mlmzoo_night_sky/py.typed"} <= set(names)
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert entry_points.split("\n")[:2] == ["[mlmzoo]", "night_sky = mlmzoo_night_sky.plugin"]
    assert not any(name.startswith(("tests", "src")) for name in names)


@pytest.mark.parametrize("name", ["a", "a-name-of-twenty-nine-letters"])
def test_it_is_clean_for_ruff_whether_its_name_is_short_or_long(name: str, tmp_path: Path) -> None:
    package = generate(name, tmp_path / "package")
    run("-m", "ruff", "check", "--no-cache", cwd=package)
    run("-m", "ruff", "format", "--check", "--no-cache", cwd=package)


def test_everything_is_filled_in_but_what_only_its_author_knows(package: Path) -> None:
    marked = set()
    for path in package.rglob("*"):
        if path.is_file() and MADE_LATER.isdisjoint(path.parts):
            text = path.read_text(encoding="utf-8")
            assert path.suffix != ".jinja"
            assert not re.search(r"(?<!\$)\{\{|\{%", text), path
            if "YOUR-NAME" in text:
                marked.add(path.name)
    assert marked == {"pyproject.toml", "presets.json", "README.md"}
    (preset,) = json.loads((package / "src/mlmzoo_night_sky/presets.json").read_text()).values()
    assert preset["description"].startswith("PLACEHOLDER")
    assert preset["sources"] == ["hf://YOUR-NAME/night_sky_tiny_en"]


def test_it_takes_this_version_of_core(package: Path) -> None:
    project = tomllib.loads((package / "pyproject.toml").read_text())["project"]
    low, high = re.search(r"mlmzoo>=(\d+)\.\d+,<\d+\.(\d+)", str(project["dependencies"])).groups()
    major, minor = mlmzoo.__version__.split(".")[:2]
    assert (low, int(high)) == (major, int(minor) + 1)


def test_ci_runs_the_tests_on_three_backends_and_builds_the_wheel(package: Path) -> None:
    workflow = yaml.safe_load((package / ".github/workflows/ci.yml").read_text())
    test, wheel = workflow["jobs"]["test"], workflow["jobs"]["wheel"]
    assert test["strategy"]["matrix"]["backend"] == ["tensorflow", "jax", "torch"]
    assert test["env"]["KERAS_BACKEND"] == "${{ matrix.backend }}"
    assert "pytest" in [step.get("run") for step in test["steps"]]
    assert any("python -m build" in step.get("run", "") for step in wheel["steps"])


def test_it_is_made_of_what_the_reference_documents(package: Path, hooks: ModuleType) -> None:
    imported = {
        node.module
        for path in package.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and node.module.startswith("mlmzoo")
    }
    assert imported <= set(hooks.DOCUMENTED)
