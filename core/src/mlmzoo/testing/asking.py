"""What the promises ask a model, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from mlmzoo.testing.tiny import CORPUS

LONGEST_TEXT = 12
"""Tokens of a text that are asked for, so that rows of several lengths hold the same."""


def rows(task: Any, texts: Sequence[str], length: int) -> dict[str, np.ndarray]:
    """Texts as padded rows, one each: the backbone's inputs and ``padding_mask`` ``(B, L)``.

    Args:
        task: The masked LM.
        texts: ``B`` texts.
        length: ``L``, in tokens.
    """
    tokenizer = task.preprocessor.tokenizer
    token_ids = np.full((len(texts), length), tokenizer.pad_token_id, "int32")
    padding_mask = np.zeros((len(texts), length), "int32")
    for i, ids in enumerate(tokenizer.encode(list(texts))):
        ids = ids[: min(LONGEST_TEXT, length - 2)]
        row = [tokenizer.start_token_id, *ids, tokenizer.end_token_id]
        token_ids[i, : len(row)] = row
        padding_mask[i, : len(row)] = 1
    inputs = {"token_ids": token_ids, "padding_mask": padding_mask}
    if "segment_ids" in task.backbone.input:
        inputs["segment_ids"] = np.zeros_like(token_ids)
    return inputs


def questions(task: Any) -> dict[str, np.ndarray]:
    """Four rows with two masks each."""
    positions = np.array([[1, 3], [2, 4], [1, 2], [3, 5]], "int32")
    return {**rows(task, CORPUS[:4], 20), "mask_positions": positions}


def logits(task: Any, inputs: Mapping[str, np.ndarray] | None = None) -> np.ndarray:
    """Answers ``(B, M, V)`` to the inputs, or to `questions`."""
    asked = questions(task) if inputs is None else inputs
    return keras.ops.convert_to_numpy(task(asked, training=False))


def hidden_states(task: Any, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
    """The backbone's ``sequence_output`` ``(B, L, D)``; it is given those inputs that it takes."""
    taken = {name: inputs[name] for name in task.backbone.input}
    return keras.ops.convert_to_numpy(task.backbone(taken, training=False)["sequence_output"])


def probabilities(logits: np.ndarray) -> np.ndarray:
    """Their softmax over the last axis."""
    e = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def randomise(model: Any, seed: int = 5, stddev: float = 0.25) -> None:
    """Give every weight a value that shows: fresh biases are zero, and hide a mistake.

    Args:
        model: A built model.
        seed: Seed of the values.
        stddev: Their standard deviation; factors of normalisations lie around 1.
    """
    rng = np.random.default_rng(seed)
    for weight in model.weights:
        values = rng.normal(scale=stddev, size=weight.shape) + weight.path.endswith("gamma")
        weight.assign(values.astype("float32"))
