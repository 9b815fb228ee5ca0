"""The two layouts of a preset directory, and which one a preset has."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

from mlmzoo.contract.errors import PresetFormatError
from mlmzoo.contract.protocols import Files
from mlmzoo.contract.records import Family
from mlmzoo.presets.contents import Contents, WriteRequest
from mlmzoo.presets.json_files import require_json
from mlmzoo.presets.layouts import keras, transformers

LAYOUTS: dict[str, ModuleType] = {keras.NAME: keras, transformers.NAME: transformers}
"""Closed: a third layout would need a third column in every family's table."""


def by_name(name: str) -> ModuleType:
    """The layout called `name`.

    Raises:
        PresetFormatError: There is none of that name.
    """
    if name not in LAYOUTS:
        raise PresetFormatError(
            f"Layout {name!r} was asked for. There are {' and '.join(map(repr, LAYOUTS))}."
        )
    return LAYOUTS[name]


def detect(files: Files, family: Family | None = None) -> ModuleType:
    """The layout of a preset, told by its ``config.json``.

    Args:
        files: The preset.
        family: The family it is known to be of, if it is: early transformers checkpoints do not
            say themselves.

    Raises:
        PresetMissingError: There is no ``config.json``.
        PresetFormatError: It is of neither layout.
    """
    config = require_json(files, "config.json")
    for layout in LAYOUTS.values():
        if layout.recognises(config):
            return layout
    if family is not None and "vocab_size" in config:
        return transformers
    raise PresetFormatError(
        f"config.json of {files.handle} has neither 'registered_name' (KerasHub) nor 'model_type' "
        f"(transformers); it has {', '.join(map(repr, list(config)[:8])) or 'nothing'}. "
        "Check that the preset is what you think it is."
    )


def read(files: Files, registry: Any, family: Family | None = None) -> Contents:
    """Read a preset of either layout.

    Args:
        files: The preset.
        registry: Finds the family by the name a config gives, and its weight table.
        family: The family it is known to be of, if it is.

    Raises:
        PresetMissingError: There is no ``config.json``.
        PresetFormatError: A file is malformed or contradictory, or of neither layout.
        UnsupportedSettingError: A setting its family cannot represent.
        UnknownNameError: No installed family reads it.
    """
    contents: Contents = detect(files, family).read(files, registry, family)
    return contents


def write(directory: Path, request: WriteRequest, layout: str = keras.NAME) -> None:
    """Write a preset, or those parts of one that `request` holds.

    Args:
        directory: Where to; made if it is not there.
        request: What to write.
        layout: ``"keras"`` or ``"transformers"``.

    Raises:
        PresetFormatError: There is no layout of that name.
        UnsupportedSettingError: The layout cannot express a setting.
    """
    by_name(layout).write(directory, request)
