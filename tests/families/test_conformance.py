"""Every installed family keeps the promises of `mlmzoo.testing`. A new family adds nothing here."""

from mlmzoo.plugins import registry
from mlmzoo.testing import FamilyConformance

for _family in registry().families.values():
    if _family.name == "toy":  # core's own tests have it
        continue
    _name = f"Test{_family.name.title().replace('_', '').replace('-', '')}"
    _said = {"family_name": _family.name, "reference_class": "AutoModelForMaskedLM"}
    globals()[_name] = type(_name, (FamilyConformance,), _said)
