"""What a family must hold, as pytest classes a plugin inherits."""

import pytest

# Before they are imported: their asserts then say what was compared, as those of a test file do.
PARTS = "computing encoding parity registration storing tokenizing training"
pytest.register_assert_rewrite(*(f"mlmzoo.testing.{part}" for part in PARTS.split()))

from mlmzoo.testing.conformance import FamilyConformance  # noqa: E402
from mlmzoo.testing.tiny import CORPUS, tiny_settings, tiny_task, tiny_tokenizer  # noqa: E402

__all__ = ["CORPUS", "FamilyConformance", "tiny_settings", "tiny_task", "tiny_tokenizer"]
