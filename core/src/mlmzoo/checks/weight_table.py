"""Does a family's weight table name every variable of its model, and each one once?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from mlmzoo.contract.errors import PluginError
from mlmzoo.contract.records import Family, Weight
from mlmzoo.plugins import registry
from mlmzoo.presets.weights import KINDS, expand, stored_name

SHOWN = 5
"""Number of faults named in one error."""


def covers(family: Family, task: Any) -> str:
    """How many variables the table names.

    Args:
        family: The family.
        task: A masked LM of it, of any size.

    Raises:
        PluginError: A variable is not in the table, or a row names no variable; two variables
            have one name in a file; a row is of an unknown kind; a setting is no argument of the
            backbone.
    """
    checkpoint = registry().checkpoint(family)
    settings = task.backbone.settings
    backbone = {weight.path for weight in task.backbone.weights}
    paths = {"backbone": backbone, "head": {w.path for w in task.weights} - backbone}
    rows = {part: expand(checkpoint, settings, part) for part in paths}
    faults = [fault for part in paths for fault in _uncovered(rows[part], paths[part])]
    for layout, files in (
        # KerasHub stores backbone and head in files of their own.
        ("keras", [rows["backbone"], rows["head"]]),
        ("transformers", [rows["backbone"] + rows["head"]]),
    ):
        faults += [fault for stored in files for fault in _repeated(stored, layout)]
    faults += [
        f"the setting {setting.ours!r} is no argument of the backbone"
        for setting in checkpoint.settings
        if setting.ours not in settings
    ]
    if faults:
        more = f"; and {len(faults) - SHOWN} more" if len(faults) > SHOWN else ""
        raise PluginError(
            f"The table {family.checkpoint!r} does not fit the model: "
            f"{'; '.join(faults[:SHOWN])}{more}. It has one row for each variable."
        )
    return f"{sum(map(len, paths.values()))} variables of a tiny model"


def _uncovered(rows: list[Weight], paths: set[str]) -> Iterator[str]:
    named = {row.ours for row in rows}
    for path in sorted(paths - named):
        yield f"{path} is in the model and not in the table"
    for row in rows:
        if row.ours not in paths and not row.optional:
            yield f"{row.ours} is in the table and not in the model"
        if row.kind not in KINDS:
            yield f"{row.ours} is of the kind {row.kind!r}; there are {', '.join(KINDS)}"


def _repeated(rows: list[Weight], layout: str) -> Iterator[str]:
    names = Counter(stored_name(row, layout) for row in rows)
    for name, count in names.items():
        if name and count > 1:
            yield f"{count} variables are called {name!r} in the {layout} layout"
