"""The command ``mlmzoo convert``."""

from __future__ import annotations

import click

from mlmzoo.cli import options


@click.command("convert")
@click.argument("src")
@click.argument("dst", callback=options.new_directory)
@click.option(
    "--layout",
    type=click.Choice(["keras", "transformers"]),
    required=True,
    help="keras is KerasHub's preset format, transformers the checkpoint format of Hugging Face.",
)
@click.option(
    "--dtype",
    type=click.Choice(["float32", "float16", "bfloat16"]),
    default="float32",
    show_default=True,
    help="What the weights are stored in.",
)
@options.backend
@options.debug
def command(src: str, dst: str, layout: str, dtype: str) -> None:
    """Rewrite the preset SRC (name, handle or directory) in another layout, in directory DST."""
    from mlmzoo import MaskedLM
    from mlmzoo.cli.output import console

    task = MaskedLM.from_preset(src)
    if task.head_state == "random":
        # Written down, random values would look like a trained head to other libraries.
        task.backbone.save_to_preset(dst, layout=layout, dtype=dtype)
        task.preprocessor.save_to_preset(dst, layout=layout)
    else:
        task.save_to_preset(dst, layout=layout, dtype=dtype)
    screen = console()
    screen.print(f"{src} ({task.load_report.layout} layout, from {task.load_report.source})")
    screen.print(f"is now in {dst} ({layout} layout, {dtype}).")
