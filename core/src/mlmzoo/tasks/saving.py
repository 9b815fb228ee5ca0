"""From objects to a preset: every `save_to_preset` ends here; and `load_model`."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any

import keras

from mlmzoo.contract.errors import (
    InputError,
    MlmzooError,
    PresetFormatError,
    PresetMissingError,
    QuantizedModelError,
    UnknownNameError,
    WeightsError,
)
from mlmzoo.contract.records import Family
from mlmzoo.kit.tokenizers.reading import JSON_VALUES
from mlmzoo.kit.variables import effective_values, is_quantized
from mlmzoo.plugins import registry
from mlmzoo.presets import layouts
from mlmzoo.presets.card_facts import CardFacts
from mlmzoo.presets.contents import WriteRequest
from mlmzoo.presets.json_files import CONTROL, parse_json
from mlmzoo.presets.layouts import transformers
from mlmzoo.presets.weights import expand

MODEL_CONFIG_BYTES = 32 * 2**20
"""Longest config in a ``.keras`` file. It holds a whole vocabulary: that of XLM-R has 7 MB."""


def save_task(
    task: Any,
    directory: Any,
    layout: str,
    dtype: str = "float32",
    head: bool = True,
    card: Mapping[str, Any] | None = None,
    **how: bool,
) -> None:
    """What `Task.save_to_preset` does; `how` is passed on to `mlmzoo.presets.layouts.write`."""
    if not task.head_in_presets:
        raise InputError(
            f"save_to_preset was asked to write a {type(task).__name__}, and a preset holds no "
            "head but that of a masked LM. model.save('model.keras') writes all of it; "
            "model.backbone and model.preprocessor have a save_to_preset of their own."
        )
    facts = CardFacts.from_mapping({} if card is None else card)
    if card is not None and layout != transformers.NAME:
        raise InputError(
            f"card= was given, and layout={layout!r} has no model card. Leave it out, or use "
            f"layout={transformers.NAME!r}."
        )
    parts = _backbone_part(task.backbone, task if head else task.backbone)
    if layout == transformers.NAME:
        parts["card"] = facts
    if head:
        parts["head"] = {"activation": task.head_activation, "epsilon": task.head_epsilon}
        parts["head_state"] = task.head_state
    if task.preprocessor is not None:
        parts |= _preprocessor_part(task.preprocessor)
    _write(_family(task), directory, layout, how, dtype=dtype, **parts)


def save_backbone(backbone: Any, directory: Any, layout: str, dtype: str, **how: bool) -> None:
    """What `Backbone.save_to_preset` does."""
    parts = _backbone_part(backbone, backbone)
    _write(_family(backbone), directory, layout, how, dtype=dtype, **parts)


def save_preprocessor(preprocessor: Any, directory: Any, layout: str, **how: bool) -> None:
    """What `Preprocessor.save_to_preset` does."""
    _write(_family(preprocessor), directory, layout, how, **_preprocessor_part(preprocessor))


def save_tokenizer(tokenizer: Any, directory: Any, layout: str, **how: bool) -> None:
    """What `Tokenizer.save_to_preset` does."""
    _write(_family(tokenizer), directory, layout, how, **_tokenizer_part(tokenizer))


def _write(
    family: Family, directory: Any, layout: str, how: Mapping[str, bool], **parts: Any
) -> None:
    request = WriteRequest(family, registry().checkpoint(family), **parts)
    _refuse_to_lose(request)
    layouts.write(directory, request, layout, **how)


def _refuse_to_lose(request: WriteRequest) -> None:
    """Raise where a variable has no row in the family's table, and so no place in a file."""
    if request.backbone is None:
        return
    parts = [expand(request.checkpoint, request.backbone, part) for part in ("backbone", "head")]
    lost = sorted(request.shapes.keys() - {row.ours for rows in parts for row in rows})
    if lost:
        raise WeightsError(
            f"save_to_preset was asked to write a model of the family {request.family.name!r} with "
            f"the variables {lost}, which its weight table {request.family.checkpoint!r} does not "
            "name: they would be lost. Add a row for each, or use model.save('model.keras')."
        )


def _family(thing: Any) -> Family:
    family = registry().family_of_class(type(thing))
    if family is None:
        raise UnknownNameError(
            f"save_to_preset was asked to write a {type(thing).__name__}, which belongs to no "
            "family of an installed plugin. Use the family's class or a subclass of it."
        )
    return family


