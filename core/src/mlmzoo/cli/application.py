"""The group of all commands: where they come from, and how what goes wrong is told."""

from __future__ import annotations

import logging
import sys
import traceback
import warnings
from typing import Any

import click

from mlmzoo.cli import options

ERROR, BUG, INTERRUPTED = 1, 3, 130
"""Exit codes, with 0 for success and click's 2 for wrong usage."""

HELP = """Masked language models for Keras 3.

\b
Exit codes: 0 done; 1 an error, said in one message; 2 wrong usage;
3 a bug in mlmzoo or a plugin; 130 interrupted; 143 terminated.
"""


class Application(click.Group):
    """Core's and the plugins' commands. Plugins are asked when the first command is looked up."""

    _asked = False

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        self._ask_plugins()
        return super().get_command(ctx, cmd_name)

    def list_commands(self, ctx: click.Context) -> list[str]:
        self._ask_plugins()
        return list(self.commands)  # in the order they were added: the main job comes first

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; an interruption has an exit code of its own."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo("interrupted", err=True)
            ctx.exit(INTERRUPTED)

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run, and tell errors as one message and an exit code."""
        options.reset()
        with warnings.catch_warnings():
            _show_our_warnings()
            _quieten_libraries()
            try:
                return super().main(*args, **kwargs)
            except Exception as error:
                sys.exit(_tell(error))

    def _ask_plugins(self) -> None:
        if not self._asked:
            from mlmzoo.plugins import registry

            self._asked = True
            registry().add_commands(self)


def application() -> Application:
    """A new command line."""
    group = Application("mlmzoo", help=HELP, context_settings={"max_content_width": 100})
    for option in (options.backend, options.debug):
        option(group)
    return click.version_option(package_name="mlmzoo")(group)


def _tell(error: Exception) -> int:
    from mlmzoo.contract.errors import MlmzooError

    # What people can act on: our own errors, and files that cannot be read or written.
    expected = isinstance(error, MlmzooError | OSError)
    if options.debugging():
        traceback.print_exception(error)
    name = "" if isinstance(error, MlmzooError) else f"{type(error).__name__}: "
    click.echo(f"error: {name}{error}", err=True)
    if not expected and not options.debugging():
        click.echo("This is a bug; --debug shows where.", err=True)
    return ERROR if expected else BUG


def _show_our_warnings() -> None:
    """Our own warnings as one line each, once; those of libraries only with --debug."""
    from mlmzoo.contract.errors import PluginWarning, PresetWarning, TrainingWarning

    said: set[str] = set()

    def show(message: Any, category: Any, *where: Any, **kwargs: Any) -> None:
        text = str(message)
        ours = PluginWarning | PresetWarning | TrainingWarning
        if issubclass(category, ours) or options.debugging():
            if text not in said:
                click.echo(f"note: {text}", err=True)
            said.add(text)

    warnings.simplefilter("always")
    warnings.showwarning = show


def _quieten_libraries() -> None:
    if not options.debugging():
        for name in ("absl", "jax", "tensorflow"):
            logging.getLogger(name).setLevel(logging.ERROR)
