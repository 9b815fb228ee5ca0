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
@click.option("--allow-non-finite", is_flag=True, help="Also where weights are NaN or infinite.")
@options.backend
@options.debug
def command(
    preset: str, directory: str, format_: str, overwrite: bool, allow_non_finite: bool
) -> None:
    """Write PRESET to DIR so that it runs without Keras, its tokenizer beside it."""
    from mlmzoo import MaskedLM
    from mlmzoo.cli.output import console

    how = {"overwrite": overwrite, "allow_non_finite": allow_non_finite}
    MaskedLM.from_preset(preset).export(directory, format_, **how)
    console().print(f"{preset} is now in {directory} ({format_}).")
