"""The command ``mlmzoo check-plugin``."""

from __future__ import annotations

from dataclasses import asdict

import click

from mlmzoo.cli import options


@click.command("check-plugin")
@click.argument("name", required=False)
@options.as_json
@options.debug
@click.pass_context
def command(ctx: click.Context, name: str | None, as_json: bool) -> None:
    """Say what holds of an installed plugin, without running its tests.

    NAME is that of its entry point, of a family or of its package; without one, all are checked.
    The exit code is 1 if a check fails. Nothing is downloaded, and no model is held in memory.
    """
    from mlmzoo.checks import check_plugin
    from mlmzoo.checks.plugin import find
    from mlmzoo.cli.output import console, print_json, table
    from mlmzoo.plugins import list_plugins

    checked = {plugin: check_plugin(plugin) for plugin in (find(name) if name else list_plugins())}
    failed = [o for outcomes in checked.values() for o in outcomes if o.state == "failed"]
    if as_json:
        print_json(
            [
                {
                    "name": plugin.name,
                    "distribution": plugin.distribution,
                    "version": plugin.version,
                    "ok": all(outcome.state != "failed" for outcome in outcomes),
                    "checks": [asdict(outcome) for outcome in outcomes],
                }
                for plugin, outcomes in checked.items()
            ]
        )
    elif not checked:
        console(stderr=True).print("No plugin is installed; for instance, pip install mlmzoo-bert.")
    else:
        rows = [
            (plugin.name, outcome.about, outcome.check, outcome.state, outcome.detail)
            for plugin, outcomes in checked.items()
            for outcome in outcomes
        ]
        console().print(table(["plugin", "about", "check", "state", "found"], rows))
    if failed:
        ctx.exit(1)
