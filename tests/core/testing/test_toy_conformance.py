"""Core keeps its promises with a toy family, no other plugin needed."""

import functools

from toy_reference import reference

from mlmzoo.testing import FamilyConformance


class TestToy(FamilyConformance):
    family_name = "toy"

    def reference(self, directory):
        return functools.partial(reference, directory)
