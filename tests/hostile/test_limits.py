"""The page on security gives the limits that the code has."""

import importlib
import re
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "security.md"
ROW = re.compile(r"^\| [^|]+ \| ([0-9,]+)( MiB)?[^|]* \| `([\w.]+)\.([A-Z_]+)` \|$", re.MULTILINE)


def test_the_limits_are_those_of_the_code():
    rows = ROW.findall(PAGE.read_text("utf-8"))
    assert len(rows) >= 15
    for number, mebi, module, name in rows:
        said = int(number.replace(",", "")) * (2**20 if mebi else 1)
        assert said == getattr(importlib.import_module(f"mlmzoo.{module}"), name), name


def test_every_row_of_the_table_was_compared():
    table = PAGE.read_text("utf-8").partition("## Limits")[2].partition("## Reporting")[0]
    lines = [line for line in table.splitlines() if line.startswith("| ")]
    assert len(ROW.findall(table)) == len(lines) - 1  # the head
