"""What a process does besides computing: files, network, processes, imports, memory, time."""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import os
import resource
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

HANG = 60
"""Seconds after which a load counts as hanging; it takes a fraction of one."""

ROOM = 768 * 2**20
"""Bytes of address space a load may add to the process; all of what it holds for a moment, and
the arenas and stacks of libraries."""

REFUSED = (
    "socket.", "subprocess.", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork",
    "pty.", "ctypes.dlopen", "pickle.find_class", "os.chmod", "os.chown", "os.link", "os.mkdir",
    "os.remove", "os.rename", "os.rmdir", "os.symlink", "os.truncate", "os.utime", "os.putenv",
    "shutil.", "tempfile.", "urllib.", "ftplib.", "http.", "webbrowser.",
)  # fmt: skip
"""Audit events, by how they begin, that loading never has a reason for
(https://docs.python.org/3/library/audit_events.html)."""

PUTTING = ("os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.utime", "os.chmod")
"""Those of them that saving a preset has a reason for, where it is saved."""

PATH = str | bytes | os.PathLike
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Watch:
    """Keeps what was done that loading a preset never does, while `watching`.

    Audit hooks see Python; a C library that opens a file by itself, as HDF5 does, is seen where
    that file is: the system tells of every file in `canaries` that is opened.

    Args:
        canaries: Directory of files that nobody is to open.
        readable: Directories that may be read from, beside Python's own.
        writable: A directory that may be written to; ``None`` where there is none.
    """

    def __init__(self, canaries: Path, readable: list[Path], writable: Path | None = None) -> None:
        paths = sysconfig.get_paths()
        known = [paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")]
        source = [entry for entry in sys.path if entry]
        self._readable = [os.path.realpath(path) for path in (*known, *source, *readable)]
        self._canaries = canaries
        self.writable = writable
        self._on = False
        self._seen: list[str] = []
        self._inotify = _inotify(canaries)
        self._modules: set[str] = set()
        sys.dont_write_bytecode = True
        sys.addaudithook(self._hook)  # it stays for the life of the process

    @contextlib.contextmanager
    def watching(self, directory: Path) -> Iterator[list[str]]:
        """Inside, only files in `directory` and Python's own are read; gives what was else done."""
        self._modules = {name.partition(".")[0] for name in sys.modules}
        self._readable.append(os.path.realpath(directory))
        self._seen = seen = []
        _opened(self._inotify)
        faulthandler.dump_traceback_later(HANG, exit=True)
        self._on = True
        try:
            yield seen
        finally:
            self._on = False
            faulthandler.cancel_dump_traceback_later()
            self._readable.pop()
            if _opened(self._inotify):
                seen.append(f"a file in {self._canaries} was opened")

    def _hook(self, event: str, args: tuple) -> None:
        if not self._on:
            return
        if event == "open":
            self._open(*args)
        elif event == "import":
            self._import(str(args[0]))
        elif event.startswith(REFUSED) and not (event in PUTTING and self._there(args)):
            self._seen.append(f"{event} {args!r:.200}")

    def _open(self, path: object, mode: object, flags: int) -> None:
        if isinstance(path, int):
            return
        # Joining and resolving here must not be watched itself; neither opens a file.
        real = os.path.realpath(os.fsdecode(path))
        if self._there((path,)):
            return
        if flags & WRITING and real != os.devnull:
            self._seen.append(f"open for writing {real}")
        elif not real.startswith(("/proc/", "/sys/", "/dev/")) and not any(
            real == place or real.startswith(place + os.sep) for place in self._readable
        ):
            self._seen.append(f"open {real}")
        elif real.startswith("/dev/") and real not in ("/dev/null", "/dev/urandom"):
            self._seen.append(f"open {real}")

    def _there(self, args: tuple) -> bool:
        """Whether all paths among the arguments of an event lead to where may be written."""
        paths = [os.path.realpath(os.fsdecode(a)) for a in args if isinstance(a, PATH)]
        inside = f"{os.path.realpath(self.writable)}{os.sep}" if self.writable else None
        return inside is not None and bool(paths) and all(p.startswith(inside) for p in paths)

    def _import(self, name: str) -> None:
        root = name.partition(".")[0]
        if root not in self._modules and root not in sys.stdlib_module_names:
            self._seen.append(f"import {name}")


@contextlib.contextmanager
def limited_memory() -> Iterator[list[int]]:
    """Inside, only `ROOM` more can be allocated; gives the peak of resident bytes above before."""
    if not sys.platform.startswith("linux"):
        yield [0]
        return
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts from here
    before, _, virtual = _memory()
    grown: list[int] = []
    resource.setrlimit(resource.RLIMIT_AS, (virtual + ROOM, hard))
    try:
        yield grown
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
        grown.append(_memory()[1] - before)


def _memory() -> tuple[int, int, int]:
    """Resident bytes, their peak, and the size of the address space."""
    status = Path("/proc/self/status").read_text()
    kilobytes = {
        line.split(":")[0]: line.split()[1] for line in status.splitlines() if "kB" in line
    }
    return tuple(int(kilobytes[name]) * 1024 for name in ("VmRSS", "VmHWM", "VmSize"))


def _inotify(directory: Path) -> int | None:
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = libc.inotify_init1(os.O_NONBLOCK)
    in_access_or_open = 0x1 | 0x20
    if libc.inotify_add_watch(descriptor, bytes(directory), in_access_or_open) < 0:
        raise OSError(ctypes.get_errno(), "inotify_add_watch")
    return descriptor


def _opened(descriptor: int | None) -> bool:
    if descriptor is None:
        return False
    try:
        return bool(os.read(descriptor, 65536))
    except BlockingIOError:
        return False
