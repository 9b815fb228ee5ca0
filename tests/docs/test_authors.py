"""The pages for authors name what there is."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

from mlmzoo.testing import FamilyConformance
from mlmzoo.testing.conformance import promises

PAGE = Path(__file__).resolve().parents[2] / "docs" / "authors" / "testing.md"


def test_the_page_on_testing_lists_each_promise_in_its_own_words() -> None:
    listed = re.findall(r"^\| `(test_\w+)` \| (.+) \|$", PAGE.read_text("utf-8"), re.MULTILINE)
    said = {}
    for name in promises():
        promise = inspect.getdoc(getattr(FamilyConformance, name)).partition("\n\n")[0]
        said[name] = " ".join(promise.split())
    assert dict(listed) == said
    assert len(listed) == len(said)
