"""The site holds every public name, every hook as it is, and every preset."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from types import ModuleType

import mlmzoo
from mlmzoo.contract import hookspecs

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"


def signatures() -> list[str]:
    found = []
    for name, function in inspect.getmembers(hookspecs, inspect.isfunction):
        if hasattr(function, f"{hookspecs.PROJECT}_spec"):
            # Annotations are strings there, and are shown with their quotes.
            found.append(f"def {name}{inspect.signature(function)}".replace("'", ""))
    return found


def test_each_hook_has_a_section_with_its_exact_signature() -> None:
    page = (DOCS / "authors" / "hooks.md").read_text(encoding="utf-8")
    sections = re.findall(r"^## .*\n\n```text\n(def mlmzoo_\w+\(.*)\n```$", page, re.MULTILINE)
    assert sorted(sections) == sorted(signatures())
    assert len(sections) >= 4


def test_a_public_name_that_is_not_documented_is_found(hooks: ModuleType) -> None:
    every = {name for module in hooks.DOCUMENTED for name in hooks.public_names(module)}
    assert hooks.missing_names(every) == []
    assert hooks.missing_names(every - {"mlmzoo.MaskedLM"}) == ["mlmzoo.MaskedLM"]
    assert "mlmzoo.errors.RandomHeadError" in every
    assert "mlmzoo.contract.records.Family" in every


def test_the_catalogue_lists_every_preset_of_the_registry(hooks: ModuleType) -> None:
    page = hooks.on_page_markdown((DOCS / "catalogue.md").read_text(encoding="utf-8"))
    missing = [name for name in mlmzoo.list_presets() if f"| `{name}` |" not in page]
    assert mlmzoo.list_presets()
    assert not missing
    assert hooks.CATALOGUE not in page
