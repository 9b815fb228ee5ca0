"""Writing the preset format of KerasHub, as its version 0.32 does."""

from __future__ import annotations

import datetime
import os
import re
import warnings
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from mlmzoo.contract.errors import InputError, PresetFormatError, PresetWarning
from mlmzoo.contract.records import Family, Weight
from mlmzoo.presets import weights
from mlmzoo.presets.contents import WriteRequest
from mlmzoo.presets.layouts.keras_names import (
    CONFIG,
    METADATA,
    NAME,
    PREPROCESSOR,
    PREPROCESSOR_ARGUMENTS,
    TASK,
    TASK_WEIGHTS,
    TOKENIZER,
    WEIGHTS,
)
from mlmzoo.presets.settings import OWN_FORMAT, OWN_KEY
from mlmzoo.presets.writer import Entry, write_hdf5, write_json

OPTIMIZER = {
    "optimizer/vars/0": np.int32(0),
    "optimizer/vars/1": np.float32(5e-5),
}
"""Iterations and learning rate. KerasHub's tasks are compiled when they are made, and Keras then
looks for the optimizer's variables."""


def write(directory: Path, request: WriteRequest) -> None:
    """Write the files of a preset into an empty directory; see `mlmzoo.presets.layouts.write`."""
    names = _class_names(request.family)
    tokenizer = _tokenizer_object(names, request)
    preprocessor = _preprocessor_object(names, request, tokenizer)
    if request.backbone is not None:
        backbone = _backbone_object(names, request, request.backbone)
        write_json(directory / CONFIG, backbone)
        write_json(directory / METADATA, _metadata(request))
        write_hdf5(directory / WEIGHTS, _entries(request, "backbone"), request.dtype)
        if request.head is not None:
            write_json(directory / TASK, _task_object(names, request, backbone, preprocessor))
            write_hdf5(
                directory / TASK_WEIGHTS, _entries(request, "head"), request.dtype, OPTIMIZER
            )
    if tokenizer is not None:
        write_json(directory / TOKENIZER, tokenizer)
    if preprocessor is not None:
        write_json(directory / PREPROCESSOR, preprocessor)
    if request.write_tokenizer is not None:
        request.write_tokenizer(directory, NAME)


def _class_names(family: Family) -> dict[str, str]:
    if not family.serialized_names:
        raise PresetFormatError(
            f"Family {family.name!r} gives no serialized class name, so it cannot be written in "
            "the 'keras' layout. Use layout='transformers', or add `serialized_names` to its "
            "Family record."
        )
    backbone = family.serialized_names[0]
    stem = backbone.removesuffix("Backbone")
    return {
        "backbone": backbone,
        "tokenizer": f"{stem}Tokenizer",
        "preprocessor": f"{stem}MaskedLMPreprocessor",
        "task": f"{stem}MaskedLM",
    }


def _object(registered_name: str, config: Mapping[str, Any], **own: Any) -> dict[str, Any]:
    """A serialized Keras object, with `own` under our own key."""
    package, _, name = registered_name.rpartition(">")
    written = {
        "module": f"{package}.models",
        "class_name": name,
        "config": dict(config),
        "registered_name": registered_name,
    }
    return {**written, OWN_KEY: {"format": OWN_FORMAT, **own}} if own else written


def _base(registered_name: str, dtype: str) -> dict[str, Any]:
    name = registered_name.rpartition(">")[2]
    policy = {
        "module": "keras",
        "class_name": "DTypePolicy",
        "config": {"name": dtype},
        "registered_name": None,
    }
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()
    return {"name": snake, "trainable": True, "dtype": policy}


def _backbone_object(
    names: Mapping[str, str], request: WriteRequest, config: Mapping[str, Any]
) -> dict[str, Any]:
    own = request.checkpoint.keras_numerics.get("backbone", {})
    theirs = {key: value for key, value in config.items() if key not in own}
    return _object(
        names["backbone"],
        {**_base(names["backbone"], request.dtype), **theirs},
        backbone={key: config[key] for key in own if key in config},
    )


