"""``README.md`` in the directory of a preset: whose it is, and when one of ours is written.

A card that was written here ends in a line with the digest of the rest. It goes with the model
that it is about. Any other one, and one that was edited since, is somebody's work, and stays.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from mlmzoo.contract.errors import SavingError
from mlmzoo.presets.card_facts import CardFacts

CARD = "README.md"

_MARK = "<!-- Written by mlmzoo, and made anew with the model unless it is edited: {digest} -->\n"


def signed(text: str) -> bytes:
    """A card with the line at its end by which `is_ours` knows it."""
    body = f"{text}\n".encode()
    return body + _MARK.format(digest=hashlib.sha256(body).hexdigest()).encode()


def unsigned(card: bytes) -> str | None:
    """The text of a card that was written here and not changed since; ``None`` of any other."""
    lines = card.splitlines(keepends=True)
    body = b"".join(lines[:-1])
    if b"".join(lines[-1:]) != _MARK.format(digest=hashlib.sha256(body).hexdigest()).encode():
        return None
    return body.decode("utf-8").removesuffix("\n")


def is_ours(path: Path) -> bool:
    """Whether a file is a card that was written here and not changed since."""
    if path.is_symlink() or not path.is_file():
        return False
    try:
        return unsigned(path.read_bytes()) is not None
    except (OSError, UnicodeDecodeError):
        return False


def is_kept(directory: Path) -> bool:
    """Whether a directory has a ``README.md`` that stays when a preset is saved there."""
    return os.path.lexists(directory / CARD) and not is_ours(directory / CARD)


def refuse_to_lose(directory: Path, facts: CardFacts | None) -> None:
    """Raise where a card was to state facts, and somebody's ``README.md`` is in its place.

    Raises:
        SavingError: It is.
    """
    if facts is not None and facts != CardFacts() and is_kept(directory):
        raise SavingError(
            f"A model card with facts was to be written in {os.fspath(directory)!r}, which has a "
            f"{CARD} already, other than save_to_preset wrote it. It stays as it is. State the "
            "facts in it and give none, move it away, or save elsewhere."
        )
