"""Readers of weight files: named tensors, read (never mapped) whole or in row blocks."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import numpy as np

from mlmzoo.contract.errors import PresetFormatError
from mlmzoo.presets.json_files import CONTROL

OF_THIS_MACHINE = frozenset(
    {
        errno.EACCES, errno.EAGAIN, errno.EBUSY, errno.EIO, errno.EMFILE, errno.ENFILE,
        errno.ENOENT, errno.ENOLCK, errno.EPERM, errno.ESTALE, errno.ETIMEDOUT,
    }
)  # fmt: skip
"""Errors of the operating system that nothing in a file can cause."""


class Tensors(Protocol):
    """The tensors of one checkpoint."""

    def names(self) -> set[str]:
        """Every tensor's name."""
        ...

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of a tensor."""
        ...

    def dtype(self, name: str) -> np.dtype:
        """Stored dtype; bfloat16 is that of ml_dtypes."""
        ...

    def read(self, name: str, start: int = 0, stop: int | None = None) -> np.ndarray:
        """Rows ``start:stop`` of axis 0 (everything for a scalar), in the stored dtype."""
        ...

    def close(self) -> None:
        """Close the files."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class TensorFile:
    """Base of the readers: closes on leaving a ``with`` block."""

    def close(self) -> None:
        """Close the files."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def refuse_to_judge(path: Path, error: Exception) -> None:
    """Raise what a library met where it says nothing about the file, else return.

    Raises:
        OSError: The file could not be opened or read on this machine.
    """
    if isinstance(error, OSError) and error.errno in OF_THIS_MACHINE:
        reason = (
            f"{os.strerror(error.errno)}. The file cannot be read now, which does not mean that it "
            "is damaged. See that no other program writes to it, that you may read it and that "
            "not too many files are open (`ulimit -n`); then try again"
        )
        raise OSError(error.errno, reason, str(path)) from error


class Renamed(TensorFile):
    """The same tensors under the names of a family's table.

    Args:
        tensors: The tensors as stored. Closed with this object.
        rename: Stored name -> table name, or ``None`` to leave a tensor out. Where two stored
            names become one, the one that had that name already wins and the other keeps its own.

    Raises:
        PresetFormatError: Two stored names become one, and neither had it already; or a name
            holds control characters.
    """

    def __init__(self, tensors: Tensors, rename: Callable[[str], str | None]) -> None:
        self._tensors = tensors
        stored = tensors.names()
        self._stored: dict[str, str] = {}
        for name in sorted(stored):
            if CONTROL.search(name):
                tensors.close()
                raise PresetFormatError(
                    f"The weights hold a tensor called {name!r:.200}, a name with control "
                    "characters. Do not use this preset unless you trust where it comes from."
                )
            new = rename(name)
            if new is None:
                continue
            if new != name and new in stored and rename(new) == new:
                new = name
            if new in self._stored:
                tensors.close()
                raise PresetFormatError(
                    f"The weights hold both {self._stored[new]!r} and {name!r}, two spellings of "
                    f"one tensor ({new!r}). Remove one of them from the file."
                )
            self._stored[new] = name

    def names(self) -> set[str]:
        """Every tensor's name."""
        return set(self._stored)

    def stored_name(self, name: str) -> str:
        """What a tensor is called in the file."""
        return self._stored.get(name, name)

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of a tensor."""
        return self._tensors.shape(self._stored[name])

    def dtype(self, name: str) -> np.dtype:
        """Stored dtype."""
        return self._tensors.dtype(self._stored[name])

    def read(self, name: str, start: int = 0, stop: int | None = None) -> np.ndarray:
        """Rows ``start:stop`` of axis 0."""
        return self._tensors.read(self._stored[name], start, stop)

    def close(self) -> None:
        """Close the files."""
        self._tensors.close()


class Sharded(TensorFile):
    """Several files read as one. Closing them is the caller's where this raises.

    Args:
        files: The files.
        what: What names them, for the error.

    Raises:
        PresetFormatError: Two files hold a tensor of one name.
    """

    def __init__(self, files: Sequence[Tensors], what: str) -> None:
        self._files = tuple(files)
        self._where: dict[str, Tensors] = {}
        for file in self._files:
            names = file.names()
            if twice := sorted(names & self._where.keys()):
                raise PresetFormatError(
                    f"{what} names several files that hold {twice[0]!r:.200}. A tensor stands "
                    "once; fetch or save the preset again."
                )
            self._where.update(dict.fromkeys(names, file))

    def names(self) -> set[str]:
        """Every tensor's name."""
        return set(self._where)

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of a tensor."""
        return self._where[name].shape(name)

    def dtype(self, name: str) -> np.dtype:
        """Stored dtype."""
        return self._where[name].dtype(name)

    def read(self, name: str, start: int = 0, stop: int | None = None) -> np.ndarray:
        """Rows ``start:stop`` of axis 0."""
        return self._where[name].read(name, start, stop)

    def close(self) -> None:
        """Close the files."""
        for file in self._files:
            file.close()
