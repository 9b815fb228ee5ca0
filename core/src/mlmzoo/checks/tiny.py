"""The sizes of the smallest working model of a family, taken from its own presets."""

from __future__ import annotations

from typing import Any

from mlmzoo.contract.records import Family
from mlmzoo.plugins import registry

SIZES = {
    "num_layers": 2,
    "num_heads": 2,
    "hidden_dim": 16,
    "embedding_dim": 8,
    "intermediate_dim": 32,
    "max_sequence_length": 48,
    "bucket_size": 16,
}


def tiny_settings(family: Family, vocabulary_size: int) -> dict[str, Any]:
    """Constructor arguments of a tiny backbone: those of the family's first preset, shrunk.

    Of a family without a built-in preset nothing is known but the vocabulary.

    Args:
        family: The family.
        vocabulary_size: Size of the tokenizer's vocabulary.
    """
    preset = next(iter(registry().presets(family.name).values()), None)
    known = preset.backbone if preset is not None else {}
    shrunk = {name: SIZES.get(name, value) for name, value in known.items()}
    return {**shrunk, "vocabulary_size": vocabulary_size}