def _task_object(
    names: Mapping[str, str],
    request: WriteRequest,
    backbone: Mapping[str, Any],
    preprocessor: Mapping[str, Any] | None,
) -> dict[str, Any]:
    config = {
        "backbone": backbone,
        "preprocessor": preprocessor,
        "name": _base(names["task"], request.dtype)["name"],
    }
    return _object(
        names["task"], config, head=dict(request.head or {}), head_state=request.head_state
    )


def _tokenizer_object(names: Mapping[str, str], request: WriteRequest) -> dict[str, Any] | None:
    if request.tokenizer is None:
        return None
    base = {**_base(names["tokenizer"], "int32"), "config_file": TOKENIZER}
    extras = {"tokenizer": dict(request.tokenizer_extras)} if request.tokenizer_extras else {}
    return _object(names["tokenizer"], {**request.tokenizer, **base}, **extras)


def _preprocessor_object(
    names: Mapping[str, str], request: WriteRequest, tokenizer: Mapping[str, Any] | None
) -> dict[str, Any] | None:
    if request.preprocessor is None:
        return None
    given = request.preprocessor
    # KerasHub has a default for each of these, and cannot do without a value.
    theirs = {key: given[key] for key in PREPROCESSOR_ARGUMENTS if given.get(key) is not None}
    ours = {key: value for key, value in given.items() if key not in theirs}
    config = {
        **_base(names["preprocessor"], "float32"),
        "tokenizer": tokenizer,
        "config_file": PREPROCESSOR,
        **theirs,
    }
    return _object(names["preprocessor"], config, **({"preprocessor": ours} if ours else {}))


def _metadata(request: WriteRequest) -> dict[str, Any]:
    return {
        "keras_version": metadata.version("keras"),
        "parameter_count": int(request.parameters),
        "date_saved": _now().strftime("%Y-%m-%d@%H:%M:%S"),
        "tasks": ["MaskedLM"],
    }


def _now() -> datetime.datetime:
    """Now, or the moment that reproducible builds name: https://reproducible-builds.org/specs."""
    given = os.environ.get("SOURCE_DATE_EPOCH")
    if given is None:
        return datetime.datetime.now()
    try:
        return datetime.datetime.fromtimestamp(int(given), datetime.UTC)
    except (ValueError, OverflowError, OSError):
        raise InputError(
            f"SOURCE_DATE_EPOCH is {given!r:.100}, and has to be a number of seconds since 1970. "
            "Correct it or unset it."
        ) from None


def _entries(request: WriteRequest, part: str) -> list[Entry]:
    assert request.backbone is not None and request.read is not None
    heads = request.backbone.get(request.checkpoint.heads)
    rows = weights.expand(request.checkpoint, request.backbone, part)
    return [_entry(row, request, heads) for row in rows if row.ours in request.shapes]


def _entry(row: Weight, request: WriteRequest, heads: int | None) -> Entry:
    read = request.read
    assert read is not None
    return Entry(
        weights.stored_name(row, NAME),
        weights.stored_shape(row, NAME, request.shapes[row.ours], heads),
        lambda: weights.store(row, NAME, read(row.ours), heads),
    )


def warn_of_differences(request: WriteRequest) -> None:
    """Warn of what KerasHub will compute differently, and name it."""
    numerics = request.checkpoint.keras_numerics
    differences = [
        f"{part} {key} is {given[key]!r} here and {theirs!r} there"
        for part, given in (("backbone", request.backbone), ("head", request.head))
        if given is not None
        for key, theirs in numerics.get(part, {}).items()
        if key in given and given[key] != theirs
    ]
    if differences:
        warnings.warn(
            "KerasHub will load this preset and compute slightly different numbers, because its "
            f"format cannot express: {'; '.join(differences)}. mlmzoo reads it back exactly.",
            PresetWarning,
            stacklevel=6,
        )
    if request.tokenizer_extras:
        extras = ", ".join(
            f"{key}={value!r:.60}" for key, value in request.tokenizer_extras.items()
        )
        warnings.warn(
            "KerasHub will load this tokenizer and make other tokens of some texts, because its "
            f"format cannot express: {extras}. mlmzoo reads it back exactly.",
            PresetWarning,
            stacklevel=6,
        )
