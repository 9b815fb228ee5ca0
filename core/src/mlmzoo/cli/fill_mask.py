"""The command ``mlmzoo fill-mask``."""

from __future__ import annotations

from typing import Any

import click

from mlmzoo.cli import options
from mlmzoo.cli.texts import given_or_read, texts_argument


@click.command("fill-mask")
@click.argument("preset")
@texts_argument
@click.option(
    "--top-k", type=click.IntRange(min=1), help="Tokens shown for each mask.  [default: 5]"
)
@click.option(
    "--candidate",
    "candidates",
    multiple=True,
    metavar="PHRASE",
    help="A word or phrase to rank instead; can be given several times. All are shown.",
)
@options.batch_size
@options.as_json
@options.backend
@options.debug
def command(
    preset: str,
    texts: tuple[str, ...],
    top_k: int | None,
    candidates: tuple[str, ...],
    batch_size: int,
    as_json: bool,
) -> None:
    """Fill the masks in texts with the most probable tokens of PRESET.

    A text holds the mask token of the preset, mostly [MASK] or <mask>, once or several times.
    Without TEXT, texts are read from standard input, one a line.
    """
    if candidates and top_k is not None:
        raise click.UsageError("--top-k goes without --candidate: all candidates are shown.")
    given = given_or_read(texts)

    from mlmzoo import MaskedLM
    from mlmzoo.cli.output import console, print_json, table

    task = MaskedLM.from_preset(preset)
    answers = task.fill_mask(given, top_k or 5, list(candidates) or None, batch_size)
    if as_json:
        print_json([answer.to_dict() for answer in answers])
        return
    screen = console()
    columns = (
        ["  phrase", ">probability", ">per token"] if candidates else ["  token", ">probability"]
    )
    for answer in answers:
        screen.print(answer.text)
        for number, mask in enumerate(answer.masks, start=1):
            if len(answer.masks) > 1:
                screen.print(f"  mask {number} of {len(answer.masks)}")
            screen.print(table(columns, map(_phrase if candidates else _token, mask.candidates)))
        screen.print()


def _token(candidate: Any) -> tuple[str, ...]:
    return f"  {candidate.token}", f"{candidate.probability:.1%}"


def _phrase(candidate: Any) -> tuple[str, ...]:
    return f"  {candidate.text}", f"{candidate.probability:.3g}", f"{candidate.score:.2f}"
