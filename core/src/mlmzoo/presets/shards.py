"""Weights split over several files, as an index names them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from mlmzoo.contract.errors import PresetFormatError, PresetMissingError
from mlmzoo.contract.protocols import Files
from mlmzoo.presets.tensors import Sharded, Tensors


def open_shards(
    files: Files, index: str, names: Iterable[Any], reader: Callable[[Path], Tensors]
) -> Tensors:
    """Open every file an index names, as one.

    Args:
        files: The preset.
        index: The index' own name, for errors.
        names: File names found in it, repeated as they may be.
        reader: Opens one file.

    Raises:
        PresetFormatError: A name is no plain file name, or a file is malformed.
        PresetMissingError: A file is not there.
    """
    opened: list[Tensors] = []
    try:
        for name in sorted({str(name) for name in names}):
            # A path could lead out of the preset.
            if name in ("", ".", "..") or set(name) & set("/\\:\0"):
                raise PresetFormatError(
                    f"{index} of {files.handle} names the file {name!r}, which is no plain file "
                    "name. Do not use this preset unless you trust where it comes from."
                )
            path = files.path(name)
            if path is None:
                raise PresetMissingError(
                    f"{index} of {files.handle} names {name!r}, which is not there. "
                    "The preset is incomplete; fetch or save it again."
                )
            opened.append(reader(path))
    except BaseException:
        Sharded(opened).close()
        raise
    return Sharded(opened)
