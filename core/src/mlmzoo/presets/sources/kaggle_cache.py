"""Where files of Kaggle Models are kept, so that a name in it always means a whole file.

Of a variation, in mlmzoo's cache::

    kaggle/<org>/<model>/<framework>/<variation>/
        <version>/<file>              whole files, each moved here in one step
        .absent/<version>/<file>      empty notes: this version has no such file
        .unfinished/<version>/<…>/    what is being downloaded, or was when a process was killed
        .locks/<version>              held while one process downloads

kagglehub's own cache is read, too, where it says that a file is complete; it is never written.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from mlmzoo.presets.atomic import flush
from mlmzoo.presets.sources.download_settings import cache_directory
from mlmzoo.presets.sources.progress import Progress

_NEWEST = "newest"  # in the place of a version that is not known yet


class KaggleCache:
    """The files of one variation on this machine.

    Args:
        model: ``"org/model/framework/variation"``.
    """

    def __init__(self, model: str):
        self.directory = cache_directory().joinpath("kaggle", *model.split("/"))
        # The same rule as kagglehub's, which takes a quarter of a second to import.
        theirs = os.environ.get("KAGGLEHUB_CACHE") or Path.home() / ".cache" / "kagglehub"
        self._theirs = Path(theirs).joinpath("models", *model.split("/"))

    def find(self, version: int, name: str) -> Path | None:
        """Path of a file that is here as a whole."""
        parts = name.split("/")
        path = self.directory.joinpath(str(version), *parts)
        if path.is_file():
            return path
        path = self._theirs.joinpath(str(version), *parts)
        mark = self._theirs.joinpath(
            ".complete", str(version), *parts[:-1], f"{parts[-1]}.complete"
        )
        return path if mark.is_file() and path.is_file() else None

    def newest(self, name: str) -> int | None:
        """The highest version whose file `name` is here."""
        return max(self._versions_with(name), default=None)

    def _versions_with(self, name: str) -> list[int]:
        versions = {
            int(entry.name)
            for place in (self.directory, self._theirs)
            if place.is_dir()
            for entry in place.iterdir()
            if entry.name.isdecimal()
        }
        return [version for version in versions if self.find(version, name)]

    def is_absent(self, version: int, name: str) -> bool:
        """Whether Kaggle said that this version has no file `name`."""
        return self._note(version, name).is_file()

    def note_absent(self, version: int, name: str) -> None:
        """Remember that this version has no file `name`, if notes can be written."""
        note = self._note(version, name)
        with contextlib.suppress(OSError):
            note.parent.mkdir(parents=True, exist_ok=True)
            note.touch()

    def _note(self, version: int, name: str) -> Path:
        return self.directory.joinpath(".absent", str(version), *name.split("/"))

    @contextlib.contextmanager
    def private(self, version: int | None, patience: float) -> Iterator[Path]:
        """A directory for one download, which nobody else looks at or writes to.

        It goes when the block ends; one that a killed process left is removed by the next.

        Args:
            version: What is downloaded; downloads of one version wait for each other.
            patience: Seconds to wait while the other one makes no progress.

        Raises:
            Stalled: The other one made none.
            OSError: The cache cannot be written to.
        """
        what = str(version or _NEWEST)
        unfinished = self.directory / ".unfinished" / what
        lock = self.directory / ".locks" / what
        lock.parent.mkdir(parents=True, exist_ok=True)
        with _held(lock, Progress(unfinished, patience)) as held:
            if held:  # so whatever is there is nobody's
                shutil.rmtree(unfinished, ignore_errors=True)
            directory = unfinished / secrets.token_hex(8)
            directory.mkdir(parents=True)
            try:
                yield directory
            finally:
                shutil.rmtree(directory, ignore_errors=True)
                for left in (unfinished, unfinished.parent):
                    with contextlib.suppress(OSError):  # another one's is in it
                        left.rmdir()

    def show(self, directory: Path, name: str) -> None:
        """Put copies of all versions' files `name` into a private directory, in kagglehub's form.

        Asked for the newest version, kagglehub then downloads the file only if it is not here.
        """
        place = directory.joinpath("models", *self.directory.parts[-4:])
        for version in self._versions_with(name):
            copy = place / str(version) / name
            mark = place / ".complete" / str(version) / f"{name}.complete"
            for path in (copy, mark):
                path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(str(self.find(version, name)), copy)
            mark.touch()

    def keep(self, path: Path, version: int, name: str) -> Path:
        """Move a whole file from a private directory to its place, unless one is there."""
        if here := self.find(version, name):
            return here
        place = self.directory.joinpath(str(version), *name.split("/"))
        place.parent.mkdir(parents=True, exist_ok=True)
        flush(path)
        os.replace(path, place)
        flush(place.parent)
        return place


@contextlib.contextmanager
def _held(path: Path, progress: Progress) -> Iterator[bool]:
    """Hold a lock; ``False`` on file systems without locks.

    Without one nothing is damaged, as every download has a directory of its own; two processes
    may fetch the same file.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(path)
    while True:
        try:
            lock.acquire(timeout=progress.every, poll_interval=0.05)
        except Timeout:
            progress.look()
            continue
        except (NotImplementedError, OSError):
            if not os.access(path.parent, os.W_OK):
                raise
            yield False
            return
        break
    try:
        yield True
    finally:
        lock.release()
