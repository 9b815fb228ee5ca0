"""JSON from a preset: read as data, strictly and within limits."""

from __future__ import annotations

import itertools
import json
import math
import re
from collections.abc import Iterable
from typing import Any

from mlmzoo.contract.errors import PresetFormatError, PresetMissingError
from mlmzoo.contract.protocols import Files
from mlmzoo.presets.vanishing import still_there

JSON_BYTES = 2 * 2**20
"""Largest config or index read here; those of real presets have a few kilobytes. As Python objects
JSON takes up to twenty times its size."""

JSON_DEPTH = 64
"""Deepest nesting of objects and arrays; real configs have fewer than ten levels."""

CONTROL = re.compile(r"[^\t\n\r\x20-\x7e\xa0-\ud7ff\ue000-\U0010ffff]")
"""What no text in a config or name of a tensor has a reason for: commands to a terminal,
halves of surrogate pairs."""


def parse_json(text: bytes, what: str, control: bool = False) -> Any:
    """The value of a JSON text.

    Stricter than Python's own reader: one name stands once in an object, numbers are finite, and
    texts hold no control characters.

    Args:
        text: UTF-8, with or without a byte order mark.
        what: What it is, for the error.
        control: Whether texts may hold control characters after all.

    Raises:
        PresetFormatError: It is no such text, or nested deeper than `JSON_DEPTH`.
    """
    try:
        value = json.loads(
            text.decode("utf-8-sig"),
            object_pairs_hook=_object,
            parse_constant=_refuse_constant,
            parse_float=_finite,
        )
        _refuse_oddities(value, control)
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise PresetFormatError(
            f"{what} was to be JSON, and is not: {str(error)[:200]}. "
            "The file is damaged; fetch or write it again."
        ) from error
    except (ValueError, RecursionError) as error:
        raise PresetFormatError(
            f"{what} is JSON of a kind that is refused: {str(error)[:200]}. "
            "Correct the file, or use another preset."
        ) from error
    return value


def read_json(files: Files, name: str) -> dict[str, Any] | None:
    """A JSON object among a preset's files, or ``None`` where there is no such file.

    Args:
        files: The preset.
        name: File name.

    Raises:
        PresetFormatError: It is too large, no JSON, or no object.
    """
    path = files.path(name)
    if path is None:
        return None
    with still_there(files.handle), open(path, "rb") as file:
        text = file.read(JSON_BYTES + 1)
    if len(text) > JSON_BYTES:
        raise PresetFormatError(
            f"{name} of {files.handle} has {path.stat().st_size} bytes; a config has at most "
            f"{JSON_BYTES}. Check that the preset is what you think it is."
        )
    value = parse_json(text, f"{name} of {files.handle}")
    if not isinstance(value, dict):
        raise PresetFormatError(
            f"{name} of {files.handle} was to be a JSON object, and is a {type(value).__name__}. "
            "Check that the preset is what you think it is."
        )
    return value


def require_json(files: Files, name: str) -> dict[str, Any]:
    """A JSON object that must be there.

    Raises:
        PresetMissingError: There is no such file.
        PresetFormatError: It is too large, no JSON, or no object.
    """
    value = read_json(files, name)
    if value is None:
        raise PresetMissingError(
            f"{files.handle} holds no {name}, so it is no preset. Check the handle; a preset is a "
            "directory with config.json and weights in it."
        )
    return value


def unused_note(name: str, entries: Iterable[str], used: Iterable[str]) -> list[str]:
    """A note for the load report on entries of a file that nothing here takes."""
    unused = sorted(set(entries) - set(used))
    shown = ", ".join(f"{entry!r:.60}" for entry in unused[:20])
    more = f" and {len(unused) - 20} more" if len(unused) > 20 else ""
    return [f"{name}: not used: {shown}{more}"] if unused else []


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    entries: dict[str, Any] = {}
    for name, value in pairs:
        if name in entries:
            raise ValueError(f"{name!r:.100} stands twice in one object")
        entries[name] = value
    return entries


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"the number {text:.40} is too large")
    return number


def _refuse_oddities(value: Any, control: bool) -> None:
    """Raise where a value nests too deep, or a text in it would steer a terminal that shows it."""
    level = [value]
    for _ in range(JSON_DEPTH):
        if not control and any(isinstance(inner, str) and CONTROL.search(inner) for inner in level):
            raise ValueError("a text in it holds control characters")
        level = [inner for outer in level for inner in _inside(outer)]
        if not level:
            return
    raise ValueError(f"it is nested more than {JSON_DEPTH} levels deep")


def _inside(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return itertools.chain(value, value.values())
    return value if isinstance(value, list) else ()
