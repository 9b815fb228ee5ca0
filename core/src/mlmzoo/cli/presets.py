"""The command ``mlmzoo presets``."""

from __future__ import annotations

from dataclasses import asdict

import click

from mlmzoo.cli import options


@click.command("presets")
@click.option("--family", help="Only those of this family.")
@options.as_json
@options.debug
def command(family: str | None, as_json: bool) -> None:
    """List the built-in presets of the installed plugins."""
    from mlmzoo.cli.output import console, print_json, table
    from mlmzoo.plugins import list_presets

    found = list_presets(family)
    if as_json:
        print_json([{**asdict(preset), "name": name} for name, preset in found.items()])
        return
    if not found:
        console(stderr=True).print(
            "No installed plugin has a preset. `mlmzoo plugins` shows what is installed; "
            "for instance, pip install mlmzoo-bert."
        )
        return
    rows = [
        (name, preset.family, f"{preset.parameters:,}", preset.description)
        for name, preset in found.items()
    ]
    console().print(table(["preset", "family", ">parameters", "description"], rows))
