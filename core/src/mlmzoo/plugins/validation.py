"""What a plugin returned, checked before it is kept. Every fault is a `PluginError`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from mlmzoo.contract.errors import PluginError
from mlmzoo.contract.protocols import Source
from mlmzoo.contract.records import API_VERSION, Family, Preset, TaskBinding
from mlmzoo.plugins.catalogue import read_presets
from mlmzoo.plugins.classpath import CLASS_PATH
from mlmzoo.plugins.names import normalise

R = TypeVar("R")

SHORT_NAME = re.compile(r"[a-z][a-z0-9]*([_-][a-z0-9]+)*")
PRESETS_FILE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[^:]+")
SCHEME = re.compile(r"[a-z][a-z0-9+.-]+")
CLASSES = ("backbone", "tokenizer", "preprocessor", "masked_lm")


@dataclass(frozen=True)
class Plugin:
    """A plugin that was loaded, and the valid records it gave."""

    name: str
    distribution: str
    version: str
    families: tuple[Family, ...] = ()
    tasks: tuple[TaskBinding, ...] = ()
    sources: tuple[Source, ...] = ()
    presets: tuple[Preset, ...] = ()

    @property
    def paths(self) -> dict[str, tuple[str, ...]]:
        """Class paths by the family they belong to."""
        paths = {f.name: tuple(getattr(f, key) for key in CLASSES) for f in self.families}
        for binding in self.tasks:
            paths[binding.family] = (*paths.get(binding.family, ()), binding.path)
        return paths


def records(hook: str, returned: Any, kind: type[R]) -> tuple[R, ...]:
    """What a hook returned as a tuple, each item being a `kind`."""
    wanted = f"{hook}() has to return a list of {kind.__name__}"
    if isinstance(returned, (str, Mapping, type)) or not isinstance(returned, Iterable):
        raise PluginError(f"{wanted}; it returned {shown(returned)}.")
    items = tuple(returned)
    for item in items:
        if isinstance(item, type) or not isinstance(item, kind):
            raise PluginError(f"{wanted}; it holds {shown(item)}.")
    return items


def check_family(family: Family) -> dict[str, Preset]:
    """The presets of a valid family."""
    where = f"Family {family.name!r}"
    _check_api_version(where, family.api_version)
    _match(where, "name", family.name, SHORT_NAME, "short_name")
    for key in (*CLASSES, "checkpoint"):
        _match(where, key, getattr(family, key), CLASS_PATH, "package.module:Name")
    if family.presets is not None:
        _match(where, "presets", family.presets, PRESETS_FILE, "package:presets.json")
    for key in ("serialized_names", "model_types"):
        values = getattr(family, key)
        if not isinstance(values, (tuple, list)) or not all(
            isinstance(value, str) and value for value in values
        ):
            raise PluginError(f"{where} has {key} = {values!r}; it has to be a tuple of str.")
        if len(set(values)) < len(values):
            raise PluginError(f"{where} has {key} = {values!r}, in which a name is repeated.")
    return read_presets(family)


def _check_api_version(where: str, version: Any) -> None:
    """Raise where a record was written for another version of the plugin API."""
    if version == API_VERSION:
        return
    newer = isinstance(version, int) and version > API_VERSION
    remedy = "upgrade mlmzoo" if newer else "upgrade the plugin"
    raise PluginError(
        f"{where} was written for version {version!r} of the plugin API; this mlmzoo has version "
        f"{API_VERSION}. To use it, {remedy}."
    )


def check_task(binding: TaskBinding) -> None:
    """Raise where a task binding is malformed."""
    where = f"Task binding {binding.task!r}"
    _check_api_version(where, binding.api_version)
    _match(where, "task", binding.task, SHORT_NAME, "text_classifier")
    _match(where, "family", binding.family, SHORT_NAME, "short_name")
    _match(where, "path", binding.path, CLASS_PATH, "package.module:Name")
    if binding.task == "masked_lm":
        raise PluginError(
            f"{where} is for the family {binding.family!r}, whose masked LM is in its own record. "
            "Give the task another name."
        )


def check_source(source: Source, reserved: Iterable[str]) -> None:
    """Raise where a source is malformed or takes a scheme of core's."""
    _match(f"Source {type(source).__name__}", "scheme", source.scheme, SCHEME, "s3")
    if source.scheme in reserved:
        raise PluginError(
            f"Source {type(source).__name__} claims {source.scheme}://, which is core's own. "
            "Choose another scheme."
        )


def check_neighbours(plugin: Plugin, kept: Iterable[Plugin]) -> None:
    """Raise where `plugin` claims what nobody could tell apart from what another one claims.

    A preset name that two distributions claim is no fault: it has qualified forms. The name of a
    family has none, and neither has anything that one distribution claims twice.
    """
    owners: dict[str, Plugin] = {}
    taken: set[tuple[str, str]] = set()
    for other in kept:
        owners |= {family.name: other for family in other.families}
        if normalise(other.distribution) == normalise(plugin.distribution):
            taken.update(_claims(other))
    for family in plugin.families:
        if (other_owner := owners.get(family.name)) is not None:
            raise PluginError(
                f"It offers the family {family.name!r}, and so does {other_owner.name!r} of "
                f"{other_owner.distribution} {other_owner.version}, which was kept. Uninstall "
                "one of them, or choose the plugins you want with "
                f"MLMZOO_PLUGINS={plugin.distribution}:{plugin.name}."
            )
        owners[family.name] = plugin
    for claim in _claims(plugin):
        if claim in taken:
            raise PluginError(
                f"Two records of {plugin.distribution} claim the {claim[0]} {claim[1]!r}."
            )
        taken.add(claim)


def _claims(plugin: Plugin) -> Iterator[tuple[str, str]]:
    """What kind of name each record claims, and the name."""
    for family in plugin.families:
        yield from (("serialized name", name) for name in family.serialized_names)
        yield from (("model type", name) for name in family.model_types)
    yield from (("preset", preset.name) for preset in plugin.presets)
    yield from (("scheme", source.scheme) for source in plugin.sources)
    for binding in plugin.tasks:
        yield f"{binding.task} task of family", binding.family


def _match(where: str, key: str, value: Any, pattern: re.Pattern[str], example: str) -> None:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise PluginError(f"{where} has {key} = {value!r}; it has to be a str like {example!r}.")


def shown(value: Any) -> str:
    """What something is, for a message."""
    if value is None:
        return "None"
    if isinstance(value, type):
        return f"the class {value.__name__}"
    kind = type(value).__name__
    return f"{value!r}, a {kind}" if isinstance(value, (str, int, float)) else f"a {kind}"
