"""Reads a family's ``presets.json``, the table of its built-in presets.

The file is one JSON object, preset name -> preset, in the order they are listed:

```json
{
  "tiny_en_uncased": {
    "description": "One sentence for people.",
    "parameters": 4385920,
    "sources": ["hf://org/name", "kaggle://org/model/keras/variation/3"],
    "backbone": {"vocabulary_size": 30522, "num_layers": 2, "activation": "gelu"},
    "tokenizer": {"lowercase": true, "strip_accents": true},
    "head": {"activation": "gelu", "epsilon": 1e-12},
    "metadata": {"language": "en"}
  }
}
```

The first four are required. ``parameters`` counts the backbone; ``sources`` are handles in the
order to try; ``backbone``, ``tokenizer`` and ``head`` are constructor arguments, numerics
included. ``head`` is left out where no source has a masked-LM head.
"""

from __future__ import annotations

import json
import pkgutil
import re
from typing import Any

from mlmzoo.contract.errors import PluginError
from mlmzoo.contract.records import Family, Preset

REQUIRED: dict[str, type] = {
    "description": str,
    "parameters": int,
    "sources": list,
    "backbone": dict,
}
OPTIONAL: dict[str, type] = {"tokenizer": dict, "head": dict, "metadata": dict}

# What the resolver's grammar can tell from a path, a URI and a qualified name.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]+")


def read_presets(family: Family) -> dict[str, Preset]:
    """The built-in presets of `family`, by name, in the order of its file.

    Raises:
        PluginError: The file is missing, is no JSON, or says something of a wrong type.
    """
    if family.presets is None:
        return {}
    table = _read(family.presets)
    return {name: _preset(family, name, row) for name, row in table.items()}


def _read(place: str) -> dict[str, Any]:
    package, _, filename = place.partition(":")
    try:
        data = pkgutil.get_data(package, filename)
    except (OSError, ImportError) as error:
        raise PluginError(
            f"The presets file {place!r} cannot be read ({type(error).__name__}: {error}). It has "
            "to be package data of the distribution; is it in the wheel?"
        ) from error
    if data is None:
        raise PluginError(
            f"The presets file {place!r} cannot be read: there is no package {package!r}, or it "
            "gives no access to its files."
        )
    try:
        table = json.loads(data.decode("utf-8"), object_pairs_hook=_without_repeats)
    except ValueError as error:
        raise PluginError(f"The presets file {place!r} is not valid JSON: {error}.") from error
    if not isinstance(table, dict):
        raise PluginError(
            f"The presets file {place!r} holds a {type(table).__name__} at the top; it has to be "
            'an object, {"preset_name": {…}}.'
        )
    return table


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object in which a repeated key is an error: the earlier value would vanish."""
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the key {next(n for n in names if names.count(n) > 1)!r} is repeated")
    return found


def _preset(family: Family, name: str, row: Any) -> Preset:
    where = f"Preset {name!r} in {family.presets!r}"
    if not NAME.fullmatch(name):
        raise PluginError(
            f"{where} has a name that cannot be asked for; use letters, digits and '_', '-', '.'."
        )
    if not isinstance(row, dict):
        raise PluginError(f"{where} is a {type(row).__name__}; it has to be an object.")
    known = REQUIRED | OPTIONAL
    if unknown := sorted(row.keys() - known.keys()):
        raise PluginError(f"{where} has the unknown keys {unknown}; known are {sorted(known)}.")
    if missing := sorted(REQUIRED.keys() - row.keys()):
        raise PluginError(f"{where} lacks the keys {missing}.")
    for key, value in row.items():
        if not isinstance(value, known[key]) or isinstance(value, bool):
            raise PluginError(
                f"{where} has {key!r} = {value!r}, a {type(value).__name__}; it has to be a "
                f"{known[key].__name__}."
            )
    sources = row["sources"]
    if not sources or not all(isinstance(source, str) and source.strip() for source in sources):
        raise PluginError(f"{where} has 'sources' = {sources!r}; it has to name at least one.")
    if row["parameters"] < 1:
        raise PluginError(f"{where} has 'parameters' = {row['parameters']}; it has to be positive.")
    return Preset(name=name, family=family.name, **{**row, "sources": tuple(sources)})
