"""Weights split over several files, as an index names them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from mlmzoo.contract.errors import PresetFormatError, PresetMissingError
from mlmzoo.contract.protocols import Files
from mlmzoo.presets.tensors import Sharded, Tensors

SHARDS = 200
"""Most files one index names; all of them are open at once, and a process has few handles."""


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
        PresetFormatError: A name is no plain file name, a file is malformed, there are more than
            `SHARDS`, or two hold a tensor of one name.
        PresetMissingError: A file is not there.
    """
    wanted: set[str] = set()
    for name in names:
        # A path could lead out of the preset.
        if not isinstance(name, str) or not name or set(name) & set("/\\:\0") or name[-1] == ".":
            raise PresetFormatError(
                f"{index} of {files.handle} names the file {name!r:.200}, which is no plain file "
                "name. Do not use this preset unless you trust where it comes from."
            )
        wanted.add(name)
    if len(wanted) > SHARDS:
        raise PresetFormatError(
            f"{index} of {files.handle} names {len(wanted)} files; weights are in {SHARDS} at "
            "most. Check that the preset is what you think it is."
        )
    opened: list[Tensors] = []
    try:
        for name in sorted(wanted):
            path = files.path(name)
            if path is None:
                raise PresetMissingError(
                    f"{index} of {files.handle} names {name!r}, which is not there. "
                    "The preset is incomplete; fetch or save it again."
                )
            opened.append(reader(path))
        return Sharded(opened, f"{index} of {files.handle}")
    except BaseException:
        for file in opened:
            file.close()
        raise
