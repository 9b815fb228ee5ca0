"""A preset in a directory that another process may replace while it is read."""

from __future__ import annotations

import os
import weakref
from pathlib import Path

from mlmzoo.contract.errors import PresetFormatError, PresetMissingError
from mlmzoo.presets.sources.local import LocalFiles


class PinnedFiles(LocalFiles):
    """The files of one and the same directory, or an error: never some of the one that replaced it.

    Args:
        directory: The directory that holds the preset's ``config.json``.
        handle: What to call it in reports and errors; the directory itself when not given.

    Raises:
        PresetMissingError: The directory is gone.
    """

    def __init__(self, directory: Path, handle: str | None = None) -> None:
        super().__init__(directory, handle)
        self._pin: int | None = None
        # Held open, so that its number goes to no other directory. Windows refuses that, and
        # moves no directory whose files are open.
        try:
            self._pin = os.open(directory, os.O_RDONLY)
        except PermissionError:
            return
        except FileNotFoundError:
            raise PresetMissingError(
                f"{self.handle} was asked for, but there is no directory {directory} (any more). "
                "Check the path."
            ) from None
        weakref.finalize(self, os.close, self._pin)

    def path(self, name: str) -> Path | None:
        """See `LocalFiles.path`.

        Raises:
            PresetFormatError: Another directory is in its place by now.
        """
        path = super().path(name)
        self.require_same()
        return path

    def require_same(self) -> None:
        """Raise if another directory is in its place by now, so what was opened since is of that.

        Raises:
            PresetFormatError: It is so.
        """
        if self._pin is None:
            return
        try:
            same = os.path.samestat(os.fstat(self._pin), os.stat(self.directory))
        except FileNotFoundError:  # between two renames
            same = False
        if not same:
            raise PresetFormatError(
                f"{self.handle} was replaced by another preset while it was being read. "
                "Load it again."
            )
