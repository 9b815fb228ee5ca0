"""`FamilyConformance`: the promises every family keeps, on whichever backend is active."""

from __future__ import annotations

from typing import Any

from mlmzoo.testing.computing import ComputingPromises
from mlmzoo.testing.encoding import EncodingPromises
from mlmzoo.testing.registration import RegistrationPromises
from mlmzoo.testing.storing import StoringPromises
from mlmzoo.testing.tokenizing import TokenizingPromises
from mlmzoo.testing.training import TrainingPromises


class FamilyConformance(
    RegistrationPromises,
    TokenizingPromises,
    EncodingPromises,
    StoringPromises,
    TrainingPromises,
    ComputingPromises,
):
    """Inherit it, name the family, and every promise is tested.

    A promise that a family cannot keep is overridden with ``xfail`` and a reason, which pytest
    then shows; overriding one in any other way is refused.

    Attributes:
        family_name: Name of the family.
        settings: Constructor arguments of the backbone that override the tiny ones derived from
            the family's first preset; of a family without presets, all of them but
            ``vocabulary_size``.
        reference_class: Name of the class in transformers that computes the same from a checkpoint
            in the transformers layout, e.g. ``"AutoModelForMaskedLM"``.

    Raises:
        TypeError: A subclass overrides a promise and gives no reason.

    Example:
        class TestBert(FamilyConformance):
            family_name = "bert"
            reference_class = "AutoModelForMaskedLM"
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name in promises():
            # Where it is defined, not what: a mark on the inherited test is one for all families.
            own = [
                vars(base)[name]
                for base in cls.__mro__
                if base not in FamilyConformance.__mro__ and name in vars(base)
            ]
            if own and (own[0] is getattr(FamilyConformance, name) or not _excused(own[0])):
                raise TypeError(
                    f"{cls.__name__} overrides {name}, which is a promise that every family makes "
                    "to its users. If this one cannot keep it, say why, and pytest shows it:\n\n"
                    '    @pytest.mark.xfail(reason="why the family cannot keep it")\n'
                    f"    def {name}(self, …): …\n\n"
                    "To prepare the model in another way, override `make`."
                )


def promises() -> list[str]:
    """Names of the tests that a family inherits."""
    return [name for name in dir(FamilyConformance) if name.startswith("test_")]


def _excused(test: Any) -> bool:
    marks = getattr(test, "pytestmark", [])
    return any(mark.name == "xfail" and mark.kwargs.get("reason") for mark in marks)
