"""Reads the files of a tokenizer that comes from a stranger, within bounds."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

from mlmzoo.contract.errors import PresetFormatError

FILE_BYTES = 64 * 2**20
"""Largest file read. Those of XLM-R, with 250,002 tokens, have 5 and 9 MB."""
TOKENS = 2**20
"""Most tokens, and one more than the highest id."""
TOKEN_CHARACTERS = 1000
"""Longest token. Work for each character of a text grows with it."""
SPECIAL_TOKENS = 10_000
"""Most special and added tokens: each is looked for at every character of a text."""
JSON_VALUES = 4 * 2**20
"""Most values in a JSON file, a key counted twice: enough for `TOKENS` with scores. A value takes
up to a hundred bytes of memory, and two of them in the file."""
JSON_DEPTH = 32
"""How deep JSON may nest. ``tokenizer.json`` needs 7."""

_SURROGATE = re.compile(rb"\\u[dD][89abAB]|\\u[dD][c-fC-F]")


def read_bytes(path: Path, start: bytes = b"") -> bytes:
    """What is in a file.

    Args:
        path: The file.
        start: What it begins with if it is what it should be. Of another only that much is read.

    Raises:
        PresetFormatError: It is larger than `FILE_BYTES`.
    """
    if (size := path.stat().st_size) > FILE_BYTES:
        raise PresetFormatError(
            f"{path} has {size} bytes, and {FILE_BYTES} are the most that a tokenizer's file may "
            "have. Check that the preset is what you think it is."
        )
    with path.open("rb") as file:
        data = file.read(len(start)) if start else b""
        return data + file.read(FILE_BYTES) if data == start else data


def read_text(path: Path, what: str) -> str:
    """The text in a file, each of its lines ended by a single line feed.

    Args:
        path: The file.
        what: What it is, with its verb, for errors: ``"The vocabulary x is"``.

    Raises:
        PresetFormatError: It is too large or not UTF-8, or holds what a text file does not.
    """
    try:
        text = read_bytes(path).decode("utf-8")
    except UnicodeDecodeError as error:
        reason = f"not UTF-8 text: {error}"
    else:
        if "\0" in text:
            reason = "no text: it holds a NUL character (UTF-16, perhaps?)"
        elif text.startswith("\ufeff"):
            reason = "begun by a byte order mark, which would be part of its first line"
        else:
            return text.replace("\r\n", "\n").replace("\r", "\n")
    raise PresetFormatError(f"{what} {reason}. Write it as UTF-8 text, without a byte order mark.")


def parse_json(data: bytes, what: str) -> Any:
    """The value that JSON text stands for.

    Args:
        data: The text.
        what: What it is, for errors: ``"x: vocab.json"``.

    Raises:
        PresetFormatError: It is no JSON (a download that broke off, say), holds too many values or
            nests too deep, has a key twice, or half of a surrogate pair.
    """
    size = sum(map(data.count, (b"[", b"{", b",", b":", b":")))
    if size > JSON_VALUES:
        raise PresetFormatError(
            f"{what} holds up to {size} values, and {JSON_VALUES} are the most that a tokenizer's "
            "file may hold. Check that the preset is what you think it is."
        )
    try:
        value = json.loads(data.decode("utf-8"), object_pairs_hook=_without_repeats)
        _refuse_depth([value])
        if _SURROGATE.search(data):
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError) as error:
        raise PresetFormatError(f"{what} is not JSON: {error}. Fetch the preset again.") from error
    return value


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        keys = Counter(key for key, _ in pairs)
        raise ValueError(f"it has the key {keys.most_common(1)[0][0]!r:.100} twice")
    return value


def _refuse_depth(value: Any) -> None:
    containers = [value]
    for _ in range(JSON_DEPTH + 1):
        containers = [
            part
            for outer in containers
            for part in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(part, (dict, list))
        ]
        if not containers:
            return
    raise ValueError(f"it nests more than {JSON_DEPTH} deep")
