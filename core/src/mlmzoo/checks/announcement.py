"""Is the plugin announced as it should be, and does nobody else claim its names?"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import importlib_metadata

from mlmzoo.checks.outcome import Outcome
from mlmzoo.contract.errors import PluginError
from mlmzoo.contract.records import API_VERSION, Family
from mlmzoo.plugins import PluginInfo, diagnosis, registry
from mlmzoo.plugins.catalogue import read_presets
from mlmzoo.plugins.loader import GROUP
from mlmzoo.plugins.names import label_of, normalise
from mlmzoo.plugins.watching import watched

LOADS, API, RECORDS, PRESETS = "entry point", "API version", "hooks and records", "presets file"


def find_entry_point(info: PluginInfo) -> Any:
    """The entry point of a plugin, ``None`` where its distribution does not say (any more).

    Args:
        info: The plugin.
    """
    for distribution in importlib_metadata.distributions():
        try:
            if normalise(distribution.name) != normalise(info.distribution):
                continue
            points = distribution.entry_points.select(group=GROUP, name=info.name)
        except Exception:  # metadata nobody can read belongs to nobody
            continue
        for point in points:
            return point
    return None


def metadata(info: PluginInfo) -> str:
    """Where the plugin is announced.

    Raises:
        PluginError: The metadata that announces it cannot be read.
    """
    point = find_entry_point(info)
    if point is None:
        raise PluginError(
            info.reason or f"No distribution has an entry point {info.name!r} in group {GROUP!r}."
        )
    return f"{info.distribution} {info.version}: {info.name} = {point.value}"


def accepted(info: PluginInfo) -> list[Outcome]:
    """What discovery checks before it uses a plugin. It stumbles over one of them at most.

    Args:
        info: The plugin, its state ``"ok"`` or ``"failed"``.
    """
    loads = Outcome(LOADS, "ok", "imported")
    fault = _first_fault(info)
    if fault is not None:
        return [*([] if fault.check == LOADS else [loads]), fault]
    plugin = registry().loaded(info.name, info.distribution)
    records = {
        "families": [family.name for family in plugin.families],
        "tasks": [binding.task for binding in plugin.tasks],
        "sources": [f"{source.scheme}://" for source in plugin.sources],
    }
    files = [family.presets for family in plugin.families if family.presets]
    given = [f"{kind} {', '.join(names)}" for kind, names in records.items() if names]
    return [
        loads,
        Outcome(RECORDS, "ok", "; ".join(given) or "no records"),
        Outcome(API, "ok", str(API_VERSION)),
        Outcome(PRESETS, "ok", f"{', '.join(files) or 'none'}: {len(plugin.presets)} presets"),
    ]


def _first_fault(info: PluginInfo) -> Outcome | None:
    for failure in registry().failures:
        if (failure.name, failure.distribution) == (info.name, info.distribution):
            return Outcome(_stage(info, failure.exception), "failed", failure.reason)
    return None


def _stage(info: PluginInfo, error: BaseException) -> str:
    """Which of the four checks an error came from."""
    if not isinstance(error, PluginError):
        return LOADS
    families = _families(info)
    if any(family.api_version != API_VERSION for family in families):
        return API
    for family in families:
        try:
            read_presets(family)
        except Exception:
            return PRESETS
    return RECORDS


def unclaimed(info: PluginInfo) -> str:
    """The names the plugin claims, and nobody else does.

    Raises:
        PluginError: Another installed package, or one that this project publishes, claims one too.
    """
    families = [registry().family(name) for name in info.families]
    clashes = [*info.conflicts, *_taken_from_official(info, families)]
    if clashes:
        raise PluginError(
            f"Names of {info.distribution} are claimed twice: {'; '.join(clashes)}. Whoever asks "
            "for one of them gets an error that names both packages. Choose other names."
        )
    claimed = [n for f in families for n in (*f.serialized_names, *f.model_types)]
    return ", ".join(claimed) or "claims no name"


def _taken_from_official(info: PluginInfo, families: Iterable[Family]) -> Iterable[str]:
    for owner, row in diagnosis.official().items():
        if owner == normalise(info.distribution):
            continue
        for family in families:
            for name in set(family.model_types) & set(row["model_types"]):
                yield f"model type {name!r} is that of {owner}"
        for name in sorted(set(info.presets) & set(row["presets"])):
            yield f"preset {name!r} is that of {owner}"


def _families(info: PluginInfo) -> list[Family]:
    """The records of a plugin that was left out, as far as it gives any."""
    try:
        with watched(label_of(info.distribution, info.name)):
            plugin = find_entry_point(info).load()
            return [family for family in plugin.mlmzoo_families() if isinstance(family, Family)]
    except (Exception, SystemExit):
        return []
