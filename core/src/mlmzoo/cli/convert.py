"""The command ``mlmzoo convert``."""

from __future__ import annotations

from typing import Any

import click

from mlmzoo.cli import options
from mlmzoo.cli.card import card_options, facts_for, stated


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
@options.overwrite
@click.option("--allow-non-finite", is_flag=True, help="Also where weights are NaN or infinite.")
@card_options
@options.backend
@options.debug
def command(
    src: str,
    dst: str,
    layout: str,
    dtype: str,
    overwrite: bool,
    allow_non_finite: bool,
    **settings: Any,
) -> None:
    """Rewrite the preset SRC (name, handle or directory) in another layout, in directory DST.

    The transformers layout has a model card. What the record of a run from scratch
    (training.json in SRC) states is in it, if it is about these weights, and what the options say.
    """
    given = stated(settings, layout)
    from mlmzoo import MaskedLM
    from mlmzoo.cli.output import console
    from mlmzoo.tasks.known_facts import facts_of_preset
    from mlmzoo.tasks.loading import load_task, open_preset
    from mlmzoo.tasks.saving import save_task

    opened = open_preset(src)
    task = load_task(MaskedLM, opened)
    # A head that was never trained stays out: other libraries would take it for a trained one.
    head = task.head_state != "random"
    card, reason = None, ""
    if layout == "transformers":
        known, reason = facts_of_preset(opened)
        card = facts_for(dst, known, given)
    # The place was checked: without --overwrite it is a new one.
    how = {"overwrite": overwrite, "allow_non_finite": allow_non_finite}
    save_task(task, dst, layout, dtype, head, card, **how)
    screen = console()
    screen.print(f"{src} ({task.load_report.layout} layout, from {task.load_report.source})")
    screen.print(f"is now in {dst} ({layout} layout, {dtype}).")
    if reason:
        screen.print(f"Its model card states nothing of the run: {reason}.")
