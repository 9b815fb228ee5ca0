"""The checkpoint format of Hugging Face transformers: ``config.json`` beside a state dict."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mlmzoo.contract.errors import (
    PresetFormatError,
    PresetWarning,
    UnsupportedSettingError,
)
from mlmzoo.contract.protocols import Files
from mlmzoo.contract.records import Checkpoint, Family, Weight
from mlmzoo.presets import weights
from mlmzoo.presets.contents import Contents, WriteRequest
from mlmzoo.presets.json_files import read_json, require_json, unused_note
from mlmzoo.presets.settings import (
    NAME_LENGTH,
    OWN_FORMAT,
    OWN_KEY,
    check,
    from_transformers,
    mapping_entry,
    own_entries,
    refuse_unrepresentable,
    required_entries,
    to_transformers,
)
from mlmzoo.presets.shards import open_shards
from mlmzoo.presets.tensors import Renamed, Tensors
from mlmzoo.presets.tensors.safetensors import SafetensorsFile
from mlmzoo.presets.tensors.torch_bin import TorchFile
from mlmzoo.presets.writer import Entry, write_json, write_safetensors

NAME = "transformers"

CONFIG = "config.json"
WEIGHTS = "model.safetensors"

WEIGHT_FILES: tuple[tuple[str, Callable[[Path], Tensors]], ...] = (
    (WEIGHTS, SafetensorsFile),
    ("pytorch_model.bin", TorchFile),
)
"""In the order they are tried; each also as shards, with ``.index.json`` behind its name."""

ABOUT = frozenset(
    {
        "architectures", "model_type", "dtype", "torch_dtype", "transformers_version",
        "tie_word_embeddings", "_name_or_path", "_num_labels", "id2label", "label2id",
        "bos_token_id", "eos_token_id", "pad_token_id", "initializer_range", "use_cache",
        "gradient_checkpointing", "output_past", "classifier_dropout", OWN_KEY,
    }
)  # fmt: skip
"""Entries of a ``config.json`` that are known and say nothing of what the encoder computes."""

COMPARED_ROWS = 4096
"""Rows compared at a time when a tensor has to equal another."""


def recognises(config: Mapping[str, Any]) -> bool:
    """Whether a ``config.json`` is of this layout."""
    return isinstance(config.get("model_type"), str)


# Reading ------------------------------------------------------------------------------------------


def read(files: Files, registry: Any, family: Family | None = None) -> Contents:
    """Read a preset; see `mlmzoo.presets.layouts.read`."""
    config = require_json(files, CONFIG)
    where = f"{CONFIG} of {files.handle}"
    if family is None or "model_type" in config:
        name = config.get("model_type")
        if not isinstance(name, str) or len(name) > NAME_LENGTH:
            raise PresetFormatError(
                f"{where} gives {name!r:.60} as its 'model_type', which must be a name of up to "
                f"{NAME_LENGTH} characters. Check that the preset is what you think it is."
            )
        family = registry.family_by_model_type(name)
    checkpoint: Checkpoint = registry.checkpoint(family)
    refuse_unrepresentable(checkpoint, config, where, family.name)
    backbone, notes = from_transformers(checkpoint.settings, config, where)
    head, _ = from_transformers(checkpoint.head_settings, config, where)
    numerics = checkpoint.transformers_numerics
    backbone = {**numerics.get("backbone", {}), **backbone}
    head = {**numerics.get("head", {}), **head}
    own = own_entries(config, where)
    state = own.get("head_state")
    if "transformers_version" in config:
        # transformers keeps entries it does not know when it saves a model, and always adds this
        # one. The model was changed since we wrote ours; the head, too, for all we know.
        state = "unknown" if state in ("random", "unknown") else None
        own = {}
    backbone |= mapping_entry(own, "backbone", where)
    head |= mapping_entry(own, "head", where)
    check(checkpoint, "backbone", backbone, where)
    check(checkpoint, "head", head, where)
    if state not in (None, "trained", "unknown", "random"):
        raise PresetFormatError(
            f"{where} says the head is {state!r:.100}; it can be 'trained', 'unknown' or 'random'. "
            "Save the preset again."
        )
    known = {row.transformers for row in (*checkpoint.settings, *checkpoint.head_settings)}
    known |= {row.transformers for row in checkpoint.requires}
    notes += unused_note(CONFIG, config, ABOUT | known)
    notes += unused_note(f"{OWN_KEY!r} in {CONFIG}", own, {"backbone", "head", "head_state"})
    dtype = config.get("dtype", config.get("torch_dtype"))
    opener = partial(_open, files, checkpoint, backbone)
    return Contents(
        layout=NAME,
        family=family,
        checkpoint=checkpoint,
        backbone=backbone,
        head=head,
        dtype=dtype if isinstance(dtype, str) else None,
        # Which of several files holds its settings is the tokenizer class' own business here.
        tokenizer={},
        preprocessor=None,
        files=files,
        opener=opener,
        saved_head_state=state,
        notes=tuple(notes),
        verify_head=partial(_verify_tied, files, checkpoint, backbone, config),
        refuse_head=partial(_untrained_head, files, checkpoint),
    )


def _open(
    files: Files, checkpoint: Checkpoint, backbone: Mapping[str, Any], part: str
) -> Renamed | None:
    """The tensors of a part under the table's names, or ``None`` where there is no file."""
    stored = _open_files(files, checkpoint)
    if stored is None:
        return None
    try:
        other = "head" if part == "backbone" else "backbone"
        names = _table_names(checkpoint, backbone, stored.names())
        leave_out = _names(checkpoint, backbone, other)
        return Renamed(stored, lambda name: None if names[name] in leave_out else names[name])
    except BaseException:
        stored.close()
        raise