def _backbone_part(backbone: Any, model: Any) -> dict[str, Any]:
    if is_quantized(model):
        raise QuantizedModelError(
            "save_to_preset was asked to write a quantised model, and presets hold plain floating "
            "point weights. Use model.save('model.keras'), or save the preset before quantising."
        )
    readers = effective_values(model)
    shapes = {
        weight.path: tuple(int(n) for n in weight.shape)
        for weight in model.weights
        if "lora_kernel" not in weight.path and "lora_embeddings" not in weight.path
    }
    return {
        "backbone": dict(backbone.settings),
        "shapes": shapes,
        "read": lambda path: readers[path](),
        "parameters": backbone.count_params(),
    }


def _preprocessor_part(preprocessor: Any) -> dict[str, Any]:
    return {"preprocessor": preprocessor.settings(), **_tokenizer_part(preprocessor.tokenizer)}


def _tokenizer_part(tokenizer: Any) -> dict[str, Any]:
    return {
        "tokenizer": tokenizer.keras_config(),
        "tokenizer_extras": tokenizer.extras(),
        "write_tokenizer": tokenizer.write_files,
        "pad_token_id": tokenizer.pad_token_id,
        "mask_token": tokenizer.mask_token,
    }


def load_model(path: str | os.PathLike[str], **kwargs: Any) -> Any:
    """A model saved with ``model.save("….keras")``, in a process that knows no plugin yet.

    The classes the file names are looked up among those of the installed plugins, and only these
    plugins are imported.

    Args:
        path: A ``.keras`` file.
        **kwargs: See `keras.saving.load_model`.

    Raises:
        PresetMissingError: There is no such file.
        PresetFormatError: It is not a ``.keras`` file, or Keras cannot load it.
    """
    if not os.path.isfile(path):
        raise PresetMissingError(
            f"load_model was asked for {os.fspath(path)!r}, and there is no such file. "
            "For a preset directory use MaskedLM.from_preset."
        )
    classes = registry().class_names
    for name in set(_class_names(_config_of(path))):
        if name in classes:
            registry().load(classes[name])
    try:
        return keras.saving.load_model(path, **kwargs)
    except MlmzooError:
        raise
    except Exception as error:
        raise PresetFormatError(
            f"load_model was asked for {os.fspath(path)!r}, which Keras cannot load: "
            f"{type(error).__name__}: {CONTROL.sub(' ', str(error)[:1000])}"
        ) from error


def _config_of(path: str | os.PathLike[str]) -> Any:
    """The config in a ``.keras`` file, which is an archive of what it says it holds."""
    what = f"load_model was asked for {os.fspath(path)!r}, which"
    try:
        with zipfile.ZipFile(path) as archive:
            if any(member.compress_type != zipfile.ZIP_STORED for member in archive.infolist()):
                raise PresetFormatError(
                    f"{what} is compressed. Keras writes no such files; save the model again."
                )
            with archive.open("config.json") as file:
                text = file.read(MODEL_CONFIG_BYTES + 1)
    except (zipfile.BadZipFile, KeyError, ValueError, OSError, RuntimeError) as error:
        if isinstance(error, MlmzooError):
            raise
        raise PresetFormatError(f"{what} is not a .keras file ({error}).") from error
    if len(text) > MODEL_CONFIG_BYTES:
        raise PresetFormatError(
            f"{what} has a config of more than {MODEL_CONFIG_BYTES} bytes. Check that it is what "
            "you think it is."
        )
    if (size := sum(map(text.count, (b"[", b"{", b",", b":")))) > JSON_VALUES:
        raise PresetFormatError(
            f"{what} has a config of up to {size} values, and {JSON_VALUES} are the most. Check "
            "that it is what you think it is."
        )
    # Tokens of a vocabulary may be any characters.
    return parse_json(text, f"config.json in {os.fspath(path)}", control=True)


def _class_names(config: Any) -> Iterator[str]:
    if isinstance(config, dict):
        name = config.get("class_name")
        if isinstance(name, str):
            yield name.rpartition(">")[2]
        for value in config.values():
            yield from _class_names(value)
    elif isinstance(config, list):
        for value in config:
            yield from _class_names(value)
