"""Finds entry points and loads each plugin in isolation.

One plugin goes through load, register, validate. Whatever goes wrong on the way
(`KeyboardInterrupt` aside), the plugin is unregistered, a `PluginFailure` is kept, and the next
one has its turn.

Two environment variables are read here: ``MLMZOO_PLUGINS`` selects plugins by the name of their
entry point, of their distribution, or both (``bert,mlmzoo-fnet,other-package:albert``; empty:
none), and ``MLMZOO_STRICT_PLUGINS=1`` turns the first failure into an error.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import importlib_metadata
import pluggy

from mlmzoo.contract import hookspecs
from mlmzoo.contract.errors import PluginError
from mlmzoo.contract.protocols import Source
from mlmzoo.contract.records import Family, TaskBinding
from mlmzoo.plugins import validation
from mlmzoo.plugins.names import label_of, normalise
from mlmzoo.plugins.validation import Plugin
from mlmzoo.plugins.watching import watched

GROUP = "mlmzoo"
CORE = "mlmzoo"
CORE_HOOKS = "mlmzoo.presets.sources.builtin"


@dataclass(frozen=True)
class PluginFailure:
    """A plugin that was left out, and why.

    Args:
        name: Name of its entry point.
        distribution: Package it came in; empty where none could be told.
        version: Version of that package; empty where none could be told.
        exception: What went wrong.
        commands: Whether it is its commands alone that were left out.
    """

    name: str
    distribution: str
    version: str
    exception: BaseException
    commands: bool = False

    @property
    def origin(self) -> str:
        """The plugin and its package, for messages."""
        package = f"{self.distribution} {self.version}".strip()
        return f"{self.name!r} of {package}" if package else repr(self.name)

    @property
    def reason(self) -> str:
        """What went wrong, in words."""
        if isinstance(self.exception, PluginError):
            return str(self.exception)
        try:
            said = str(self.exception)
        except Exception:  # an exception of a plugin may be as broken as the plugin
            said = ""
        return f"{type(self.exception).__name__}: {said}".removesuffix(": ")


@dataclass(frozen=True)
class Announced:
    """An entry point of ours, not loaded yet."""

    name: str
    distribution: str
    version: str
    load: Callable[[], Any]

    @property
    def label(self) -> str:
        """What it is registered as."""
        return label_of(self.distribution, self.name)

    @property
    def labels(self) -> set[str]:
        """What it can be selected by."""
        return {self.name, normalise(self.distribution), self.label}


@dataclass
class Discovery:
    """Everything one pass over the installed plugins found; a manager for each plugin, by label."""

    managers: dict[str, pluggy.PluginManager] = field(default_factory=dict)
    plugins: list[Plugin] = field(default_factory=list)
    failures: list[PluginFailure] = field(default_factory=list)
    disabled: list[Announced] = field(default_factory=list)

    def add(self, announced: Announced) -> None:
        """Load, register and validate one plugin; keep it, or keep why not.

        Raises:
            PluginError: It failed and ``MLMZOO_STRICT_PLUGINS`` is set.
        """
        label = announced.label
        try:
            self._refuse_second(announced)
            with watched(label):
                plugin = announced.load()
                # One each: pluggy hashes and compares all plugins of a manager.
                manager = pluggy.PluginManager(hookspecs.PROJECT)
                manager.add_hookspecs(hookspecs)
                manager.register(plugin, label)
                kept = self._validated(announced, plugin, manager)
            self.managers[label] = manager
            self.plugins.append(kept)
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            self.fail(
                PluginFailure(announced.name, announced.distribution, announced.version, error)
            )

    def fail(self, failure: PluginFailure) -> None:
        """Keep a failure, or raise it in strict mode."""
        self.failures.append(failure)
        if os.environ.get("MLMZOO_STRICT_PLUGINS", "").lower() not in ("", "0", "false", "no"):
            raise PluginError(
                f"Plugin {failure.origin} failed, and MLMZOO_STRICT_PLUGINS is set: "
                f"{failure.reason}"
            ) from failure.exception

    def call(self, label: str, hook: str, **arguments: Any) -> list[Any]:
        """Call one hook of one registered plugin."""
        answers: list[Any] = getattr(self.managers[label].hook, hook)(**arguments)
        return answers

    def _refuse_second(self, announced: Announced) -> None:
        for other in self.plugins:
            if other.name == announced.name:
                raise PluginError(
                    f"The entry point {announced.name!r} is already that of {other.distribution} "
                    f"{other.version}, which was kept. Uninstall one of the two, or choose with "
                    f"MLMZOO_PLUGINS={announced.label}."
                )

    def _validated(
        self, announced: Announced, plugin: Any, manager: pluggy.PluginManager
    ) -> Plugin:
        implemented = self._hooks(manager, plugin)

        def returned(hook: str, kind: type[Any]) -> tuple[Any, ...]:
            if hook not in implemented:
                return ()
            # pluggy leaves out an answer that is None; one plugin may have several of a hook.
            answers = getattr(manager.hook, hook)() or [None]
            return tuple(r for answer in answers for r in validation.records(hook, answer, kind))

        families: tuple[Family, ...] = returned("mlmzoo_families", Family)
        tasks: tuple[TaskBinding, ...] = returned("mlmzoo_tasks", TaskBinding)
        sources: tuple[Source, ...] = returned("mlmzoo_sources", Source)
        presets = [p for f in families for p in validation.check_family(f).values()]
        for task in tasks:
            validation.check_task(task)
        core = {s.scheme for p in self.plugins if p.distribution == CORE for s in p.sources}
        for source in sources:
            validation.check_source(source, reserved=core)
        kept = Plugin(
            name=announced.name,
            distribution=announced.distribution,
            version=announced.version,
            families=families,
            tasks=tasks,
            sources=sources,
            presets=tuple(presets),
        )
        validation.check_neighbours(kept, self.plugins)
        return kept

    def _hooks(self, manager: pluggy.PluginManager, plugin: Any) -> set[str]:
        """Names of the hooks a registered plugin implements, all of them known."""
        callers = manager.get_hookcallers(plugin) or []
        known = {n for n in vars(hookspecs) if n.startswith("mlmzoo_")}
        # Not check_pending(): it looks at all plugins and would blame the wrong one.
        unknown = [
            caller.name
            for caller in callers
            if not caller.has_spec()
            for impl in caller.get_hookimpls()
            if impl.plugin is plugin and not impl.optionalhook
        ]
        implemented = {caller.name for caller in callers}
        unmarked = [name for name in known - implemented if callable(getattr(plugin, name, None))]
        if unknown:
            raise PluginError(
                f"It implements the hooks {sorted(unknown)}, which do not exist; the hooks are "
                f"{sorted(known)}."
            )
        if unmarked or not implemented:
            missed = f"Its {sorted(unmarked)} are no hooks yet" if unmarked else "It has no hooks"
            raise PluginError(
                f"{missed}; mark the functions with @mlmzoo.contract.hookspecs.hookimpl."
            )
        return implemented


def discover() -> Discovery:
    """One pass over the installed plugins, core's own hooks first.

    Raises:
        PluginError: A plugin failed and ``MLMZOO_STRICT_PLUGINS`` is set.
    """
    found = Discovery()
    found.add(Announced(CORE_HOOKS, CORE, "", lambda: importlib.import_module(CORE_HOOKS)))
    announced = list(_announced(found))
    selection = _selection()
    for item in announced:
        if selection is not None and not selection & item.labels:
            found.disabled.append(item)
        else:
            found.add(item)
    for name in sorted((selection or set()) - {label for a in announced for label in a.labels}):
        installed = ", ".join(sorted({a.name for a in announced})) or "none"
        error = PluginError(
            f"MLMZOO_PLUGINS asks for {name!r}, and no installed plugin is called so (installed: "
            f"{installed}). Correct the variable, or install the plugin."
        )
        found.fail(PluginFailure(name, "", "", error))
    return found


def _selection() -> set[str] | None:
    """What MLMZOO_PLUGINS names; ``None`` where it is not set."""
    value = os.environ.get("MLMZOO_PLUGINS")
    if value is None:
        return None
    items = set()
    for item in filter(None, map(str.strip, value.split(","))):
        distribution, colon, name = item.rpartition(":")
        items.add(f"{normalise(distribution)}:{name}" if colon else item)
    return items


def _announced(found: Discovery) -> Iterator[Announced]:
    """Entry points of our group, in an order that does not depend on the file system.

    Distributions are read one by one, because one unreadable `entry_points.txt` would make
    `importlib_metadata.entry_points` fail for all of them.
    """
    seen: set[str] = set()
    items = []
    for distribution in importlib_metadata.distributions():
        try:
            text = distribution.read_text("entry_points.txt")
        except Exception:  # whose it is cannot be told, so it is not ours to report
            continue
        if not text or f"[{GROUP}]" not in text:
            continue
        name = version = ""
        try:
            name, version = distribution.name, distribution.version
            if normalise(name) in seen:
                continue  # shadowed by one that is earlier on sys.path, as its modules are
            seen.add(normalise(name))
            points = distribution.entry_points.select(group=GROUP)
            items += [Announced(point.name, name, version, point.load) for point in points]
        except Exception as error:
            shown = name or getattr(distribution, "_path", "a distribution")
            unreadable = PluginError(
                f"The metadata of {shown}, which announces a plugin, cannot be read "
                f"({type(error).__name__}: {error}). Install it anew, with "
                "`pip install --force-reinstall`, or delete what is left of it."
            )
            unreadable.__cause__ = error
            found.fail(PluginFailure(GROUP, name or "", version or "", unreadable))
    yield from sorted(items, key=lambda item: (normalise(item.distribution), item.name))
