"""The command ``mlmzoo plugins``."""

from __future__ import annotations

from dataclasses import asdict

import click

from mlmzoo.cli import options


@click.command("plugins")
@options.as_json
@options.debug
def command(as_json: bool) -> None:
    """List the installed plugins, those that failed or are disabled included.

    Below the table stands what is wrong with each: why it failed, which names it shares with
    another package, and what it does at every start that it had better not do.
    """
    from mlmzoo.cli.output import console, print_json, table
    from mlmzoo.plugins import list_plugins

    found = list_plugins()
    if as_json:
        print_json([asdict(plugin) for plugin in found])
        return
    if not found:
        console(stderr=True).print("No plugin is installed; for instance, pip install mlmzoo-bert.")
        return
    rows = [
        (
            plugin.name,
            f"{plugin.distribution} {plugin.version}",
            plugin.state,
            ", ".join(plugin.families),
            str(len(plugin.presets)),
        )
        for plugin in found
    ]
    screen = console()
    screen.print(table(["plugin", "package", "state", "families", ">presets"], rows))
    for plugin in found:
        for sentence in (plugin.reason, *plugin.conflicts, *plugin.notes):
            if sentence:
                screen.print(f"{plugin.name}: {sentence}")
