"""Whether a file is what a hub announced: hashes, and a look at what proxies send instead."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from pathlib import Path

from mlmzoo.presets.atomic import replacing
from mlmzoo.presets.sources.download_settings import cache_directory

_BLOCK = 1024 * 1024
_SHA256 = re.compile(r"[0-9a-f]{64}")
_SHA1 = re.compile(r"[0-9a-f]{40}")
_PAGE = re.compile(rb"\s*(?:\xef\xbb\xbf)?\s*<(?:!doctype\s+html|html)[\s>]", re.IGNORECASE)

_seen: set[str] = set()
"""What this process found to be right, for when no note can be written."""


def is_intact(path: Path, etag: str) -> bool:
    """Whether a file of a Hugging Face repository has the contents that its ETag stands for.

    The ETag of a large file is the SHA-256 of its contents, that of a small one its name in git:
    the SHA-1 of ``blob <size>``, a zero byte and the contents. Of any other ETag (some mirrors
    have their own) nothing follows, and only a web page in the file's place is found out.

    A file is read once: a note in mlmzoo's cache remembers that it was right, together with its
    size and the time it was changed.

    Raises:
        OSError: The file cannot be read.
    """
    stat = path.stat()
    state = json.dumps([str(path), etag, stat.st_size, stat.st_mtime_ns])
    name = hashlib.sha256(f"{path}\n{etag}".encode()).hexdigest()[:40]
    note = cache_directory() / "checked" / name
    if state in _seen or _text(note) == state:
        return True
    if _SHA256.fullmatch(etag):
        intact = _digest(path, "sha256") == etag
    elif _SHA1.fullmatch(etag):
        intact = _digest(path, "sha1", b"blob %d\0" % stat.st_size) == etag
    else:
        intact = not is_web_page(path, path.name)
    if intact:
        _seen.add(state)
        with contextlib.suppress(OSError):  # a read-only cache; the file is read again next time
            note.parent.mkdir(parents=True, exist_ok=True)
            with replacing(note) as staging:
                staging.write_text(state, encoding="utf-8")
    return intact


def is_web_page(path: Path, name: str) -> bool:
    """Whether a file is an HTML page though its name is not that of one.

    Captive portals, proxies and login pages answer with them, often with status 200.
    """
    if name.lower().endswith((".html", ".htm")):
        return False
    with path.open("rb") as file:
        return bool(_PAGE.match(file.read(256)))


def _digest(path: Path, algorithm: str, first: bytes = b"") -> str:
    digest = hashlib.new(algorithm, first, usedforsecurity=False)
    with path.open("rb", buffering=0) as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def blob_of(path: Path) -> Path | None:
    """The file behind a link in the Hugging Face client's cache, named after its ETag."""
    try:
        target = path.parent / os.readlink(path)
    except OSError:  # no link: a system without them
        return None
    blob = Path(os.path.normpath(target))
    return blob if blob.parent.name == "blobs" else None
