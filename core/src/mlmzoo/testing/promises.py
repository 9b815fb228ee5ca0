"""`Promises`: what every promise starts from, and what an author says of a family."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import keras
import numpy as np
import pytest

from mlmzoo.contract.records import Family
from mlmzoo.plugins import registry
from mlmzoo.tasks.masked_lm import MaskedLM
from mlmzoo.tasks.seeding import set_seed
from mlmzoo.testing.tiny import tiny_task

Reference = Callable[[Mapping[str, np.ndarray]], np.ndarray]
"""From ``token_ids``, ``padding_mask`` (and ``segment_ids``) ``(B, L)`` to logits ``(B, L, V)``."""

TOLERANCE = 2e-5
EAGER = keras.backend.backend() != "jax"
"""Compiling a tiny model takes longer than using it; but JAX, run eagerly, compiles every operation
for itself, which takes longer still."""


class Promises:
    """What promises are about. The attributes are explained in `FamilyConformance`."""

    family_name: ClassVar[str] = ""
    settings: ClassVar[Mapping[str, Any]] = {}
    reference_class: ClassVar[str] = ""

    @pytest.fixture
    def family(self) -> Family:
        """The family's record."""
        return registry().family(self.family_name)

    @pytest.fixture
    def task(self, family: Family) -> MaskedLM:
        """A tiny masked LM with random weights."""
        set_seed(1)
        return self.make(family)

    def make(self, family: Family, **kwargs: Any) -> MaskedLM:
        """A tiny masked LM of the family. Override it if the family needs more than `settings`.

        Args:
            family: Its record.
            **kwargs: Arguments of `tiny_task`.
        """
        task: MaskedLM = tiny_task(family, self.settings, **kwargs)
        task.compile(run_eagerly=EAGER)
        return task

    def reference(self, directory: Path) -> Reference | None:
        """Another implementation of the family, to compare with. Override it if that is not in
        transformers.

        Args:
            directory: A checkpoint of a tiny model, in the transformers layout.

        Returns:
            A function from the inputs, ``token_ids``, ``padding_mask`` and, where the backbone
            takes them, ``segment_ids``, ``(B, L)``, to the logits of every token ``(B, L, V)``;
            ``None`` where there is no reference.
        """
        from mlmzoo.testing.parity import transformers_reference

        if not self.reference_class:
            return None
        return transformers_reference(self.reference_class, directory)

    def masked(self, task: MaskedLM) -> str:
        """A text with one mask."""
        return f"And God saw the {task.preprocessor.tokenizer.mask_token} that was good."
