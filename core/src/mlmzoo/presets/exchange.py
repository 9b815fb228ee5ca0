"""Put a file or directory in the place of another, in one step where the system has one."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from pathlib import Path

_AT_FDCWD = -100  # fcntl.h
_RENAME_EXCHANGE = 2  # linux/fs.h
_RENAME_SWAP = 2  # sys/stdio.h of macOS

_ATTEMPTS = 100
"""Of two renames in which another process may be the quicker one each time."""


def put_in_place(new: Path, target: Path, kept: Path) -> None:
    """Move `new` to `target`; what was there is at `new` or `kept` afterwards.

    All three are on one file system. Where the system can swap two names in one step (Linux since
    3.15, macOS, on most file systems), `target` names the old or the new one at every moment.
    Elsewhere there is a moment between two renames in which it names neither and the old one is at
    `kept`, from where it can be renamed back.

    Args:
        new: What to put there.
        target: Where; there may be nothing yet.
        kept: A name that nothing has yet; names that begin with it may be used, too.

    Raises:
        OSError: It could not be moved; `target` is what it was.
    """
    if os.path.lexists(target) and swap(new, target):
        return
    first = kept.name
    for attempt in range(_ATTEMPTS):
        with contextlib.suppress(FileNotFoundError):
            os.rename(target, kept)
        try:
            os.rename(new, target)
            return
        except OSError:
            if not os.path.lexists(target):
                if os.path.lexists(kept):
                    os.rename(kept, target)
                raise
            if attempt == _ATTEMPTS - 1:
                raise
        # Another process was quicker, and its is whole: it goes out of the way like the first.
        kept = kept.with_name(f"{first}{attempt:02}")


def swap(first: Path, second: Path) -> bool:
    """Exchange what two paths name, in one step; whether that was possible."""
    names = (os.fsencode(first), os.fsencode(second))
    if sys.platform == "linux":
        # In glibc since 2.28; not in every musl.
        rename = getattr(ctypes.CDLL(None), "renameat2", None)
        if rename is None:
            return False
        done = rename(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _RENAME_EXCHANGE)
    elif sys.platform == "darwin":
        done = ctypes.CDLL(None).renamex_np(*names, _RENAME_SWAP)
    else:
        return False
    return bool(done == 0)
