"""Text of others inside Markdown of ours: it cannot end its place, nor be taken for ours."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

_MARKUP = re.compile(r"([\\`*_\[\]<>&|~#$])")
_MARKER = re.compile(r"^([0-9]{0,9})([-+.)])(?![\w.])")
"""What would begin a list, or be a rule, where it begins a line: ``- a``, ``1. a``, ``---``."""


def in_line(text: str) -> str:
    """A line as it stands, nothing in it being markup; also in a heading or a cell of a table."""
    return _MARKER.sub(r"\1\\\2", _MARKUP.sub(r"\\\1", text.strip()))


def quoted(text: str) -> str:
    """Markdown of others, as a quotation: no heading, list or fence in it reaches beyond that.

    HTML is shown as text: a comment that nobody ends would hide what comes after it.
    """
    lines = text.replace("<", "&lt;").strip().splitlines()
    return "\n".join(f"> {line}".rstrip() for line in lines)


def bullets(lines: Iterable[str]) -> str:
    """A list of lines."""
    return "\n".join(f"- {in_line(line)}" for line in lines)


def table(rows: Mapping[str, object]) -> str:
    """A table of two columns, without a heading."""
    lines = [f"| {in_line(name)} | {in_line(str(value))} |" for name, value in rows.items()]
    return "\n".join(["| | |", "|---|---|", *lines])
