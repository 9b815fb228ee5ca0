"""Core keeps its promises with a toy family, no other plugin needed."""

from mlmzoo.testing import FamilyConformance


class TestToy(FamilyConformance):
    family_name = "toy"

    def test_lora(self, task, tmp_path):
        """The toy has no dense layers to update."""
