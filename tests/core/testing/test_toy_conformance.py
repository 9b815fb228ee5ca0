"""Core keeps its promises with a toy family, no other plugin needed."""

from mlmzoo.testing import FamilyConformance


class TestToy(FamilyConformance):
    family_name = "toy"
