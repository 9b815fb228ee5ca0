"""The two layouts of a preset directory, and which one a preset has."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np

from mlmzoo.contract.errors import PresetFormatError, WeightsError
from mlmzoo.contract.protocols import Files
from mlmzoo.contract.records import Family
from mlmzoo.presets.contents import Contents, WriteRequest
from mlmzoo.presets.json_files import require_json
from mlmzoo.presets.layouts import keras, transformers
from mlmzoo.presets.layouts.card_file import CARD, is_kept, refuse_to_lose, signed
from mlmzoo.presets.layouts.place import check_place, stale
from mlmzoo.presets.layouts.transformers_card import model_card
from mlmzoo.presets.staging import staged
from mlmzoo.presets.weights import all_finite

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


def write(
    directory: str | os.PathLike[str],
    request: WriteRequest,
    layout: str = keras.NAME,
    *,
    overwrite: bool = False,
    allow_non_finite: bool = False,
) -> None:
    """Write a preset, or those parts of one that `request` holds, as a whole or not at all.

    A part that is written takes the place of its older self in either layout; what else the
    directory holds stays.

    Args:
        directory: Where to; made if it is not there.
        request: What to write.
        layout: ``"keras"`` or ``"transformers"``.
        overwrite: Whether `directory` may be a file, which is replaced, or a directory that holds
            something else than a preset, which stays.
        allow_non_finite: Whether weights may be NaN or infinite.

    Raises:
        SavingError: `directory` may not be written to, or could not be, or has somebody's
            ``README.md`` where facts were to be stated. What was there stays.
        MissingPackageError: A model card was asked for, and huggingface_hub is not installed.
        PresetFormatError: There is no layout of that name.
        UnsupportedSettingError: The layout cannot express a setting.
        WeightsError: A weight is not finite, or too large for the stored dtype.

    Warns:
        PresetWarning: The layout's own library will compute something differently.
    """
    format = by_name(layout)
    target = check_place(directory, overwrite, request)
    checked = request if allow_non_finite else replace(request, read=_Finite(request.read))
    refuse_to_lose(target, request.card)
    card = None if request.card is None else signed(model_card(request))
    with staged(target, stale(target, request)) as staging:
        format.write(staging, checked)
        if isinstance(checked.read, _Finite):
            checked.read.refuse()
        if card is not None and not is_kept(target):
            (staging / CARD).write_bytes(card)
    format.warn_of_differences(request)


class _Finite:
    """Reads values of variables, and remembers which were not finite."""

    def __init__(self, read: Callable[[str], np.ndarray] | None) -> None:
        self._read, self._bad = read, set[str]()

    def __call__(self, path: str) -> np.ndarray:
        assert self._read is not None
        value = self._read(path)
        if not all_finite(value):
            self._bad.add(path)
        return value

    def refuse(self) -> None:
        """Raise if a value was not finite."""
        if self._bad:
            raise WeightsError(
                f"A model was to be saved with NaN or infinite values in {sorted(self._bad)}. "
                "Such a model answers nothing; go back to an earlier state. To save it all the "
                "same, pass allow_non_finite=True."
            )