def _open_files(files: Files, checkpoint: Checkpoint) -> Tensors | None:
    further = tuple(
        (name, SafetensorsFile if name.endswith(".safetensors") else TorchFile)
        for name in checkpoint.weight_files
    )
    for name, reader in (*WEIGHT_FILES, *further):
        path = files.path(name)
        if path is not None:
            return reader(path)
        index = read_json(files, f"{name}.index.json")
        if index is not None:
            where = f"{name}.index.json of {files.handle}"
            places = mapping_entry(index, "weight_map", where).values()
            return open_shards(files, f"{name}.index.json", places, reader)
    return None


def _names(checkpoint: Checkpoint, backbone: Mapping[str, Any], part: str) -> set[str]:
    """Every name that the table gives to tensors of a part."""
    rows = weights.expand(checkpoint, backbone, part)
    return {name for row in rows for name in (row.transformers, row.folded) if name}


def _table_names(
    checkpoint: Checkpoint, backbone: Mapping[str, Any], stored: set[str]
) -> dict[str, str | None]:
    """Stored name -> table name, its own where the table has none, ``None`` if it is ignored."""
    ours = _names(checkpoint, backbone, "backbone")
    known = ours | _names(checkpoint, backbone, "head")
    spelled: dict[str, str] = {}
    for name in stored:
        new = name
        for pattern, replacement in checkpoint.renamed:
            new = re.sub(pattern, replacement, new)
        if new not in known and checkpoint.prefix + new in ours:
            new = checkpoint.prefix + new
        spelled[name] = new
    found = set(spelled.values())
    # Where a file holds a tensor of the head twice, transformers computes with the copy.
    shadowed = {
        original
        for copy, original in checkpoint.tied.items()
        if copy in found and original not in ours
    }
    names: dict[str, str | None] = {}
    for name, new in spelled.items():
        original = checkpoint.tied.get(new)
        if new in shadowed:
            names[name] = None
        elif original in shadowed:
            names[name] = original
        elif original is not None:
            # A copy stands in where a file kept only that one of the two.
            names[name] = None if original in found else original
        elif new not in known and any(re.search(p, name) for p in checkpoint.ignored):
            names[name] = None
        else:
            names[name] = new if new in known else name
    return names


def _untrained_head(files: Files, checkpoint: Checkpoint) -> str | None:
    """Why a head in the files is none for masked LM, or ``None``."""
    stored = _open_files(files, checkpoint) if checkpoint.untrained_head else None
    if stored is None:
        return None
    with stored:
        for name in sorted(stored.names()):
            if any(re.search(pattern, name) for pattern in checkpoint.untrained_head):
                return (
                    f"the weights hold {name!r}: this model was trained for another task, and its "
                    "masked-LM head, if it has one, was not trained with it"
                )
    return None


def _verify_tied(
    files: Files, checkpoint: Checkpoint, backbone: Mapping[str, Any], config: Mapping[str, Any]
) -> None:
    """Refuse a head whose output matrix is not the token embedding."""
    stored = _open_files(files, checkpoint)
    if stored is None:
        return
    with stored:
        names = stored.names()
        where = {
            new: name for name, new in _table_names(checkpoint, backbone, names).items() if new
        }
        for copy, original in checkpoint.tied.items():
            if copy in names and original in where and where[original] != copy:
                if not _equal(stored, copy, where[original]):
                    raise UnsupportedSettingError(
                        f"{files.handle} has a {copy!r} that differs from {where[original]!r}. "
                        f"Supported are heads in which they are the same (tied). The backbone "
                        "alone can be loaded."
                    )
            elif config.get("tie_word_embeddings") is False and copy not in names:
                raise UnsupportedSettingError(
                    f"{CONFIG} of {files.handle} sets 'tie_word_embeddings' to False, and the "
                    f"weights hold no {copy!r}, so its values are unknown. Supported are tied "
                    "heads. The backbone alone can be loaded."
                )


