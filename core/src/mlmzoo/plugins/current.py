"""The registry of this process: made when it is first needed, and anew when asked to."""

from __future__ import annotations

import importlib
import threading

from mlmzoo.contract.errors import PluginError
from mlmzoo.contract.records import Preset
from mlmzoo.plugins import diagnosis
from mlmzoo.plugins.inventory import PluginInfo
from mlmzoo.plugins.loader import discover
from mlmzoo.plugins.registry import Registry

_lock = threading.RLock()
_building = False
_current: Registry | None = None


def registry() -> Registry:
    """The registry of this process, made on the first call.

    Raises:
        PluginError: A plugin failed and ``MLMZOO_STRICT_PLUGINS`` is set, or a plugin asked for
            the registry while it was being imported.
    """
    with _lock:
        _refuse_while_building()
        return _current if _current is not None else _build()


def refresh_plugins() -> Registry:
    """Look for plugins again, after one was installed or removed.

    Modules that are already imported stay as they are.
    """
    with _lock:
        _refuse_while_building()
        importlib.invalidate_caches()
        return _build()


def list_presets(family: str | None = None) -> dict[str, Preset]:
    """Built-in presets of the installed plugins, by name.

    Args:
        family: Name of a family, e.g. ``"bert"``; ``None`` for all.

    Returns:
        Name -> `Preset`. A name two packages claim is there in its qualified forms
        (``"distribution:name"``).

    Raises:
        UnknownNameError: No installed plugin offers that family.
    """
    return registry().presets(family)


def list_plugins() -> list[PluginInfo]:
    """Installed plugins, those that failed or are disabled included."""
    return list(registry().plugins)


def _refuse_while_building() -> None:
    """Only the thread that is discovering can see this: the others wait for the lock."""
    if _building:
        raise PluginError(
            "A plugin asked for the registry while it was being imported. A plugin may do so only "
            "inside its functions and classes, not at the top of its module."
        )


def _build() -> Registry:
    global _building, _current
    _building = True
    try:
        _current = Registry(discover())
    finally:
        _building = False
    diagnosis.warn_once(_current)
    return _current
