"""A preset in a directory of this machine."""

from __future__ import annotations

from pathlib import Path

from mlmzoo.contract.errors import PresetMissingError
from mlmzoo.presets.sources.file_names import check_file_name


class LocalFiles:
    """The files of a preset directory.

    Args:
        directory: The directory that holds the preset's ``config.json``.
        handle: What to call it in reports and errors; the directory itself when not given.
    """

    def __init__(self, directory: Path, handle: str | None = None):
        self.directory = directory
        self.handle = handle or str(directory)

    def path(self, name: str) -> Path | None:
        """Path of the file called `name`, or ``None`` where the directory has no such file.

        Raises:
            PresetMissingError: The directory is gone.
            PresetFormatError: `name` leads out of the directory.
            OSError: The file system failed; that says nothing about whether the file exists.
        """
        check_file_name(name, self.handle)
        # Not joined in one go: on Windows a drive in `name` would replace the directory.
        path = self.directory.joinpath(*name.split("/"))
        if path.is_file():
            return path
        if not self.directory.is_dir():
            raise PresetMissingError(
                f"{self.handle} was asked for {name!r}, but there is no directory "
                f"{self.directory} (any more). Check the path."
            )
        return None

    def __repr__(self) -> str:
        return f"LocalFiles({str(self.directory)!r})"
