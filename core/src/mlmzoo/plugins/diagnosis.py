"""Says why a name was not found and what to do about it."""

from __future__ import annotations

import difflib
import json
import pkgutil
import re
import warnings
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from mlmzoo.contract.errors import PluginWarning, UnknownNameError
from mlmzoo.plugins.names import label_of, normalise, split_qualified

if TYPE_CHECKING:
    from mlmzoo.plugins.loader import PluginFailure
    from mlmzoo.plugins.registry import Registry

CLASS_ENDINGS = ("MaskedLM", "Backbone", "Tokenizer", "MaskedLMPreprocessor")


@cache
def official() -> Mapping[str, Mapping[str, Any]]:
    """The plugins this project publishes, installed or not: distribution -> what it brings."""
    data = pkgutil.get_data("mlmzoo.plugins", "official.json")
    table: Mapping[str, Mapping[str, Any]] = json.loads(data or b"{}")
    return table


def official_presets() -> dict[str, str]:
    """Built-in preset name -> distribution, over the official plugins, installed or not."""
    return {name: owner for owner, row in official().items() for name in row["presets"]}


def unknown_preset(registry: Registry, name: str) -> UnknownNameError:
    """The error of a preset nothing installed offers."""
    qualified = split_qualified(name)
    elsewhere = official_presets()
    said = [f"There is no built-in preset {name!r}."]
    if qualified is not None:
        distribution, plain = qualified
        state = _state(registry, distribution)
        said.append(state or f"{distribution} offers no preset {plain!r}.")
        if state is None:
            own = _own_presets(registry, distribution)
            said += _close(plain, {name: f"'{distribution}:{name}'" for name in own})
    elif name in elsewhere:
        state = _state(registry, elsewhere[name])
        said.append(
            f"It comes with {elsewhere[name]}, of which a version without it is installed: "
            f"`pip install --upgrade {elsewhere[name]}`."
            if state is None
            else f"It comes with {elsewhere[name]}. {state}"
        )
    else:
        known = {
            n: f"{n!r} (`pip install {d}`)"
            for n, d in elsewhere.items()
            if _installed(registry, d) is None
        }
        said += _close(name, known | {n: repr(n) for n in registry.presets()})
    said.append(_searched(registry))
    said += _left_out(registry)
    said.append(
        "`mlmzoo.list_presets()` shows all names; a directory is written './name', a repository "
        "'hf://org/name' or 'kaggle://org/model/framework/variation'."
    )
    return UnknownNameError(" ".join(said))


def unknown_family(registry: Registry, name: str) -> UnknownNameError:
    """The error of a family nothing installed offers."""
    said = [f"There is no family {name!r}.", *_close(name, list(registry.families))]
    for distribution in official():
        if normalise(f"mlmzoo-{name}") == distribution:
            said += filter(None, [_state(registry, distribution)])
    return UnknownNameError(" ".join([*said, _searched(registry), *_left_out(registry)]))


def unknown_plugin(registry: Registry, name: str) -> UnknownNameError:
    """The error of a plugin that is not installed or not in use."""
    known = {plugin.name for plugin in registry.plugins}
    said = [f"No plugin {name!r} is in use.", *_close(name, sorted(known))]
    if (package := normalise(f"mlmzoo-{name}")) in official() and name not in known:
        said += filter(None, [_state(registry, package)])
    said.append(f"Installed are {', '.join(sorted(known)) or 'none'}.")
    return UnknownNameError(" ".join([*said, *_left_out(registry)]))


def unknown_checkpoint(
    registry: Registry, kind: str, name: str, known: Collection[str]
) -> UnknownNameError:
    """The error of a model type or serialized class name that no installed family answers to."""
    said = [f"No installed family reads checkpoints of {kind} {name!r}."]
    for distribution, row in official().items():
        class_name = str(name).rpartition(">")[2]
        if name in row["model_types"] or class_name == f"{row['class_prefix']}Backbone":
            said.append(f"{distribution} does.")
            said += filter(None, [_state(registry, distribution)])
    said.append(f"Installed ones read {', '.join(map(repr, known)) or 'nothing'}.")
    return UnknownNameError(" ".join([*said, *_left_out(registry)]))


def unknown_class(registry: Registry, name: str) -> UnknownNameError:
    """The error of a class no installed plugin has."""
    said = [f"No installed plugin has a class {name!r}."]
    for distribution, row in official().items():
        if name in {row["class_prefix"] + ending for ending in CLASS_ENDINGS}:
            state = _state(registry, distribution)
            said.append(f"It comes with {distribution}. {state or ''}".strip())
            break
    else:
        said += _close(name, list(registry.class_names))
    return UnknownNameError(" ".join([*said, _searched(registry), *_left_out(registry)]))


def unknown_scheme(registry: Registry, scheme: str) -> UnknownNameError:
    """The error of a URI scheme no source has."""
    known = ", ".join(f"{s}://" for s in registry.schemes) or "none"
    said = [f"No installed preset source reads {scheme}://…; there are {known}."]
    return UnknownNameError(" ".join([*said, *_left_out(registry)]))