def _equal(tensors: Tensors, first: str, second: str) -> bool:
    shape = tensors.shape(first)
    if shape != tensors.shape(second):
        return False
    step = COMPARED_ROWS
    return all(
        np.array_equal(
            tensors.read(first, at, at + step).astype(np.float32),
            tensors.read(second, at, at + step).astype(np.float32),
        )
        for at in range(0, shape[0] if shape else 1, step)
    )


# Writing ------------------------------------------------------------------------------------------


def write(directory: Path, request: WriteRequest) -> None:
    """Write the files of a preset into an empty directory; see `mlmzoo.presets.layouts.write`."""
    if request.backbone is not None:
        write_json(directory / CONFIG, _config(request, request.backbone))
        write_safetensors(directory / WEIGHTS, _entries(request), request.dtype)
    if request.write_tokenizer is not None:
        request.write_tokenizer(directory, NAME)


def _config(request: WriteRequest, backbone: Mapping[str, Any]) -> dict[str, Any]:
    checkpoint = request.checkpoint
    if not request.family.model_types:
        raise PresetFormatError(
            f"Family {request.family.name!r} gives no model type, so it cannot be written in the "
            "'transformers' layout. Use layout='keras', or add `model_types` to its Family record."
        )
    architecture = checkpoint.architecture
    if request.head is None:
        architecture = architecture.replace("ForMaskedLM", "Model")
    config: dict[str, Any] = {
        "architectures": [architecture],
        "model_type": request.family.model_types[0],
        "dtype": request.dtype,
        "tie_word_embeddings": True,
        **to_transformers(checkpoint.settings, backbone),
        **required_entries(checkpoint),
        **checkpoint.written,
    }
    if request.pad_token_id is not None:
        config["pad_token_id"] = request.pad_token_id
    refuse_unrepresentable(checkpoint, config, "The config to be written", request.family.name)
    own: dict[str, Any] = {}
    named = {row.ours for row in checkpoint.settings if row.transformers}
    if unnamed := {key: value for key, value in backbone.items() if key not in named}:
        own["backbone"] = unnamed
    if request.head is not None:
        own["head"] = dict(request.head)
        own["head_state"] = request.head_state
    return {**config, OWN_KEY: {"format": OWN_FORMAT, **own}} if own else config


def _entries(request: WriteRequest) -> list[Entry]:
    assert request.backbone is not None
    parts = ("backbone",) if request.head is None else ("backbone", "head")
    rows = [
        row
        for part in parts
        for row in weights.expand(request.checkpoint, request.backbone, part)
        if row.ours in request.shapes
    ]
    # transformers saves a bare encoder without the prefix, and one with a head with it.
    prefix = request.checkpoint.prefix if request.head is None else ""
    return [entry for row in rows for entry in _row_entries(row, request, prefix)]


def _row_entries(row: Weight, request: WriteRequest, prefix: str) -> Iterator[Entry]:
    read = request.read
    assert read is not None
    shape = request.shapes[row.ours]
    yield Entry(
        row.transformers.removeprefix(prefix),
        weights.stored_shape(row, NAME, shape, None),
        lambda: weights.store(row, NAME, read(row.ours), None),
    )
    if row.folded:
        zeros = np.zeros((1, *shape[1:]), np.float32)
        yield Entry(row.folded.removeprefix(prefix), zeros.shape, lambda: zeros)


def differences(request: WriteRequest) -> list[str]:
    """What transformers will compute differently, each named with the two values."""
    if request.backbone is None:
        return []
    checkpoint = request.checkpoint
    written = to_transformers(checkpoint.settings, request.backbone)
    head, _ = from_transformers(checkpoint.head_settings, written, "the config")
    fixed = checkpoint.transformers_numerics
    return [
        f"{part} {key} is {ours[key]!r} here and {value!r} there"
        for part, ours, theirs in (
            ("backbone", request.backbone, fixed.get("backbone", {})),
            ("head", request.head or {}, {**fixed.get("head", {}), **head}),
        )
        for key, value in theirs.items()
        if key in ours and ours[key] != value
    ]


def warn_of_differences(request: WriteRequest) -> None:
    """Warn of what transformers will compute differently, and name it."""
    if found := differences(request):
        warnings.warn(
            "transformers will load this checkpoint and compute slightly different numbers, "
            f"because its format cannot express: {'; '.join(found)}. mlmzoo reads it back "
            "exactly.",
            PresetWarning,
            stacklevel=6,
        )
