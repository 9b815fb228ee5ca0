"""Do what a preset never may, one thing after another, and print what the watch saw of each."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import pickle
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import watch
from watch import Watch, limited_memory

where = Path(sys.argv[1])
inside, outside = where / "preset", where / "canaries"


def external_link() -> None:
    with h5py.File(inside / "links.h5") as file:
        assert file["out"][0] == 1


VIOLATIONS: dict[str, Callable[[], object]] = {
    "nothing": lambda: (inside / "config.json").read_text(),
    "read outside": lambda: (where / "secret").read_text(),
    "read the system": lambda: open("/etc/passwd").close(),
    "write inside": lambda: (inside / "new").write_text("x"),
    "remove": lambda: (inside / "new").unlink(),
    "make a directory": lambda: (inside / "made").mkdir(),
    "copy": lambda: shutil.copy(inside / "config.json", inside / "copy"),
    "connect": lambda: socket.create_connection(("127.0.0.1", 9), timeout=1),
    "look up": lambda: socket.getaddrinfo("localhost", 80),
    "start a process": lambda: subprocess.run(["true"], check=True),
    "start a shell": lambda: os.system("true"),
    "fork": lambda: os.fork() or os._exit(0),
    "load a library": lambda: ctypes.CDLL("libm.so.6"),
    "import": lambda: __import__("hostile_canary"),
    "unpickle": lambda: pickle.loads(pickle.dumps(Path())),
    "read in C": external_link,
}


def main() -> None:
    inside.mkdir()
    outside.mkdir()
    (inside / "config.json").write_text("{}")
    (where / "secret").write_text("secret")
    with h5py.File(outside / "other.h5", "w") as file:
        file["x"] = np.ones(3)
    with h5py.File(inside / "links.h5", "w") as file:
        file["out"] = h5py.ExternalLink(str(outside / "other.h5"), "/x")
    guard = Watch(outside, readable=[])
    seen = {}
    for name, violate in VIOLATIONS.items():
        with guard.watching(inside) as found, contextlib.suppress(OSError, ImportError):
            violate()
        seen[name] = list(found)
    with limited_memory() as grown:
        try:
            np.ones(watch.ROOM // 8 + 2**20)
        except MemoryError:
            seen["too much memory"] = ["MemoryError"]
        held = np.ones(16 * 2**20)
    seen["much memory"] = [grown[0] >= held.nbytes]
    print(json.dumps(seen), flush=True)
    watch.HANG = 1
    with guard.watching(inside):
        time.sleep(60)


if __name__ == "__main__":
    main()