def unknown_task(
    registry: Registry, task: str, family: str, offered: Mapping[str, Iterable[str]]
) -> UnknownNameError:
    """The error of a task nothing installed offers for a family."""
    said = [f"There is no task {task!r} for the family {family!r}."]
    if task in offered:
        said.append(f"It is there for {', '.join(offered[task])}.")
    else:
        said.append(f"Installed tasks are {', '.join(offered) or 'none'}.")
    said.append("A plugin that returns a TaskBinding from mlmzoo_tasks() adds one.")
    return UnknownNameError(" ".join([*said, *_left_out(registry)]))


def left_out(registry: Registry, failure: PluginFailure) -> str:
    """The warning about one plugin that failed."""
    if failure.commands:
        return (
            f"The commands of plugin {failure.origin} were left out: {_sentence(failure.reason)} "
            f"Everything else works. Try `pip install --upgrade {failure.distribution} mlmzoo`."
        )
    said = [f"Plugin {failure.origin} was left out: {_sentence(failure.reason)}"]
    if failure.distribution:
        # Both: it may have been written for an earlier mlmzoo, or for a later one.
        said.append(
            f"Everything else works. Try `pip install --upgrade {failure.distribution} mlmzoo`, or "
            f"uninstall it; MLMZOO_PLUGINS={_working(registry)} leaves it out quietly."
        )
    return " ".join(said)


def _working(registry: Registry) -> str:
    """What MLMZOO_PLUGINS has to be for the plugins that work, and for no other."""
    names = Counter(plugin.name for plugin in registry.plugins)
    return ",".join(
        plugin.name if names[plugin.name] == 1 else label_of(plugin.distribution, plugin.name)
        for plugin in registry.plugins
        if plugin.state == "ok"
    )


def _close(name: str, known: Iterable[str] | Mapping[str, str]) -> list[str]:
    """What `name` may have been meant to be, shown as the mapping says."""
    shown = known if isinstance(known, Mapping) else {item: repr(item) for item in known}
    spelt = {_plain(item): item for item in shown}
    close = [spelt[item] for item in difflib.get_close_matches(_plain(name), spelt, n=3)]
    return [f"Close: {', '.join(shown[item] for item in close)}."] if close else []


def _plain(name: str) -> str:
    return re.sub(r"[-_.\s]+", "_", name).lower()


def _searched(registry: Registry) -> str:
    families = ", ".join(registry.families)
    if not families:
        return f"No family is in use; this project publishes {', '.join(official())}."
    return f"Families searched: {families}."


def _left_out(registry: Registry) -> list[str]:
    """Plugins that could have offered the name, had they been in use."""
    said = [
        f"Plugin {failure.origin} was left out: {_sentence(failure.reason)}"
        for failure in registry.failures
        if not failure.commands
    ]
    disabled = [plugin.name for plugin in registry.plugins if plugin.state == "disabled"]
    if disabled:
        said.append(f"Disabled, not being in MLMZOO_PLUGINS: {', '.join(disabled)}.")
    return said


def _sentence(text: str) -> str:
    """`text` on one line, ended by one full stop."""
    return " ".join(text.split()).rstrip(".") + "."


def _installed(registry: Registry, distribution: str) -> str | None:
    """Whether a distribution is in use: its state, or ``None`` where it is not installed."""
    states = {
        plugin.state
        for plugin in registry.plugins
        if normalise(plugin.distribution) == normalise(distribution)
    }
    return next((state for state in ("ok", "failed", "disabled") if state in states), None)


def _state(registry: Registry, distribution: str) -> str | None:
    """What keeps a distribution from being used, and what to do; ``None`` where nothing does."""
    match _installed(registry, distribution):
        case "ok":
            return None
        case "failed":
            return f"{distribution} is installed, but failed (see below)."
        case "disabled":
            return f"{distribution} is installed, but MLMZOO_PLUGINS leaves it out."
        case _ if distribution in official():
            return f"{distribution} is not installed: `pip install {distribution}`."
        case _:
            return f"No plugin of a package {distribution} is installed."


def _own_presets(registry: Registry, distribution: str) -> list[str]:
    return [
        name
        for plugin in registry.plugins
        if normalise(plugin.distribution) == distribution
        for name in plugin.presets
    ]


_warned: set[tuple[str, ...]] = set()


def warn_once(registry: Registry) -> None:
    """Warn of each failed plugin, once in this process."""
    for failure in registry.failures:
        # An address in memory is another one every time.
        reason = re.sub("0x[0-9a-fA-F]+", "", failure.reason)
        key = (failure.name, failure.distribution, failure.version, reason)
        if key not in _warned:
            _warned.add(key)
            message = left_out(registry, failure)
            warnings.warn(message, PluginWarning, stacklevel=4)
