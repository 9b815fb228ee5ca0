"""All checks of one plugin, in an order in which the first fault explains the others."""

from __future__ import annotations

from mlmzoo.checks import announcement
from mlmzoo.checks.discovery import imports_nothing_heavy
from mlmzoo.checks.outcome import Outcome, attempt
from mlmzoo.contract.errors import BackendError
from mlmzoo.plugins import PluginInfo, classpath, diagnosis, registry
from mlmzoo.plugins.names import label_of, normalise

NEED_KERAS = "mlmzoo.checks.family"


def find(name: str) -> list[PluginInfo]:
    """The installed plugins that a name means, those that failed included.

    Args:
        name: Of an entry point, a family, a distribution, or ``"distribution:entry-point"``.

    Raises:
        UnknownNameError: There are none.
    """
    found = [
        plugin
        for plugin in registry().plugins
        if name in (plugin.name, *plugin.families)
        or normalise(name) == normalise(plugin.distribution)
        or name == label_of(plugin.distribution, plugin.name)
    ]
    if not found:
        raise diagnosis.unknown_plugin(registry(), name)
    return found


def check_plugin(info: PluginInfo) -> list[Outcome]:
    """Everything that can be said of a plugin without running tests.

    Args:
        info: The plugin, as `mlmzoo.list_plugins` gives it.
    """
    outcomes = [attempt("metadata", lambda: announcement.metadata(info))]
    if info.state == "disabled":
        return [*outcomes, Outcome("everything else", "skipped", info.reason)]
    if outcomes[0].state == "ok":
        outcomes += announcement.accepted(info)
    if info.state != "ok":
        return [*outcomes, Outcome("everything else", "skipped", "the plugin is left out")]
    outcomes += [
        attempt("names", lambda: announcement.unclaimed(info)),
        attempt("discovery", lambda: imports_nothing_heavy(info)),
    ]
    plugin = registry().loaded(info.name, info.distribution)
    if not plugin.families and not plugin.tasks:
        return outcomes
    try:
        check_family = classpath.load(f"{NEED_KERAS}:check_family")
        check_task = classpath.load(f"{NEED_KERAS}:check_task")
    except BackendError as error:
        return [*outcomes, Outcome("class paths", "failed", str(error))]
    for family in plugin.families:
        outcomes += check_family(family)
    return [*outcomes, *map(check_task, plugin.tasks)]
