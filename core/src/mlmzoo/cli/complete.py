"""The command ``mlmzoo complete``."""

from __future__ import annotations

import click

from mlmzoo.cli import options
from mlmzoo.cli.texts import given_or_read


@click.command("complete")
@click.argument("preset")
@click.argument("texts", metavar="[TEXT]...", nargs=-1)
@click.option(
    "--beam", type=click.IntRange(min=1), default=5, show_default=True, help="Completions kept."
)
@click.option(
    "--order",
    type=click.Choice(["confident", "left_to_right"]),
    default="confident",
    show_default=True,
    help="Which mask is filled next.",
)
@click.option(
    "--num-tokens",
    type=(click.IntRange(min=1), click.IntRange(min=1)),
    default=(1, 1),
    metavar="FEWEST MOST",
    help="Tokens that each mask becomes.  [default: 1 1]",
)
@options.batch_size
@options.as_json
@options.backend
@options.debug
def command(
    preset: str,
    texts: tuple[str, ...],
    beam: int,
    order: str,
    num_tokens: tuple[int, int],
    batch_size: int,
    as_json: bool,
) -> None:
    """Fill all masks of a text together, in the most probable ways that PRESET finds.

    A text holds the mask token of the preset, mostly [MASK] or <mask>, once or several times.
    Without TEXT, texts are read from standard input, one a line.
    """
    given = given_or_read(texts)

    from mlmzoo import MaskedLM
    from mlmzoo.cli.output import console, print_json, table

    task = MaskedLM.from_preset(preset)
    answers = task.complete(given, beam, order, num_tokens, batch_size)
    if as_json:
        print_json([answer.to_dict() for answer in answers])
        return
    screen = console()
    for answer in answers:
        screen.print(answer.text)
        rows = [
            (f"  {found.text}", f"{found.probability:.3g}", f"{found.score:.2f}")
            for found in answer.completions
        ]
        screen.print(table(["  completion", ">probability", ">per token"], rows))
        screen.print()
