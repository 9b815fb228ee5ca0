"""The examples of hooks beyond families: third-party packages, built on what is public."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = [ROOT / "examples" / name for name in ("mlmzoo-classifier", "mlmzoo-s3")]
PAGE = ROOT / "docs" / "authors" / "hooks.md"
IMPORT = r"^\s*(?:from|import) (mlmzoo(?:\.\w+)*)\s"


def each_example():
    return pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)


def test_they_pass_their_own_tests_once_installed(tmp_path: Path) -> None:
    pip = [sys.executable, "-m", "pip", "install", "-qq", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--target", str(tmp_path), *map(str, EXAMPLES)], check=True)
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        + [str(example / "tests") for example in EXAMPLES],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path, "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "passed" in done.stdout and "skipped" not in done.stdout


@each_example()
def test_an_example_imports_only_what_the_reference_documents(example: Path) -> None:
    spec = importlib.util.spec_from_file_location("site", ROOT / "scripts" / "mkdocs_hooks.py")
    site = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(site)
    sources = [*example.glob("src/*/*.py"), *example.glob("tests/*.py")]
    used = {
        module for path in sources for module in re.findall(IMPORT, path.read_text(), re.MULTILINE)
    }
    assert used and used <= set(site.DOCUMENTED)


@each_example()
def test_an_example_carries_our_licence_and_its_types(example: Path) -> None:
    assert (example / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
    (package,) = (path.parent for path in example.glob("src/*/__init__.py"))
    assert (package / "py.typed").is_file()


def test_the_page_about_hooks_quotes_word_for_word() -> None:
    quotes = re.findall(r'^```python title="([^"]+)"\n(.*?)^```', PAGE.read_text(), re.M | re.S)
    assert {Path(name).parts[1] for name, _ in quotes} == {"bert", *(e.name for e in EXAMPLES)}
    for name, quote in quotes:
        assert quote in (ROOT / name).read_text(), f"{name}:\n{quote}"
