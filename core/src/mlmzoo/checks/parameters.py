"""Have a family's built-in presets as many parameters as they say?"""

from __future__ import annotations

import json
import math
from functools import partial

from mlmzoo.contract.errors import PluginError
from mlmzoo.contract.records import Family
from mlmzoo.kit.shapes import variable_shapes
from mlmzoo.plugins import registry


def parameter_counts(family: Family) -> str:
    """How many presets there are, each having the parameters it says.

    Raises:
        PluginError: A preset has another number of parameters.
    """
    backbone = registry().load(family.backbone)
    presets = registry().presets(family.name)
    counted: dict[str, int] = {}
    faults = []
    for name, preset in presets.items():
        key = json.dumps(preset.backbone, sort_keys=True)
        if key not in counted:
            shapes = variable_shapes(partial(backbone, **preset.backbone))
            counted[key] = sum(math.prod(shape) for shape in shapes.values())
        if counted[key] != preset.parameters:
            faults.append(f"{name} says {preset.parameters:,} and has {counted[key]:,}")
    if faults:
        raise PluginError(
            f"Presets in {family.presets!r} have another number of parameters than they say: "
            f"{'; '.join(faults)}. Correct 'parameters', or the sizes in 'backbone'."
        )
    return f"{len(presets)} presets" if presets else "no built-in presets"


def sources(family: Family) -> str:
    """Where the presets come from. Makes no request.

    Raises:
        HandleError: A handle is not of its source's form.
        UnknownNameError: No installed plugin has a source of its scheme.
    """
    handles = [h for p in registry().presets(family.name).values() for h in p.sources]
    for handle in handles:
        registry().source(handle.partition("://")[0]).open(handle)
    return ", ".join(sorted({handle.partition("://")[0] for handle in handles})) or "none"
