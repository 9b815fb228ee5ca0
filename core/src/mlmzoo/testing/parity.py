"""transformers as the reference of a family."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

NAMES = {
    "token_ids": "input_ids",
    "padding_mask": "attention_mask",
    "segment_ids": "token_type_ids",
}
"""An input of ours -> what transformers calls it."""


def transformers_reference(
    class_name: str, directory: Path
) -> Callable[[Mapping[str, np.ndarray]], np.ndarray]:
    """A model of transformers as a function from inputs to logits.

    Skips the test where transformers or torch is not installed.

    Args:
        class_name: A class with a masked-LM head, e.g. ``"AutoModelForMaskedLM"``.
        directory: The checkpoint it is to load.
    """
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    model, report = getattr(transformers, class_name).from_pretrained(
        directory, output_loading_info=True
    )
    lacking = [*report["missing_keys"], *report["mismatched_keys"]]
    assert not lacking, f"{class_name} wants weights that the table does not write: {lacking}"

    def compute(inputs: Mapping[str, np.ndarray]) -> np.ndarray:
        given = {NAMES[name]: torch.tensor(value).long() for name, value in inputs.items()}
        with torch.no_grad():
            logits: np.ndarray = model.eval()(**given).logits.numpy()
        return logits

    return compute
