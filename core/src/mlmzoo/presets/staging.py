"""A directory that is replaced as a whole or not at all, whatever happens while it is written.

Beside the directory, on the same file system, is a staging directory while it is written::

    my_bert/                       what everybody reads
    .mlmzoo-1f0c9a3e-5d7e0b6c…/
        lock                       held by the process that writes, as long as it lives
        new/                       what will be my_bert/
        old/                       what was my_bert/, for the moment between two renames

Staging directories whose lock nobody holds were left by killed processes.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import filelock

from mlmzoo.contract.errors import MlmzooError, SavingError
from mlmzoo.presets.atomic import STAGING_PREFIX, flush
from mlmzoo.presets.exchange import put_in_place

_LOCK, _NEW, _OLD = "lock", "new", "old"


@contextlib.contextmanager
def staged(target: Path, stale: Callable[[str], bool] = lambda name: False) -> Iterator[Path]:
    """A new directory that takes the place of `target` when the block ends without error.

    What `target` holds and the block does not write stays: files as hard links to what they are,
    so that the old directory is whole until the new one is in its place. What others make there in
    that moment follows right after it. Of two processes that write to one place, the one that ends
    last wins, and keeps what it has not written itself.

    Args:
        target: The directory to write; made, with its parents, if it is not there. A file in its
            place is replaced.
        stale: Whether a file or an empty folder of the old directory, by its path inside it with
            forward slashes, is to go if it was not written anew.

    Raises:
        SavingError: Files could not be written or moved. `target` is what it was then, and what
            was written so far is gone.
    """
    missing = [parent for parent in target.parents if not os.path.lexists(parent)]
    put = False
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(target)
        with _locked_staging(target) as staging:
            new = staging / _NEW
            new.mkdir()
            yield new
            for path in new.rglob("*"):
                if path.is_file():
                    flush(path)
            with one_at_a_time(target.parent):
                if target.is_dir():
                    _keep(target, new, stale)
                for directory, _, _ in os.walk(new):
                    flush(Path(directory))
                put_in_place(new, target, staging / _OLD)
                put = True
                flush(target.parent)
                for old in (new, *staging.glob(f"{_OLD}*")):
                    if old.is_dir():  # what others made there while it was being replaced
                        _keep(old, target, stale)
    except MlmzooError:
        raise
    except OSError as error:
        state = "is complete" if put else "is what it was, and what was written so far is gone"
        # Not error.strerror: HDF5 puts a dump of its state there.
        reason = os.strerror(error.errno) if error.errno else str(error)
        place = f" ({error.filename})" if error.filename else ""
        raise SavingError(
            f"{target} could not be saved: {reason}{place}. {target} {state}. Free space, set "
            "rights, or save elsewhere; the directory it is in has to be writable, too."
        ) from error
    finally:
        if not put:
            for parent in missing:
                with contextlib.suppress(OSError):
                    parent.rmdir()


@contextlib.contextmanager
def snapshot(target: Path, files: Mapping[str, Path]) -> Iterator[Path]:
    """A directory that holds these files, and goes on holding them whatever takes their place.

    Hard links beside `target`, so that nothing is copied; copies where no links can be made, and
    in the system's place for temporary files where nothing can be made beside it.

    Args:
        target: The directory that the files are of.
        files: Path in the new directory -> file.

    Raises:
        OSError: A file is gone, or cannot be copied.
    """
    _remove_leftovers(target)
    with contextlib.ExitStack() as stack:
        try:
            staging = stack.enter_context(_locked_staging(target))
        except OSError:
            staging = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mlmzoo-")))
        new = staging / _NEW
        new.mkdir()
        for name, file in files.items():
            link = new.joinpath(*name.split("/"))
            link.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.link(os.path.realpath(file), link)
            except OSError:
                shutil.copyfile(file, link)
        yield new


def recover(target: Path) -> None:
    """Put a directory back that a killed process had moved out of the way to replace it."""
    if not os.path.exists(target):
        target = Path(os.path.realpath(target))
        if os.path.isdir(target.parent):
            _remove_leftovers(target)


@contextlib.contextmanager
def _locked_staging(target: Path) -> Iterator[Path]:
    while True:
        staging = target.parent / f"{_prefix(target)}{secrets.token_hex(8)}"
        staging.mkdir()
        lock = filelock.FileLock(staging / _LOCK)
        try:
            lock.acquire(blocking=False)
            if (staging / _LOCK).exists():
                break
        except NotImplementedError:  # a file system without locks
            break
        except (filelock.Timeout, FileNotFoundError, FileExistsError):
            pass
        # Another process took it for a leftover, in the moment before it was locked.
    try:
        yield staging
    finally:
        _remove_staging(staging, lock)


@contextlib.contextmanager
def one_at_a_time(directory: Path) -> Iterator[None]:
    """Hold off other processes that put something into `directory`, where the system can."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    handle = os.open(directory, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # NFS locks no directories
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _remove_leftovers(target: Path) -> None:
    for staging in target.parent.glob(f"{_prefix(target)}*"):
        if not _is_ours(staging):
            continue
        if not (staging / _LOCK).exists():
            with contextlib.suppress(OSError):
                staging.rmdir()  # if its process lives, it makes it anew
            continue
        lock = filelock.FileLock(staging / _LOCK)
        try:
            lock.acquire(blocking=False)
        except (filelock.Timeout, NotImplementedError, OSError):
            continue  # its process lives, or nobody can tell
        kept = sorted(staging.glob(f"{_OLD}*"))
        if kept and not os.path.lexists(target):
            with contextlib.suppress(OSError):  # another process was quicker
                os.rename(kept[-1], target)
        _remove_staging(staging, lock)


