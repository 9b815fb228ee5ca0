"""What the repository promises about itself."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DISTRIBUTIONS = [ROOT / "core", *(p.parent for p in ROOT.glob("plugins/*/pyproject.toml"))]
PLUGINS = DISTRIBUTIONS[1:]
SETTINGS = (
    "pyproject.toml",
    "tox.ini",
    "mkdocs.yml",
    ".ci/run",
    "scripts/install.py",
    "scripts/check_wheels.py",
    "scripts/mkdocs_hooks.py",
)


def each_distribution() -> pytest.MarkDecorator:
    return pytest.mark.parametrize("directory", DISTRIBUTIONS, ids=lambda path: path.name)


def project(directory: Path) -> dict:
    return tomllib.loads((directory / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def commands(heading: str) -> list[str]:
    """The commands of the first block below a heading of the README."""
    block = re.search(rf"^#+ {re.escape(heading)}$.*?^```bash\n(.*?)^```", README, re.M | re.S)
    assert block, f"README.md has no block of commands below {heading!r}"
    return block[1].strip().splitlines()


@pytest.fixture(scope="module")
def install() -> ModuleType:
    spec = importlib.util.spec_from_file_location("install", ROOT / "scripts" / "install.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_ci_runs_exactly_the_test_command_of_the_readme() -> None:
    (command,) = commands("Run the tests")
    assert command in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()


def test_tox_installs_without_tensorflow_exactly_as_the_readme_says() -> None:
    (command,) = commands("Without TensorFlow")
    tox = (ROOT / "tox.ini").read_text(encoding="utf-8")
    assert re.search(rf"^    torch: {re.escape(command)}$", tox, re.M)
    assert re.search(rf"^    jax: {re.escape(command.rpartition(' ')[0])} jax$", tox, re.M)


@pytest.mark.parametrize("name", SETTINGS)
def test_no_setting_names_a_family(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    named = [path.name for path in PLUGINS if re.search(rf"\b{path.name}\b", text, re.I)]
    assert not named, f"{name} names {named}: a new folder under plugins/ must need no edit there"


@each_distribution()
def test_each_distribution_carries_licence_readme_and_types(directory: Path) -> None:
    assert (directory / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
    assert (directory / "README.md").read_text(encoding="utf-8").startswith("# mlmzoo")
    (package,) = (path.parent for path in directory.glob("src/*/__init__.py"))
    assert (package / "py.typed").is_file()
    assert project(directory)["requires-python"] == ">=3.11"


@pytest.mark.parametrize("directory", PLUGINS, ids=lambda path: path.name)
def test_a_plugin_takes_a_range_of_core_and_is_named_after_its_folder(directory: Path) -> None:
    table = project(directory)
    assert table["name"] == f"mlmzoo-{directory.name}"
    (core,) = (r for r in table["dependencies"] if re.match(r"mlmzoo\b(?!-)", r))
    assert re.fullmatch(r"mlmzoo>=\d+\.\d+,<\d+\.\d+", core)
    assert list(table["entry-points"]) == ["mlmzoo"]
    assert "mlmzoo-plugin" in table["keywords"]  # what docs/authors/versioning.md tells others


def test_leaving_out_tensorflow_leaves_out_nothing_else(install: ModuleType) -> None:
    everything = install.dependencies(DISTRIBUTIONS, [])
    rest = install.dependencies(DISTRIBUTIONS, ["TensorFlow"])
    assert {install.normalised(r) for r in everything} - {install.normalised(r) for r in rest} == {
        "tensorflow"
    }
    declared = {r for path in DISTRIBUTIONS for r in project(path)["dependencies"]}
    assert set(everything) == {r for r in declared if not r.startswith("mlmzoo")}


def test_leaving_out_what_nobody_needs_is_an_error() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "install.py", "--without", "tensorfow"],
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert "tensorfow: not a dependency" in done.stderr
