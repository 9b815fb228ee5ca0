"""The examples of hooks beyond families: third-party packages, built on what is public."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = [ROOT / "examples" / name for name in ("mlmzoo-classifier", "mlmzoo-s3")]
PAGE = ROOT / "docs" / "authors" / "hooks.md"


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_they_pass_their_own_tests_once_installed(run_own_tests, example: Path) -> None:
    said = run_own_tests(example)
    assert "passed" in said and "skipped" not in said


def test_the_page_about_hooks_quotes_word_for_word() -> None:
    quotes = re.findall(r'^```python title="([^"]+)"\n(.*?)^```', PAGE.read_text(), re.M | re.S)
    assert {Path(name).parts[1] for name, _ in quotes} == {"bert", *(e.name for e in EXAMPLES)}
    for name, quote in quotes:
        assert quote in (ROOT / name).read_text(), f"{name}:\n{quote}"
