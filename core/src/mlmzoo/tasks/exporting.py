"""A model that runs without Keras (ONNX, or a SavedModel), with its tokenizer beside it."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np

from mlmzoo.contract.errors import InputError, RandomHeadError, WeightsError
from mlmzoo.presets.layouts import transformers
from mlmzoo.presets.layouts.place import EXPORT, TOKENIZER, check_export_place, is_export
from mlmzoo.presets.staging import staged
from mlmzoo.presets.weights import all_finite
from mlmzoo.presets.writer import write_json

FORMATS = {"onnx": "model.onnx", "tf_saved_model": "saved_model"}
"""Format -> what the model is called in the directory."""


def export_task(
    task: Any,
    path: str | os.PathLike[str],
    format: str,
    overwrite: bool,
    allow_non_finite: bool,
) -> None:
    """What `MaskedLM.export` does."""
    if format not in FORMATS:
        raise InputError(
            f"format={format!r} was asked for. Give one of {', '.join(map(repr, FORMATS))}."
        )
    if task.head_state == "random":
        raise RandomHeadError(
            "An export was asked for of a masked-LM head that was never trained: its answers would "
            "be noise. Load a preset that has a trained head, or train this one with fit()."
        )
    backend = keras.backend.backend()
    if backend != "tensorflow":
        raise InputError(
            f"An export was asked for on {backend}, where Keras cannot leave batch and length "
            "open. Save the model with save_to_preset, and export it on TensorFlow: "
            "KERAS_BACKEND=tensorflow mlmzoo export PRESET DIR."
        )
    policy = task.backbone.dtype_policy
    if policy.compute_dtype != "float32":
        raise InputError(
            f"An export was asked for of a model that computes in {policy.compute_dtype}; an "
            'exported one computes in float32. Load it with dtype="float32".'
        )
    if format == "onnx":
        _require_converter()
    if not allow_non_finite:
        _require_finite(task)
    target = check_export_place(path, overwrite)
    with staged(target, _stale(target)) as staging:
        _write_model(task, staging / FORMATS[format], format)
        if task.preprocessor is not None:
            task.preprocessor.tokenizer.write_files(staging, transformers.NAME)
            _set_lengths(staging / "tokenizer.json", task.preprocessor)
        write_json(staging / EXPORT, _description(task, format))


def _stale(target: Path) -> Callable[[str], bool]:
    """Which files are of a model exported earlier, perhaps in the other format, and go with it."""
    models = FORMATS.values()
    tokenizers = TOKENIZER if is_export(target) else ()
    return lambda name: name.split("/")[0] in models or name in tokenizers


def _require_converter() -> None:
    try:
        import tf2onnx  # noqa: F401
    except ImportError as error:
        raise InputError(
            f"An ONNX file was asked for, which needs the package tf2onnx ({error}). "
            "Run: pip install mlmzoo[onnx]"
        ) from error


def _require_finite(task: Any) -> None:
    bad = [
        weight.path for weight in task.weights if not all_finite(keras.ops.convert_to_numpy(weight))
    ]
    if bad:
        raise WeightsError(
            f"An export was asked for of a model with NaN or infinite values in {bad}. Such a "
            "model answers nothing; go back to an earlier state. To export it all the same, pass "
            "allow_non_finite=True."
        )


def _set_lengths(path: Path, preprocessor: Any) -> None:
    """Let a ``tokenizer.json``, where there is one, cut and pad as `preprocessor` does."""
    if not path.exists():
        return
    length, tokenizer = preprocessor.sequence_length, preprocessor.tokenizer
    fixed = _padded_to(preprocessor)
    # The names are those of the tokenizers library.
    lengths = {
        "truncation": {
            "direction": "Right",
            "max_length": length,
            "strategy": "LongestFirst",
            "stride": 0,
        },
        "padding": {
            "strategy": "BatchLongest" if fixed is None else {"Fixed": fixed},
            "direction": "Right",
            "pad_to_multiple_of": None,
            "pad_id": tokenizer.pad_token_id,
            "pad_type_id": 0,
            "pad_token": tokenizer.pad_token,
        },
    }
    write_json(path, json.loads(path.read_text("utf-8")) | lengths)


def _padded_to(preprocessor: Any) -> int | None:
    """The length that rows must have, where the family's answers depend on the padding."""
    fixed = preprocessor.batching == "fixed"
    return int(preprocessor.sequence_length) if fixed else None


def _write_model(task: Any, path: Path, format: str) -> None:
    names = [*task.backbone.input, "mask_positions"]
    signature = {
        name: keras.InputSpec(shape=(None, None), dtype="int32", name=name) for name in names
    }
    task({name: np.zeros((1, 1), np.int32) for name in names})  # Keras exports what was called
    with warnings.catch_warnings():
        # Keras patches tf2onnx for numpy 2, and numpy warns of what it looks for.
        warnings.filterwarnings("ignore", "In the future `np.object`", FutureWarning)
        keras.Model.export(
            task, str(path), format=format, verbose=False, input_signature=[signature]
        )
    if format == "onnx":
        _check(path, task)


def _check(path: Path, task: Any) -> None:
    """Raise where the converter wrote operations that ONNX does not have."""
    import onnx

    try:
        onnx.checker.check_model(str(path))
    except onnx.checker.ValidationError as error:
        raise InputError(
            f"A {type(task).__name__} was to be written as ONNX, which has no operation for a part "
            f"of it: {str(error).strip().splitlines()[0]}. Use format='tf_saved_model'."
        ) from error


def _description(task: Any, format: str) -> dict[str, Any]:
    described: dict[str, Any] = {
        "model": FORMATS[format],
        "head_state": task.head_state,
        "inputs": {name: ["batch", "length"] for name in task.backbone.input}
        | {"mask_positions": ["batch", "masks"]},
        "outputs": {"logits": ["batch", "masks", task.mlm_head.vocabulary_size]},
    }
    if task.preprocessor is not None:
        tokenizer = task.preprocessor.tokenizer
        described["sequence_length"] = task.preprocessor.sequence_length
        described["padded_to"] = _padded_to(task.preprocessor)
        described["ids"] = {
            role: getattr(tokenizer, f"{role}_token_id") for role in ("start", "end", "pad", "mask")
        }
    return described
