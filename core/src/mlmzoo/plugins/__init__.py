"""Finds installed families, presets, sources and commands, and answers questions about them.

`registry` is the only thing the rest of core asks.
"""

from mlmzoo.plugins.current import list_plugins, list_presets, refresh_plugins, registry
from mlmzoo.plugins.inventory import PluginInfo
from mlmzoo.plugins.registry import Registry

__all__ = [
    "PluginInfo",
    "Registry",
    "list_plugins",
    "list_presets",
    "refresh_plugins",
    "registry",
]
