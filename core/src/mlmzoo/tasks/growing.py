"""More tokens for a whole model: tokenizer, embedding and head grow together."""

from __future__ import annotations

from collections.abc import Iterable
from copy import copy
from typing import Any

import keras
import numpy as np

from mlmzoo.contract.errors import InputError, QuantizedModelError
from mlmzoo.kit.layers.initializers import skip_initialization
from mlmzoo.kit.tokenizers.growth import Growth
from mlmzoo.kit.variables import is_quantized


def add_tokens(task: Any, tokens: Iterable[str]) -> dict[str, int]:
    """What `MaskedLM.add_tokens` does."""
    _refuse_what_cannot_grow(task)
    old = task.preprocessor.tokenizer
    growth = old.grow(tokens)
    rows = _origins(old, growth, task.backbone.token_embedding.input_dim)
    with skip_initialization():
        backbone = type(task.backbone).from_config(
            {**task.backbone.get_config(), "vocabulary_size": len(rows)}
        )
        head = task._new_head(backbone)
    _fill(backbone, task.backbone, task.backbone.token_embedding.embeddings, rows)
    _fill(head, task.mlm_head, task.mlm_head.output_bias, rows)
    preprocessor = copy(task.preprocessor)  # which may serve another model, too
    preprocessor.tokenizer = growth.tokenizer
    task._exchange(backbone=backbone, mlm_head=head)
    task.preprocessor = preprocessor
    return growth.ids


def _refuse_what_cannot_grow(task: Any) -> None:
    asked = "Tokens were to be added to a model"
    if task.preprocessor is None:
        raise InputError(f"{asked} whose preprocessor is None. Set `model.preprocessor` first.")
    if is_quantized(task):
        raise QuantizedModelError(f"{asked} that is quantised. Add them before `quantize`.")
    if any(getattr(layer, "lora_enabled", False) for layer in task._flatten_layers()):
        raise InputError(
            f"{asked} with LoRA updates. Add them before `enable_lora`, or save the model as a "
            "preset, which merges the updates, and load that."
        )


def _origins(old: Any, growth: Growth, rows: int) -> list[tuple[int, ...]]:
    """For each row of the new embedding, the rows of the old one whose mean it is.

    Args:
        old: The tokenizer before.
        growth: What became of it.
        rows: Rows of the embedding before; those that no token uses are used first.
    """
    ids = {token: id for id, token in enumerate(old.get_vocabulary())}
    # A name that was not there and is not new stands for an id that no token has.
    origins = [
        growth.pieces[token] if token in growth.pieces else (ids.get(token, old.pad_token_id),)
        for token in growth.tokenizer.get_vocabulary()
    ]
    return origins + [(row,) for row in range(len(origins), rows)]


def _fill(new: Any, old: Any, growing: Any, origins: list[tuple[int, ...]]) -> None:
    """Give a layer the values of its smaller twin, seeds and what is frozen included."""
    for layer, twin in zip(new._flatten_layers(), old._flatten_layers(), strict=True):
        layer.trainable = twin.trainable
    for variable, before in zip(new.variables, old.variables, strict=True):
        value = keras.ops.convert_to_numpy(before)
        variable.assign(_means(value, origins) if before is growing else value)
        variable.trainable = before.trainable  # which may be frozen alone


def _means(rows: np.ndarray, origins: list[tuple[int, ...]]) -> np.ndarray:
    """Rows that are each the mean of some rows."""
    means = rows[[ids[0] for ids in origins]]
    for number, ids in enumerate(origins):
        if len(ids) > 1:
            means[number] = rows[list(ids)].mean(axis=0)
    return means
