"""The preset format of KerasHub: JSON configs beside HDF5 weights.

Written as KerasHub 0.32 does; read in every older form since its first presets. What that format
cannot express stands under our own key, which KerasHub ignores.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from functools import partial
from typing import Any

from mlmzoo.contract.errors import PresetFormatError
from mlmzoo.contract.protocols import Files
from mlmzoo.contract.records import Checkpoint, Family
from mlmzoo.presets import weights
from mlmzoo.presets.contents import Contents
from mlmzoo.presets.json_files import read_json, require_json, unused_note
from mlmzoo.presets.layouts.keras_names import (
    CONFIG,
    NAME,
    PREPROCESSOR,
    PREPROCESSOR_ARGUMENTS,
    SHARDS,
    TASK,
    TASK_WEIGHTS,
    TOKENIZER,
    WEIGHTS,
)
from mlmzoo.presets.layouts.keras_writing import warn_of_differences, write
from mlmzoo.presets.settings import NAME_LENGTH, OWN_KEY, check, mapping_entry, own_entries
from mlmzoo.presets.shards import open_shards
from mlmzoo.presets.tensors import Renamed, Tensors
from mlmzoo.presets.tensors.hdf5 import HDF5File

__all__ = ["NAME", "read", "recognises", "warn_of_differences", "write"]

NOT_ARGUMENTS = frozenset({"name", "trainable", "dtype", "config_file", "vocabulary", "proto"})
"""Entries of a KerasHub config that are no arguments of ours."""

OBJECT = frozenset(
    {"module", "class_name", "config", "registered_name", "build_config", "compile_config", OWN_KEY}
)
"""Entries of a serialized Keras object. What module it came from is not looked at."""

OF_TASK = frozenset({"backbone", "preprocessor", "name", "trainable", "dtype"})

OWN = frozenset({"backbone", "head", "head_state", "tokenizer", "preprocessor"})
"""What stands under our own key, in one file or another."""

ATTENTION_SPELLING = re.compile(r"/_(query|key|value|output)_dense/")
"""Keras up to 3.0.2 named these sublayers by their private attributes."""

IN_TASK = re.compile(r"^(?:layers/)?[a-z0-9_]*backbone(?:_\d+)?/(.*)$")
"""A backbone inside the weights of a whole task."""

NO_WEIGHTS = re.compile(r"^(optimizer|preprocessor)/|(^|/)seed_generator[^/]*/")


def recognises(config: Mapping[str, Any]) -> bool:
    """Whether a ``config.json`` is of this layout."""
    return isinstance(config.get("registered_name"), str)


def read(files: Files, registry: Any, family: Family | None = None) -> Contents:
    """Read a preset; see `mlmzoo.presets.layouts.read`."""
    config = require_json(files, CONFIG)
    where = f"{CONFIG} of {files.handle}"
    outer = config
    notes = _unused_notes(CONFIG, outer)
    # The first task presets had the config of the whole task in this file.
    whole_task = _is_object(mapping_entry(config, "config", where).get("backbone"))
    if whole_task:
        config = config["config"]["backbone"]
    name = config["registered_name"]
    if len(name) > NAME_LENGTH:
        raise PresetFormatError(
            f"{where} gives a 'registered_name' of {len(name)} characters, {name!r:.60}…; a name "
            f"has at most {NAME_LENGTH}. Check that the preset is what you think it is."
        )
    family = registry.family_by_serialized_name(name)
    checkpoint: Checkpoint = registry.checkpoint(family)

    own = own_entries(outer, where)
    numerics = checkpoint.keras_numerics
    arguments = mapping_entry(config, "config", where)
    backbone = {
        **numerics.get("backbone", {}),
        **{key: value for key, value in arguments.items() if key not in NOT_ARGUMENTS},
        **mapping_entry(own, "backbone", where),
    }
    check(checkpoint, "backbone", backbone, where)

    task = outer if whole_task else read_json(files, TASK)
    own_task = own_entries(task, f"{TASK} of {files.handle}")
    head = {
        **numerics.get("head", {}),
        **mapping_entry(own_task, "head", f"{TASK} of {files.handle}"),
    }
    check(checkpoint, "head", head, f"{TASK} of {files.handle}")

    preprocessor = read_json(files, PREPROCESSOR) or _nested(task, "preprocessor")
    tokenizer = read_json(files, TOKENIZER) or _nested(preprocessor, "tokenizer")
    notes += [] if whole_task else _unused_notes(TASK, task, OF_TASK)
    notes += _unused_notes(
        PREPROCESSOR, preprocessor, {"tokenizer", *NOT_ARGUMENTS, *PREPROCESSOR_ARGUMENTS}
    )
    notes += _unused_notes(TOKENIZER, tokenizer)
    return Contents(
        layout=NAME,
        family=family,
        checkpoint=checkpoint,
        backbone=backbone,
        head=head,
        dtype=_dtype(arguments.get("dtype")),
        tokenizer=None if tokenizer is None else _tokenizer(tokenizer, files),
        preprocessor=_preprocessor(preprocessor, files),
        files=files,
        opener=partial(_open, files, checkpoint, backbone, whole_task),
        saved_head_state=_head_state(own_task, files),
        notes=tuple(notes),
    )


def _unused_notes(
    name: str, entries: Mapping[str, Any] | None, arguments: Collection[str] | None = None
) -> list[str]:
    """Notes on what an object of a file holds and nothing here takes.

    Args:
        name: Name of the file.
        entries: The object.
        arguments: Entries of its config that are known; ``None`` where all of them are checked.
    """
    entries = entries or {}
    notes = unused_note(name, entries, OBJECT)
    config, own = entries.get("config"), entries.get(OWN_KEY)
    if arguments is not None and isinstance(config, dict):
        notes += unused_note(f"'config' in {name}", config, arguments)
    if isinstance(own, dict):
        notes += unused_note(f"{OWN_KEY!r} in {name}", own, {"format", *OWN})
    return notes


def _is_object(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("registered_name"), str)


def _nested(outer: Mapping[str, Any] | None, key: str) -> dict[str, Any] | None:
    config = (outer or {}).get("config")
    inner = config.get(key) if isinstance(config, dict) else None
    return inner if isinstance(inner, dict) and _is_object(inner) else None


def _dtype(value: Any) -> str | None:
    if isinstance(value, dict):
        config = value.get("config")
        value = config.get("name") if isinstance(config, dict) else None
    return value if isinstance(value, str) else None


def _tokenizer(tokenizer: Mapping[str, Any], files: Files) -> dict[str, Any]:
    where = f"{TOKENIZER} of {files.handle}"
    config = mapping_entry(tokenizer, "config", where)
    arguments = {key: value for key, value in config.items() if key not in NOT_ARGUMENTS}
    return {**arguments, **mapping_entry(own_entries(tokenizer, where), "tokenizer", where)}


def _preprocessor(preprocessor: Mapping[str, Any] | None, files: Files) -> dict[str, Any] | None:
    # A classifier's preprocessor says nothing about ours; KerasHub takes its defaults, too.
    name = (preprocessor or {}).get("registered_name")
    if preprocessor is None or not str(name).endswith("MaskedLMPreprocessor"):
        return None
    where = f"{PREPROCESSOR} of {files.handle}"
    config = mapping_entry(preprocessor, "config", where)
    arguments = {key: config[key] for key in PREPROCESSOR_ARGUMENTS if key in config}
    return {**arguments, **mapping_entry(own_entries(preprocessor, where), "preprocessor", where)}


def _head_state(own_task: Mapping[str, Any], files: Files) -> Any:
    state = own_task.get("head_state")
    if state not in (None, "trained", "unknown", "random"):
        raise PresetFormatError(
            f"{TASK} of {files.handle} says the head is {state!r:.100}; it can be 'trained', "
            "'unknown' or 'random'. Save the preset again."
        )
    return state


def _open(
    files: Files, checkpoint: Checkpoint, backbone: Mapping[str, Any], whole_task: bool, part: str
) -> Tensors | None:
    """The tensors of a part under the table's names, or ``None`` where there is no file."""
    stored = _open_files(files, WEIGHTS if part == "backbone" or whole_task else TASK_WEIGHTS)
    if stored is None:
        return None
    try:
        rows = weights.expand(checkpoint, backbone, part)
        names = _table_names(stored.names(), [row.keras for row in rows], part)
    except BaseException:
        stored.close()
        raise
    return Renamed(stored, names.__getitem__)


