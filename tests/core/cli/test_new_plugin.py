"""``mlmzoo new-plugin``: what it takes, what it refuses, and what it leaves behind then."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

import pytest

CORE = Path(__file__).resolve().parents[3] / "core"


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def written(folder):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


@pytest.mark.parametrize("name", ["my-bert", "mlmzoo-my-bert", "My_Bert", "my.bert"])
def test_one_name_gives_those_of_package_module_family_and_classes(mlmzoo, here, name):
    done = mlmzoo("new-plugin", name)
    assert done.exit_code == 0, done.output
    package = here / "mlmzoo-my-bert"
    assert list(here.iterdir()) == [package]
    project = tomllib.loads((package / "pyproject.toml").read_text())["project"]
    assert project["name"] == "mlmzoo-my-bert"
    assert project["entry-points"] == {"mlmzoo": {"my_bert": "mlmzoo_my_bert.plugin"}}
    assert "class MyBertBackbone(" in (package / "src/mlmzoo_my_bert/backbone.py").read_text()
    assert 'family_name = "my_bert"' in (package / "tests/test_my_bert.py").read_text()


@pytest.mark.parametrize(
    "name",
    ["", "1bert", "-bert", "bert-", "my bert", "my/bert", "..", "../bert", "börte", "mlmzoo-", "2"],
)
def test_a_name_that_cannot_be_a_package_and_a_module_is_refused(mlmzoo, here, name):
    done = mlmzoo("new-plugin", "--", name)
    assert done.exit_code == 2
    assert f"{name!r} cannot be the name of a package and of a Python module" in done.stderr
    assert "for instance my-bert" in done.stderr
    assert written(here) == []


@pytest.mark.parametrize(
    ("name", "owner"),
    [
        ("bert", "mlmzoo-bert"),
        ("mlmzoo-fnet", "mlmzoo-fnet"),
        ("XLM_RoBERTa", "mlmzoo-xlm-roberta"),
        # Another package, but the same classes and family: the two could not be used together.
        ("distil-bert", "mlmzoo-distilbert"),
        ("deberta-v3", "mlmzoo-deberta"),
    ],
)
def test_the_name_of_an_official_plugin_is_refused(mlmzoo, here, name, owner):
    done = mlmzoo("new-plugin", name)
    assert done.exit_code == 2
    assert f"{name!r} is taken: it is what {owner} offers" in done.stderr
    assert written(here) == []


def test_a_directory_that_holds_something_is_refused_and_left_alone(mlmzoo, here):
    (here / "mlmzoo-my-bert").mkdir()
    (here / "mlmzoo-my-bert" / "mine.txt").write_text("mine")
    done = mlmzoo("new-plugin", "my-bert")
    assert done.exit_code == 2
    assert "'mlmzoo-my-bert' is there and is not empty. Name a new directory." in done.stderr
    assert written(here) == ["mlmzoo-my-bert/mine.txt"]


def test_output_says_where_and_may_be_an_empty_directory(mlmzoo, here):
    assert mlmzoo("new-plugin", "my-bert", "--output", ".").exit_code == 0
    assert "pyproject.toml" in written(here)


def test_without_copier_it_says_what_to_install_and_writes_nothing(mlmzoo, here, monkeypatch):
    monkeypatch.setitem(sys.modules, "copier", None)
    done = mlmzoo("new-plugin", "my-bert")
    assert done.exit_code == 1
    assert done.stderr.startswith("error: mlmzoo new-plugin fills in a template with copier")
    assert done.stderr.rstrip().endswith("Install it: pip install 'mlmzoo[new-plugin]'")
    assert list(here.iterdir()) == []
    project = tomllib.loads((CORE / "pyproject.toml").read_text())["project"]
    assert "copier" in str(project["optional-dependencies"]["new-plugin"])
    assert "copier" not in str(project["dependencies"])


def test_it_prints_the_next_commands(mlmzoo, here):
    said = mlmzoo("new-plugin", "my-bert", "--output", "a folder").stdout
    commands = [line.strip() for line in said.splitlines() if line.startswith("    ")]
    assert commands == [
        "cd 'a folder'",
        'pip install -e ".[tests]"',
        "mlmzoo check-plugin my_bert",
        "pytest",
    ]
    assert "YOUR-NAME" in said
