"""Every example is a complete third-party package, built on what is public."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted(path for path in (ROOT / "examples").iterdir() if path.is_dir())


@pytest.fixture(params=EXAMPLES, ids=lambda path: path.name)
def example(request: pytest.FixtureRequest) -> Path:
    return request.param


def test_there_are_some() -> None:
    names = {path.name for path in EXAMPLES}
    assert names >= {"mlmzoo-classifier", "mlmzoo-electra", "mlmzoo-s3"}


def test_it_imports_only_what_the_reference_documents(example: Path, hooks: ModuleType) -> None:
    sources = [*example.glob("src/*/*.py"), *example.glob("tests/*.py")]
    used = {use for path in sources for use in uses(path.read_text(encoding="utf-8"))}
    assert any(module == "mlmzoo" and name for module, name in used)
    assert private(used, hooks) == []


def test_a_private_import_is_seen(hooks: ModuleType) -> None:
    assert uses("from mlmzoo import Backbone") == {("mlmzoo", "Backbone")}
    inside = uses("from mlmzoo.kit.layers.linear import dense\nimport mlmzoo.tasks")
    assert private(inside, hooks) == ["mlmzoo.kit.layers.linear: dense", "mlmzoo.tasks"]
    hidden = uses("from mlmzoo.kit.layers import Dense")
    assert private(hidden, hooks) == ["mlmzoo.kit.layers: Dense"]


def uses(source: str) -> set[tuple[str, str]]:
    """Modules of core that a source imports, each with a name it takes from there, or none."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {(alias.name, "") for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {(node.module or ".", alias.name) for alias in node.names}
    return {use for use in found if re.match(r"mlmzoo(\.|$)", use[0])}


def private(used: set[tuple[str, str]], hooks: ModuleType) -> list[str]:
    """Those of them that are not in the reference."""
    found = []
    for module, name in used:
        if module not in hooks.DOCUMENTED:
            found.append(f"{module}: {name}" if name else module)
        elif name and name not in getattr(importlib.import_module(module), "__all__", [name]):
            found.append(f"{module}: {name}")
    return sorted(found)


def test_it_carries_our_licence_and_its_types(example: Path) -> None:
    assert (example / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
    (package,) = (path.parent for path in example.glob("src/*/__init__.py"))
    assert (package / "py.typed").is_file()
