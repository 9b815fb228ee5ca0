"""The command ``mlmzoo complete``."""

from __future__ import annotations

import re

import click

from mlmzoo.cli import options
from mlmzoo.cli.texts import given_or_read, texts_argument


def _num_tokens(ctx: click.Context, parameter: click.Parameter, value: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d+)(?:-(\d+))?", value)
    fewest, most = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
    if not 1 <= fewest <= most:
        raise click.BadParameter(f"{value!r} is neither a number from 1 nor a range: 1-3.")
    return fewest, most


@click.command("complete")
@click.argument("preset")
@texts_argument
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
    callback=_num_tokens,
    metavar="N or FEWEST-MOST",
    default="1",
    show_default=True,
    help="Tokens that each mask becomes, or the fewest and the most.",
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
