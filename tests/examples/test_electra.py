"""The example of a family from outside: complete, built on what is public, and unknown to us."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from pathlib import Path

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


@pytest.mark.parametrize(
    "which", ["not interop", pytest.param("interop", marks=pytest.mark.interop)]
)
def test_it_passes_its_own_tests_once_installed(run_own_tests, which: str) -> None:
    assert " passed" in run_own_tests(EXAMPLE, "-m", which)


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
