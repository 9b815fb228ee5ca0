"""The hooks a plugin can implement. Few, prefixed, additive: they evolve by gaining arguments."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    import click

    from mlmzoo.contract.protocols import Source
    from mlmzoo.contract.records import Family, TaskBinding

PROJECT = "mlmzoo"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def mlmzoo_families() -> Iterable[Family]:  # type: ignore[empty-body]
    """Return the architecture families of this package."""


@hookspec
def mlmzoo_tasks() -> Iterable[TaskBinding]:  # type: ignore[empty-body]
    """Return task classes for families, one's own or somebody else's."""


@hookspec
def mlmzoo_sources() -> Iterable[Source]:  # type: ignore[empty-body]
    """Return places presets come from, one per URI scheme."""


@hookspec
def mlmzoo_commands(group: click.Group) -> None:
    """Add commands to the ``mlmzoo`` command line."""
