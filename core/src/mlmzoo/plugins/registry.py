"""What is installed: families, presets, sources, tasks and classes, each by the name asked for.

The format of a family's presets file is described in `mlmzoo.plugins.catalogue`.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from mlmzoo.contract.errors import PluginError
from mlmzoo.contract.protocols import Source
from mlmzoo.contract.records import Checkpoint, Family, Preset
from mlmzoo.plugins import classpath, diagnosis
from mlmzoo.plugins.inventory import PluginInfo, inventory
from mlmzoo.plugins.loader import CORE, Announced, Discovery, PluginFailure
from mlmzoo.plugins.names import Names, label_of
from mlmzoo.plugins.validation import Plugin, shown
from mlmzoo.plugins.watching import watched

if TYPE_CHECKING:
    import click

CORE_COMMANDS = "mlmzoo.cli.builtin"


class Registry:
    """Answers by name. Lookups accept ``distribution:name`` wherever two packages may clash.

    Args:
        discovery: What the loader found.
    """

    def __init__(self, discovery: Discovery) -> None:
        self._discovery = discovery
        self._families: dict[str, Family] = {}
        self._distributions: dict[str, str] = {}
        self._presets: Names[Preset] = Names("preset")
        self._serialized: Names[Family] = Names("serialized class name")
        self._model_types: Names[Family] = Names("model type")
        self._schemes: Names[Source] = Names("preset scheme")
        self._tasks: dict[str, Names[str]] = {}
        self._classes: Names[str] = Names("class")
        self._family_paths: dict[str, set[str]] = {}
        self._commands_loaded = False
        for plugin in discovery.plugins:
            owner = plugin.distribution
            for family in plugin.families:
                self._families[family.name] = family
                self._distributions[family.name] = owner
                for name in family.serialized_names:
                    self._serialized.add(name, owner, family)
                for name in family.model_types:
                    self._model_types.add(name, owner, family)
                self._task_names("masked_lm").add(family.name, owner, family.masked_lm)
            for preset in plugin.presets:
                self._presets.add(preset.name, owner, preset)
            for source in plugin.sources:
                self._schemes.add(source.scheme, owner, source)
            for binding in plugin.tasks:
                self._task_names(binding.task).add(binding.family, owner, binding.path)
            for family_name, paths in plugin.paths.items():
                for path in paths:
                    if path.partition(".")[0] == CORE:
                        continue  # a class of core's, used as it is, belongs to no family
                    self._family_paths.setdefault(path, set()).add(family_name)
                    self._classes.add(path.partition(":")[2], owner, path)

    # What is there ------------------------------------------------------------------------------

    @property
    def families(self) -> Mapping[str, Family]:
        """Families by name."""
        return MappingProxyType(self._families)

    @property
    def failures(self) -> tuple[PluginFailure, ...]:
        """Plugins that were left out, with what went wrong."""
        return tuple(self._discovery.failures)

    @property
    def plugins(self) -> tuple[PluginInfo, ...]:
        """Every installed plugin, those that failed or are disabled included."""
        claimed: tuple[Names[Any], ...] = (
            *(self._presets, self._serialized, self._model_types, self._schemes, self._classes),
            *self._tasks.values(),
        )
        return inventory(self._discovery, claimed)

    @property
    def schemes(self) -> tuple[str, ...]:
        """Schemes that presets can be asked for with, e.g. ``"hf"``."""
        return tuple(scheme for scheme, _ in self._schemes.items())

    @property
    def class_names(self) -> Mapping[str, str]:
        """Class name -> class path, over all installed plugins."""
        return MappingProxyType(dict(self._classes.items()))

    def presets(self, family: str | None = None) -> dict[str, Preset]:
        """Built-in presets by name; a name two packages claim is there in its qualified forms.

        Args:
            family: Name of the family they are to be of; ``None`` for all.

        Raises:
            UnknownNameError: There is no such family.
        """
        if family is not None:
            self.family(family)
        return {n: p for n, p in self._presets.items() if family in (None, p.family)}

    # One thing by name ---------------------------------------------------------------------------

    def family(self, name: str) -> Family:
        """The family called `name`. Raises `UnknownNameError`."""
        if name in self._families:
            return self._families[name]
        raise diagnosis.unknown_family(self, name)

    def distribution_of(self, family: str) -> str:
        """Name of the package that offers a family."""
        return self._distributions[self.family(family).name]

    def loaded(self, name: str, distribution: str) -> Plugin:
        """A plugin in use, with the records it gave.

        Args:
            name: Name of its entry point.
            distribution: Package it came in.

        Raises:
            UnknownNameError: There is no such plugin, or it is not in use.
        """
        for plugin in self._discovery.plugins:
            if label_of(plugin.distribution, plugin.name) == label_of(distribution, name):
                return plugin
        raise diagnosis.unknown_plugin(self, name)

    def find_preset(self, name: str) -> Preset | None:
        """The built-in preset of a plain or qualified name, or ``None``.

        Raises:
            AmbiguousNameError: Two packages claim that plain name.
        """
        return self._presets.find(name)

    def preset(self, name: str) -> Preset:
        """The built-in preset of a plain name or of one like ``"mlmzoo-bert:bert_base_en"``.

        Raises:
            UnknownNameError: Nothing installed offers it; the message is a diagnosis.
            AmbiguousNameError: Two packages claim that plain name.
        """
        preset = self.find_preset(name)
        if preset is None:
            raise diagnosis.unknown_preset(self, name)
        return preset

    def family_by_serialized_name(self, name: str) -> Family:
        """The family of a keras layout's class, e.g. ``"keras_hub>BertBackbone"``.

        Raises:
            UnknownNameError: No installed family answers to it.
            AmbiguousNameError: Two packages do.
        """
        family = self._serialized.find(name)
        if family is None:
            known = dict(self._serialized.items())
            raise diagnosis.unknown_checkpoint(self, "serialized class name", name, known)
        return family

    def family_by_model_type(self, name: str) -> Family:
        """The family of a transformers ``model_type``, e.g. ``"bert"``.

        Raises:
            UnknownNameError: No installed family reads it.
            AmbiguousNameError: Two packages do.
        """
        family = self._model_types.find(name)
        if family is None:
            known = dict(self._model_types.items())
            raise diagnosis.unknown_checkpoint(self, "model type", name, known)
        return family

    def family_of_class(self, cls: type) -> Family | None:
        """The family that a class, or what it inherits from, belongs to; ``None`` for core's."""
        for ancestor in cls.__mro__:
            names = self._family_paths.get(f"{ancestor.__module__}:{ancestor.__qualname__}")
            if names is None:
                names = self._families_that_name(ancestor)
            if names:
                # A class two families share says nothing about which one is meant.
                return self._families.get(next(iter(names))) if len(names) == 1 else None
        return None

    def source(self, scheme: str) -> Source:
        """The source of a scheme, e.g. ``"hf"``.

        Raises:
            UnknownNameError: No installed plugin offers it.
            AmbiguousNameError: Two packages do.
        """
        source = self._schemes.find(scheme)
        if source is None:
            raise diagnosis.unknown_scheme(self, scheme)
        return source

    def task(self, task: str, family: str) -> str:
        """Class path of a task for a family, e.g. of ``"masked_lm"`` for ``"bert"``.

        Raises:
            UnknownNameError: Nothing installed offers that task for that family.
            AmbiguousNameError: Two packages do.
        """
        path = self._tasks[task].find(family) if task in self._tasks else None
        if path is None:
            offered = {name: [f for f, _ in names.items()] for name, names in self._tasks.items()}
            raise diagnosis.unknown_task(self, task, family, offered)
        return path

    def class_path(self, name: str) -> str:
        """Class path of a family's class, e.g. of ``"BertMaskedLM"``.

        Raises:
            UnknownNameError: No installed plugin has it; the message says what to install.
            AmbiguousNameError: Two packages have one.
        """
        path = self._classes.find(name)
        if path is None:
            raise diagnosis.unknown_class(self, name)
        return path

    # What plugins bring to run ------------------------------------------------------------------

    def load(self, path: str) -> Any:
        """Import what a class path names.

        Raises:
            PluginError: It cannot be imported; names the package and what to do.
            BackendError: Keras could not be imported.
        """
        return classpath.load(path, self._owner(path))

    def load_class(self, path: str, base: type) -> Any:
        """The class that a class path names.

        Args:
            path: ``"package.module:Name"``.
            base: What it has to be a subclass of.

        Raises:
            PluginError: It cannot be imported, or is something else.
            BackendError: Keras could not be imported.
        """
        found = self.load(path)
        if not (isinstance(found, type) and issubclass(found, base)):
            raise self._wrong_kind(path, found, f"no subclass of mlmzoo.{base.__name__}")
        return found

    def checkpoint(self, family: Family) -> Checkpoint:
        """The weight table of a family.

        Raises:
            PluginError: It cannot be imported, or is something else.
        """
        found = self.load(family.checkpoint)
        if not isinstance(found, Checkpoint):
            raise self._wrong_kind(family.checkpoint, found, "no Checkpoint")
        return found

    def _owner(self, path: str) -> str | None:
        """The package that gives a class path, with its version; ``None`` for core's own."""
        root = path.partition(":")[0].partition(".")[0]
        for plugin in self._discovery.plugins:
            paths = [p for group in plugin.paths.values() for p in group]
            paths += [family.checkpoint for family in plugin.families]
            roots = {p.partition(":")[0].partition(".")[0] for p in paths} - {CORE}
            if path in paths or root in roots:
                return f"{plugin.distribution} {plugin.version}".strip()
        return None

    def _wrong_kind(self, path: str, found: Any, wanted: str) -> PluginError:
        owner = self._owner(path) or CORE
        return PluginError(
            f"{path.partition(':')[2]} was asked for, and {owner} says it is at {path!r}; what is "
            f"there is {shown(found)} and {wanted}. {classpath.way_out(owner)}"
        )

    def add_commands(self, group: click.Group) -> None:
        """Let plugins add commands to the command line, core's own first.

        A plugin that fails, or takes the name of a command that is there, adds none of its
        commands and is reported with a warning.

        Raises:
            PluginError: One failed and ``MLMZOO_STRICT_PLUGINS`` is set.
        """
        found = self._discovery
        if not self._commands_loaded:
            self._commands_loaded = True
            load = lambda: importlib.import_module(CORE_COMMANDS)  # noqa: E731
            found.add(Announced(CORE_COMMANDS, CORE, "", load))
        core_first = sorted(found.plugins, key=lambda plugin: plugin.distribution != CORE)
        for plugin in core_first:
            before = dict(group.commands)
            label = label_of(plugin.distribution, plugin.name)
            try:
                with watched(label):
                    returned = found.call(label, "mlmzoo_commands", group=group)
                    _check_commands(group, before, returned)
            except BaseException as error:
                group.commands.clear()
                group.commands.update(before)
                if isinstance(error, KeyboardInterrupt):
                    raise
                found.fail(
                    PluginFailure(
                        plugin.name, plugin.distribution, plugin.version, error, commands=True
                    )
                )
        diagnosis.warn_once(self)

    def _task_names(self, task: str) -> Names[str]:
        return self._tasks.setdefault(task, Names(f"{task} task of family"))

    def _families_that_name(self, cls: type) -> set[str] | None:
        """Families with a class path that leads to `cls` through a module that re-exports it."""
        for path, families in self._family_paths.items():
            module, _, name = path.partition(":")
            if name == cls.__name__ and getattr(sys.modules.get(module), name, None) is cls:
                return families
        return None


def _check_commands(
    group: click.Group, before: Mapping[str, click.Command], returned: list[Any]
) -> None:
    """Raise where a plugin did not just add commands that can be listed."""
    if returned:
        raise PluginError(
            f"mlmzoo_commands() returned {shown(returned[0])}, which nobody reads. It has to add "
            "its commands: group.add_command(command)."
        )
    replaced = [name for name, command in before.items() if group.commands.get(name) is not command]
    if replaced:
        raise PluginError(f"It replaces the commands {replaced}; its own need other names.")
    for name in group.commands.keys() - before.keys():
        group.commands[name].get_short_help_str()  # what the list of all commands asks
