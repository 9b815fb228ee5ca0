"""The command ``mlmzoo export``."""

from __future__ import annotations

import click

from mlmzoo.cli import options


@click.command("export")
@click.argument("preset")
@click.argument("directory", metavar="DIR", callback=options.new_export)
@click.option(
    "--format",
    "format_",
    type=click.Choice(["onnx", "tf_saved_model"]),
    default="onnx",
    show_default=True,
    help="What to write.",
)
@options.overwrite
@options.backend
@options.debug
def command(preset: str, directory: str, format_: str, overwrite: bool) -> None:
    """Write PRESET to DIR so that it runs without Keras, its tokenizer beside it."""
    from mlmzoo import MaskedLM
    from mlmzoo.cli.output import console

    MaskedLM.from_preset(preset).export(directory, format_, overwrite=overwrite)
    console().print(f"{preset} is now in {directory} ({format_}).")
