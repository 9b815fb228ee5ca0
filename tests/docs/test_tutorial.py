"""The authors' tutorial says what the package it is about is like."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from mlmzoo.cli.application import application

TUTORIAL = Path(__file__).resolve().parents[2] / "docs" / "authors" / "tutorial.md"


@pytest.fixture
def package(tmp_path: Path) -> Path:
    folder = tmp_path / "package"
    done = CliRunner().invoke(application(), ["new-plugin", "my-bert", "--output", str(folder)])
    assert done.exit_code == 0, done.output
    return folder


def rows(heading: str) -> list[tuple[str, str]]:
    """First and second column of the table below a heading."""
    _, _, section = TUTORIAL.read_text(encoding="utf-8").partition(f"\n## {heading}\n")
    section = section.partition("\n## ")[0]
    return re.findall(r"^\| `?([^|`]+?)`?\s*\| ([^|]+?) \|$", section, re.M)


def test_the_lines_of_a_family_are_counted(package: Path) -> None:
    counted = {
        path.relative_to(package).as_posix(): len(path.read_text(encoding="utf-8").splitlines())
        for path in package.rglob("*")
        if path.suffix in (".py", ".json", ".toml")
    }
    said = {name: int(lines) for name, lines in rows("What a family costs") if lines.isdigit()}
    assert said == {**counted, "**together**": sum(counted.values())}


def test_every_file_of_the_package_is_explained(package: Path) -> None:
    explained = [name for name, _ in rows("A package that works")]
    described = {path.relative_to(package).as_posix() for path in package.rglob("*.py")}
    described |= {"pyproject.toml", "presets.json", ".github/workflows/ci.yml"}
    for path in described:
        if not path.endswith("__init__.py"):
            assert any(path.endswith(name) or path.startswith(name) for name in explained), path
