"""The smallest working model of a family, made from its own presets and classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlmzoo.checks.tiny import tiny_settings
from mlmzoo.contract.records import Family
from mlmzoo.plugins import registry

__all__ = ["CORPUS", "tiny_settings", "tiny_task", "tiny_tokenizer"]

CORPUS = (
    "In the beginning God created the heaven and the earth.",
    "And God said, Let there be light: and there was light.",
    "And God saw the light, that it was good.",
    "The quick brown fox jumps over the lazy dog.",
    "A quick dog runs over the brown earth.",
    "Let the waters bring forth abundantly the moving creature.",
    "And the evening and the morning were the first day.",
    "And God called the light Day, and the darkness he called Night.",
)
"""Eight short lines, enough to train a small tokenizer and see a loss fall."""


def tiny_tokenizer(family: Family, vocabulary_size: int = 300) -> Any:
    """A tokenizer of the family trained on `CORPUS`."""
    return registry().load(family.tokenizer).train(CORPUS, vocabulary_size=vocabulary_size)


def tiny_task(
    family: Family,
    settings: Mapping[str, Any] | None = None,
    seed: int | None = 7,
    dtype: Any = None,
    sequence_length: int = 24,
    **kwargs: Any,
) -> Any:
    """A tiny masked LM of the family with random weights, its tokenizer and preprocessor.

    Args:
        family: The family.
        settings: Constructor arguments of the backbone to override.
        seed: Seed of the masks.
        dtype: Keras dtype policy.
        sequence_length: Longest row.
        **kwargs: Constructor arguments of the task.
    """
    tokenizer = tiny_tokenizer(family)
    settings = {**tiny_settings(family, tokenizer.vocabulary_size()), **(settings or {})}
    backbone = registry().load(family.backbone)(**settings, dtype=dtype)
    preprocessor = registry().load(family.preprocessor)(
        tokenizer, sequence_length=sequence_length, mask_selection_length=8, seed=seed
    )
    return registry().load(family.masked_lm)(backbone, preprocessor, **kwargs)
