"""`LazyCommand`: a command whose module is imported when it runs."""

from __future__ import annotations

import importlib
from typing import Any

import click


class LazyCommand(click.Command):
    """Stands in for a command in the list of commands.

    Args:
        name: Name of the command.
        path: Where the command is: ``"package.module:name"``.
        summary: One sentence for the list.
    """

    def __init__(self, name: str, path: str, summary: str) -> None:
        super().__init__(name, help=summary, short_help=summary)
        self.path = path

    def load(self) -> click.Command:
        """The command itself."""
        module, _, name = self.path.partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        """The context of the command itself: from here on it takes over."""
        return self.load().make_context(info_name, args, parent, **extra)
