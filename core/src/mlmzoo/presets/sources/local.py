"""A preset in a directory of this machine."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from mlmzoo.contract.errors import PresetFormatError, PresetMissingError
from mlmzoo.presets.sources.file_names import check_file_name


class LocalFiles:
    """The files of a preset directory.

    The directory may be a symbolic link; links inside it may not lead out of it. One exception
    is the cache of huggingface_hub, whose snapshots are links to ``blobs`` two directories up:
    these may be followed to that place.

    Args:
        directory: The directory that holds the preset's ``config.json``.
        handle: What to call it in reports and errors; the directory itself when not given.
        follow_links: Whether links may lead anywhere, as in packages that an installer linked.
    """

    def __init__(self, directory: Path, handle: str | None = None, follow_links: bool = False):
        self.directory = directory
        self.handle = handle or str(directory)
        self._follow_links = follow_links

    def path(self, name: str) -> Path | None:
        """Path of the file called `name`, or ``None`` where the directory has no such file.

        Raises:
            PresetMissingError: The directory is gone.
            PresetFormatError: `name` leads out of the directory, by itself or by a link, or is
                something else than a file: a pipe, a device, a broken link.
            OSError: The file system failed; that says nothing about whether the file exists.
        """
        check_file_name(name, self.handle)
        # Not joined in one go: on Windows a drive in `name` would replace the directory.
        path = self.directory.joinpath(*name.split("/"))
        if path.is_file():
            if not self._follow_links:
                self._refuse_to_leave(name, path)
            return path
        if not self.directory.is_dir():
            raise PresetMissingError(
                f"{self.handle} was asked for {name!r}, but there is no directory "
                f"{self.directory} (any more). Check the path."
            )
        self._refuse_other_than_files(name, path)
        return None

    def _refuse_to_leave(self, name: str, path: Path) -> None:
        directory, target = (Path(os.path.realpath(p)) for p in (self.directory, path))
        if target.is_relative_to(directory):
            return
        # …/models--org--name/snapshots/<commit>/<name> -> …/models--org--name/blobs/<hash>
        if directory.parent.name == "snapshots":
            if target.is_relative_to(directory.parent.parent / "blobs"):
                return
        raise PresetFormatError(
            f"{self.handle} holds {name!r} as a link to {target}, outside of its directory. A "
            "preset cannot take files from elsewhere. If the link is your own, put a copy of the "
            "file in its place."
        )

    def _refuse_other_than_files(self, name: str, path: Path) -> None:
        try:
            mode = os.lstat(path).st_mode
        except (FileNotFoundError, NotADirectoryError):
            return
        if not stat.S_ISDIR(mode):
            kind = "a link that leads to no file" if stat.S_ISLNK(mode) else "no regular file"
            raise PresetFormatError(
                f"{self.handle} holds {name!r}, which is {kind}. The preset is damaged or not "
                "downloaded whole; fetch it again."
            )

    def __repr__(self) -> str:
        return f"LocalFiles({str(self.directory)!r})"
