"""Files that are there as a whole or not at all, whatever happens while they are written."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

STAGING_PREFIX = ".mlmzoo-"
"""How the names of unfinished files and directories begin; what a killed process left behind."""


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path to write a file at, which takes the place of `path` when the block ends.

    Where the block fails, or the process is killed, `path` is what it was.

    Args:
        path: The file to write; an older one in its place is replaced.

    Yields:
        A path in the same directory, so that no rename crosses file systems. Nothing is there yet
        but an empty file.
    """
    # Not tempfile.mkstemp: nobody else could read what it makes, whatever the umask says.
    staging = path.with_name(f"{STAGING_PREFIX}{secrets.token_hex(8)}{path.suffix}")
    staging.touch(exist_ok=False)
    try:
        yield staging
        flush(staging)
        os.replace(staging, path)
        flush(path.parent)
    finally:
        staging.unlink(missing_ok=True)


def flush(path: Path) -> None:
    """Have the system write a file, or a directory's entries, to the disk.

    Without it a rename can reach the disk before the bytes do, and a power cut leaves a file of
    the right name and no contents.
    """
    if os.name == "nt" and path.is_dir():  # Windows opens no directories
        return
    handle = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
