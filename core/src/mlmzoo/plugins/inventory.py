"""The list of installed plugins, and what is to be said of each."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from mlmzoo.plugins.loader import CORE, Discovery, PluginFailure
from mlmzoo.plugins.names import Names, label_of, normalise
from mlmzoo.plugins.validation import Plugin
from mlmzoo.plugins.watching import look


@dataclass(frozen=True)
class PluginInfo:
    """One installed plugin.

    Args:
        name: Name of its entry point.
        distribution: Package it came in.
        version: Version of that package.
        families: Names of its families.
        presets: Names of its built-in presets.
        state: ``"ok"``, ``"disabled"`` (by ``MLMZOO_PLUGINS``) or ``"failed"``.
        reason: Why it is not in use; empty where it is.
        conflicts: Names it shares with another package, one sentence each.
        notes: What it had better not do when plugins are looked for, one sentence each: print,
            warn, import a backend. It is used all the same.
        seconds: How long it took to look at it.
    """

    name: str
    distribution: str
    version: str
    families: tuple[str, ...] = ()
    presets: tuple[str, ...] = ()
    state: str = "ok"
    reason: str = ""
    conflicts: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    seconds: float = 0.0


def inventory(discovery: Discovery, claimed: Collection[Names[Any]]) -> tuple[PluginInfo, ...]:
    """Every installed plugin, core's own aside, in the order of their packages.

    Args:
        discovery: What the loader found.
        claimed: The names that packages claim.
    """
    failures = {label_of(f.distribution, f.name): f for f in discovery.failures}
    kept = {
        label: _kept(plugin, label, failures.get(label), claimed)
        for plugin in discovery.plugins
        if plugin.distribution != CORE
        for label in [label_of(plugin.distribution, plugin.name)]
    }
    failed = [
        PluginInfo(
            f.name, f.distribution, f.version, state="failed", reason=f.reason, **_watched(label)
        )
        for label, f in failures.items()
        if label not in kept
    ]
    disabled = [
        PluginInfo(
            a.name, a.distribution, a.version, state="disabled", reason="not in MLMZOO_PLUGINS"
        )
        for a in discovery.disabled
    ]
    found = [*kept.values(), *failed, *disabled]
    return tuple(sorted(found, key=lambda p: (normalise(p.distribution), p.name)))


def _kept(
    plugin: Plugin, label: str, failure: PluginFailure | None, claimed: Collection[Names[Any]]
) -> PluginInfo:
    """A plugin whose records are in use; what failed in it later are its commands."""
    return PluginInfo(
        name=plugin.name,
        distribution=plugin.distribution,
        version=plugin.version,
        families=tuple(family.name for family in plugin.families),
        presets=tuple(preset.name for preset in plugin.presets),
        state="failed" if failure else "ok",
        reason=f"Its commands were left out: {failure.reason}" if failure else "",
        conflicts=tuple(
            sentence for names in claimed for sentence in names.conflicts(plugin.distribution)
        ),
        **_watched(label),
    )


def _watched(label: str) -> dict[str, Any]:
    """What looking at the plugin of this label showed."""
    seen = look(label)
    return {"notes": seen.notes, "seconds": round(seen.seconds, 3)}