def _open_files(files: Files, name: str) -> Tensors | None:
    path = files.path(name)
    if path is not None:
        return HDF5File(path)
    index = read_json(files, SHARDS) if name == WEIGHTS else None
    if index is None:
        return None
    places = mapping_entry(index, "weight_map", f"{SHARDS} of {files.handle}").values()
    # The variables of one layer may lie in several files.
    lists = [place if isinstance(place, list) else [place] for place in places]
    shards = [shard for places in lists for shard in places]
    return open_shards(files, SHARDS, shards, HDF5File)


def _canonical(name: str) -> str:
    """One spelling for every era's name of a dataset."""
    return ATTENTION_SPELLING.sub(
        r"/\1_dense/", name.replace("_layer_checkpoint_dependencies", "layers")
    )


def _table_names(stored: set[str], wanted: Iterable[str], part: str) -> dict[str, str | None]:
    """Stored name -> table name, or ``None`` for what is not of this part."""
    table = {_canonical(name): name for name in wanted}
    inside = {name: IN_TASK.match(_canonical(name)) for name in stored}
    whole_task = any(inside.values())
    names: dict[str, str | None] = {}
    for name in stored:
        match = inside[name]
        if NO_WEIGHTS.search(name) or (whole_task and (part == "backbone") != bool(match)):
            names[name] = None
            continue
        canonical = match.group(1) if match and part == "backbone" else _canonical(name)
        names[name] = table.get(canonical, name)
    return names