def _is_ours(staging: Path) -> bool:
    """Whether this user's process can have made it. Anybody can put a link there to anywhere."""
    try:
        status = os.lstat(staging)
        links = {entry.name for entry in os.scandir(staging) if entry.is_symlink()}
    except OSError:
        return False
    mine = not hasattr(os, "geteuid") or status.st_uid == os.geteuid()
    return stat.S_ISDIR(status.st_mode) and mine and links <= {_NEW}


def _prefix(target: Path) -> str:
    # Not the name itself: with ours before it, it might be too long for a name.
    return f"{STAGING_PREFIX}{hashlib.sha256(os.fsencode(target.name)).hexdigest()[:8]}-"


def _keep(old: Path, new: Path, stale: Callable[[str], bool]) -> None:
    """Give `new` what else is in `old`."""
    for place, directories, files in os.walk(old):
        inside = Path(place).relative_to(old)
        links = [name for name in directories if os.path.islink(Path(place, name))]
        for name in [*files, *links]:
            relative = inside / name
            if not name.startswith(STAGING_PREFIX) and not stale(relative.as_posix()):
                _link(old / relative, new / relative)
        if not directories and not files and not stale(inside.as_posix()):
            (new / inside).mkdir(parents=True, exist_ok=True)
    for place, _, _ in os.walk(old, topdown=False):
        kept = new / Path(place).relative_to(old)
        if kept.is_dir():
            _make_alike(Path(place), kept)


def _make_alike(old: Path, new: Path) -> None:
    """Give the directory `new` the rights of `old`, and its owner and attributes where we may."""
    was, now = old.stat(), new.stat()
    # The group first: rights may depend on it. The owner last: then it is not ours any more.
    _give(new, -1, was.st_gid)
    with contextlib.suppress(OSError):
        shutil.copystat(old, new)
    with contextlib.suppress(OSError):
        os.utime(new, ns=(now.st_atime_ns, now.st_mtime_ns))  # it did change
    if stat.S_IMODE(new.stat().st_mode) != stat.S_IMODE(was.st_mode):
        shutil.copymode(old, new)
    _give(new, was.st_uid, -1)


def _give(directory: Path, user: int, group: int) -> None:
    if hasattr(os, "chown"):
        with contextlib.suppress(OSError):
            os.chown(directory, user, group)


def _link(old: Path, new: Path) -> None:
    new.parent.mkdir(parents=True, exist_ok=True)
    if os.path.lexists(new) and (new.is_symlink() or not new.is_dir()):
        return  # written anew, or kept already
    if not os.path.lexists(old):
        return  # removed by others in the meantime
    if old.is_symlink():
        os.symlink(os.readlink(old), new)
        return
    try:
        os.link(old, new)
    except OSError as error:
        if error.errno in (errno.EEXIST, errno.EXDEV):
            raise  # a directory is in the place of the file, or another file system inside `old`
        # A file system without hard links, or a file of another user's.
        shutil.copy2(old, new)


def _remove_staging(staging: Path, lock: filelock.BaseFileLock) -> None:
    """Remove a staging directory whose lock is held: the lock last, as it tells what this is."""
    for path in staging.iterdir():
        if path.name != _LOCK:
            _remove(path)
    with contextlib.suppress(OSError):
        (staging / _LOCK).unlink()
    lock.release()
    with contextlib.suppress(OSError):
        staging.rmdir()


def _remove(tree: Path) -> None:
    """Remove a file or a tree as far as that is possible; the rest is a leftover."""
    if tree.is_symlink() or not tree.is_dir():
        with contextlib.suppress(OSError):
            tree.unlink()
        return
    for directory, _, _ in os.walk(tree):
        with contextlib.suppress(OSError):  # a directory kept read-only cannot be emptied
            os.chmod(directory, 0o700)
    shutil.rmtree(tree, ignore_errors=True)
