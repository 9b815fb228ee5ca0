"""Configuration values: checked, and translated by a family's table."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from mlmzoo.contract.errors import PresetFormatError, UnsupportedSettingError
from mlmzoo.contract.records import Checkpoint, Setting

SIZE_LIMIT = 2**31 - 1
"""Largest dimension: what tensor libraries index with 32 bits."""

NAME_LENGTH = 200
"""Longest name of a class or an activation."""

OWN_KEY = "mlmzoo"
"""Top-level key of our own in a config of either layout; both other libraries ignore it."""

OWN_FORMAT = 1
"""Version of what stands under `OWN_KEY`."""


def own_entries(config: Mapping[str, Any] | None, where: str) -> dict[str, Any]:
    """What stands under our own key, or nothing.

    Raises:
        PresetFormatError: It is of a later format than this version knows, or malformed.
    """
    own = (config or {}).get(OWN_KEY)
    if own is None:
        return {}
    if not isinstance(own, dict) or type(own.get("format")) is not int:
        raise PresetFormatError(
            f"{where} has a malformed {OWN_KEY!r} entry: {own!r:.200}. Save the preset again."
        )
    if own["format"] > OWN_FORMAT:
        raise PresetFormatError(
            f"{where} was written in format {own['format']}, and this version of mlmzoo knows up "
            f"to {OWN_FORMAT}. Update mlmzoo."
        )
    return {key: value for key, value in own.items() if key != "format"}


def mapping_entry(entries: Mapping[str, Any], key: str, where: str) -> dict[str, Any]:
    """The JSON object under a key, or an empty one.

    Raises:
        PresetFormatError: Something else stands there.
    """
    value = entries.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise PresetFormatError(
            f"{where}: {key!r} was to be a JSON object, and is {value!r:.200}. "
            "Save the preset again."
        )
    return dict(value)


def check(checkpoint: Checkpoint, part: str, config: Mapping[str, Any], where: str) -> None:
    """Check constructor arguments before anything is built from them.

    Args:
        checkpoint: The family's table.
        part: ``"backbone"`` or ``"head"``.
        config: Constructor arguments of ours.
        where: Where they came from, for the error.

    Raises:
        PresetFormatError: A value is not what its setting can be, or two contradict each other.
        UnsupportedSettingError: An argument the family does not have.
    """
    rows = checkpoint.settings if part == "backbone" else checkpoint.head_settings
    kinds = {row.ours: row.kind for row in rows}
    for name, value in config.items():
        if name not in kinds:
            raise UnsupportedSettingError(
                f"{where} sets {name!r} to {value!r:.100}, which this family does not have. It "
                f"has {', '.join(kinds)}. Check the spelling, or update the family's package."
            )
        _check_value(name, value, kinds[name], where)
    for whole, divisor in checkpoint.divisions if part == "backbone" else ():
        if whole in config and divisor in config and config[whole] % config[divisor]:
            raise PresetFormatError(
                f"{where} sets {whole!r} to {config[whole]} and {divisor!r} to {config[divisor]}, "
                f"and {whole!r} must be a multiple of {divisor!r}. Correct the config."
            )


def _check_value(name: str, value: Any, kind: str, where: str) -> None:
    number = type(value) in (int, float) and math.isfinite(value)
    wanted, good = {
        "size": (
            f"a whole number from 1 to {SIZE_LIMIT}",
            type(value) is int and 1 <= value <= SIZE_LIMIT,
        ),
        "rate": ("a number from 0 up to 1", number and 0 <= value < 1),
        "epsilon": ("a positive number", number and 0 < value < 1),
        "name": (
            f"a name of up to {NAME_LENGTH} characters",
            isinstance(value, str) and len(value) <= NAME_LENGTH,
        ),
    }[kind]
    if not good:
        raise PresetFormatError(
            f"{where} sets {name!r} to {value!r:.100}, which must be {wanted}. Correct the config."
        )


def from_transformers(
    rows: Iterable[Setting], config: Mapping[str, Any], where: str
) -> tuple[dict[str, Any], list[str]]:
    """Our constructor arguments from a transformers ``config.json``, and notes for the report.

    Args:
        rows: The table's settings.
        config: The parsed file.
        where: Where it came from, for errors.

    Raises:
        PresetFormatError: A setting is missing or of the wrong type.
        UnsupportedSettingError: A value this family cannot represent.
    """
    ours: dict[str, Any] = {}
    read_from: dict[str, str] = {}
    notes: list[str] = []
    for row in rows:
        if not row.transformers:
            continue
        value = config.get(row.transformers, row.default)
        if value is ...:
            raise PresetFormatError(
                f"{where} lacks {row.transformers!r}, which has no default. Correct the config."
            )
        if row.values:
            if not isinstance(value, str | int | float) or value not in row.values:
                raise UnsupportedSettingError(
                    f"{where} sets {row.transformers!r} to {value!r:.100}. Supported are "
                    f"{', '.join(map(repr, row.values))}; another checkpoint is needed."
                )
            value = row.values[value]
        _check_value(row.transformers, value, row.kind, where)
        if row.offset:
            if value <= row.offset:
                raise PresetFormatError(
                    f"{where} sets {row.transformers!r} to {value}, of which this family leaves "
                    f"{row.offset} unused; it must be more. Correct the config."
                )
            value -= row.offset
        if row.ours in ours:
            if ours[row.ours] != value:
                notes.append(
                    f"{row.transformers} = {value} is not kept apart: {row.ours} = "
                    f"{ours[row.ours]}, from {read_from[row.ours]}, serves for both"
                )
            continue
        ours[row.ours] = value
        read_from[row.ours] = row.transformers
    return ours, notes


def to_transformers(rows: Iterable[Setting], config: Mapping[str, Any]) -> dict[str, Any]:
    """Entries of a transformers ``config.json`` from our constructor arguments.

    Args:
        rows: The table's settings.
        config: Constructor arguments of ours.

    Raises:
        UnsupportedSettingError: A value transformers has no name for.
    """
    theirs: dict[str, Any] = {}
    for row in rows:
        if not row.transformers or row.ours not in config:
            continue
        value = config[row.ours]
        if row.values:
            names = [name for name, meaning in row.values.items() if meaning == value]
            if not names:
                raise UnsupportedSettingError(
                    f"{row.ours} = {value!r} was to be written for transformers, which calls "
                    f"nothing so. It can be one of {', '.join(map(repr, row.values.values()))}."
                )
            value = names[0]
        theirs.setdefault(row.transformers, value + row.offset if row.offset else value)
    return theirs


def refuse_unrepresentable(
    checkpoint: Checkpoint, config: Mapping[str, Any], where: str, family: str
) -> None:
    """Refuse a transformers ``config.json``, read or to be written, with a setting that the family
    cannot represent.

    Args:
        checkpoint: The family's table.
        config: The parsed file.
        where: Where it came from, for the error.
        family: Name of the family, for the error.

    Raises:
        UnsupportedSettingError: There is such a setting; the error names it.
    """
    defaults = {row.transformers: row.default for row in checkpoint.settings}
    for row in checkpoint.requires:
        value = config.get(row.transformers)
        value = row.default if value is None else value
        good = list(row.values)
        if row.same_as:
            good.append(config.get(row.same_as, defaults.get(row.same_as)))
        if value is not ... and value not in good:
            said = "sets" if row.transformers in config else "does not set, so has"
            raise UnsupportedSettingError(
                f"{where} {said} {row.transformers!r} to {value!r:.100}. The family {family!r} "
                f"supports {' or '.join(map(repr, good))} only."
            )


def required_entries(checkpoint: Checkpoint) -> dict[str, Any]:
    """Entries of a transformers ``config.json`` without which it would mean something else."""
    return {
        row.transformers: row.values[0]
        for row in checkpoint.requires
        if row.default is not ... and row.default not in row.values
    }
