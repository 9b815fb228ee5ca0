"""The example of a family from outside: complete, built on what is public, and unknown to us."""

from __future__ import annotations

import ast
import importlib.util
import io
import os
import re
import subprocess
import sys
import tokenize
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "mlmzoo-electra"
SOURCES = sorted(EXAMPLE.glob("src/*/*.py"))
PAGE = (ROOT / "docs" / "authors" / "example.md").read_text(encoding="utf-8")
NO_CODE = {
    tokenize.COMMENT,
    tokenize.DEDENT,
    tokenize.ENCODING,
    tokenize.ENDMARKER,
    tokenize.INDENT,
    tokenize.NEWLINE,
    tokenize.NL,
}


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package in it, as pip installs it for anybody."""
    site = tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "install", "-qq", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--target", str(site), str(EXAMPLE)], check=True)
    return site


@pytest.mark.parametrize(
    "which", ["not interop", pytest.param("interop", marks=pytest.mark.interop)]
)
def test_it_passes_its_own_tests_once_installed(installed: Path, which: str) -> None:
    path = os.pathsep.join([str(installed), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", which],
        cwd=EXAMPLE,
        env={**os.environ, "PYTHONPATH": path, "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout, done.stdout


def test_it_imports_only_what_the_reference_documents() -> None:
    spec = importlib.util.spec_from_file_location("site", ROOT / "scripts" / "mkdocs_hooks.py")
    hooks = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(hooks)
    used = {use for path in SOURCES for use in uses(path.read_text(encoding="utf-8"))}
    assert ("mlmzoo", "Backbone") in used
    assert private(used, hooks) == []
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


def test_nothing_of_ours_knows_its_name() -> None:
    files = [
        path
        for folder in ("core", "plugins", "scripts")
        for kind in ("py", "json", "toml")
        for path in (ROOT / folder).rglob(f"*.{kind}")
    ]
    files += [ROOT / name for name in ("pyproject.toml", "tox.ini", "mkdocs.yml")]
    knowing = [path for path in files if "electra" in path.read_text(encoding="utf-8").lower()]
    assert len(files) > 100
    assert knowing == []


def test_it_carries_our_licence_and_its_types() -> None:
    assert (EXAMPLE / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
    assert (SOURCES[0].parent / "py.typed").is_file()


def test_the_docs_count_its_lines_of_code() -> None:
    table = re.findall(r"^\| `(\w+\.py)` \| (\d+) \|", PAGE, re.MULTILINE)
    counted = {path.name: lines_of_code(path.read_text(encoding="utf-8")) for path in SOURCES}
    assert {name: int(lines) for name, lines in table} == counted
    (total,) = re.findall(r"\*\*(\d+) lines of code\*\*", PAGE)
    assert int(total) == sum(counted.values())


def test_lines_of_code_are_those_that_hold_some() -> None:
    source = (
        '"""Doc\n\nstring."""\n\nx = [  # why\n    1,\n    # why\n]\n\n\ndef f():\n    """Doc."""\n'
    )
    assert lines_of_code(source) == 4
    assert lines_of_code('y = """a\n\nb"""\n') == 3


def lines_of_code(source: str) -> int:
    """Lines without those that are blank, a comment or part of a docstring."""
    documented: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(
            node
        ):
            documented.update(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in NO_CODE:
            lines.update(range(token.start[0], token.end[0] + 1))
    return len(lines - documented)


def test_the_docs_quote_it_word_for_word() -> None:
    quotes = re.findall(r'^```\w+ title="([^"]+)"\n(.*?)^```', PAGE, re.MULTILINE | re.DOTALL)
    assert {Path(name).suffix for name, _ in quotes} == {".json", ".py", ".toml"}
    for name, quote in quotes:
        written = unindented((EXAMPLE / name).read_text(encoding="utf-8"))
        assert unindented(quote) in written, f"{name}:\n{quote}"


def unindented(text: str) -> str:
    return re.sub(r"^ +", "", text, flags=re.MULTILINE)
