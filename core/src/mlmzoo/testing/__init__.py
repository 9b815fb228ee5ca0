"""What a family must hold, as pytest classes a plugin inherits."""

from mlmzoo.testing.conformance import FamilyConformance
from mlmzoo.testing.tiny import CORPUS, tiny_settings, tiny_task, tiny_tokenizer

__all__ = ["CORPUS", "FamilyConformance", "tiny_settings", "tiny_task", "tiny_tokenizer"]
