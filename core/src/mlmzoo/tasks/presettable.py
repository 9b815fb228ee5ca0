"""What every class that comes from a preset shares."""

from __future__ import annotations

from typing import Any

import keras

from mlmzoo.contract.records import Preset
from mlmzoo.plugins import registry


class _PresetsOf:
    """Class attribute: the built-in presets of a class, over all families for a base class."""

    def __get__(self, instance: Any, owner: type) -> dict[str, Preset]:
        family = registry().family_of_class(owner)
        return registry().presets(family.name if family else None)


class Presettable:
    """Mixin: the `presets` of a class, and its registration with Keras under our own name."""

    presets = _PresetsOf()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        # Under our package's name, never under KerasHub's: that would hijack keras-hub's classes
        # in a process that uses both.
        package = cls.__module__.partition(".")[0]
        keras.saving.register_keras_serializable(package)(cls)
