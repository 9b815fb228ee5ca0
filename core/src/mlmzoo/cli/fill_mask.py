"""The command ``mlmzoo fill-mask``."""

from __future__ import annotations

import sys

import click

from mlmzoo.cli import options


@click.command("fill-mask")
@click.argument("preset")
@click.argument("texts", metavar="[TEXT]...", nargs=-1)
@click.option("--top-k", type=click.IntRange(min=1), default=5, show_default=True)
@click.option("--batch-size", type=click.IntRange(min=1), default=32, show_default=True)
@options.as_json
@options.backend
@options.debug
def command(
    preset: str, texts: tuple[str, ...], top_k: int, batch_size: int, as_json: bool
) -> None:
    """Fill the masks in texts with the most probable tokens of PRESET.

    A text holds the mask token of the preset, mostly [MASK] or <mask>, once or several times.
    Without TEXT, texts are read from standard input, one a line.
    """
    if not texts:
        if sys.stdin.isatty():
            raise click.UsageError("Give at least one TEXT, or texts on standard input.")
        try:  # the bytes, because the encoding of a terminal says nothing about a file's
            given = sys.stdin.buffer.read().decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise click.UsageError(f"Standard input is not UTF-8: {error}.") from error
        texts = tuple(text for line in given.split("\n") if (text := line.strip()))
        if not texts:
            raise click.UsageError("Standard input held no text. Give one text a line.")

    from mlmzoo import MaskedLM
    from mlmzoo.cli.output import console, print_json, table

    task = MaskedLM.from_preset(preset)
    answers = task.fill_mask(list(texts), top_k=top_k, batch_size=batch_size)
    if as_json:
        print_json([answer.to_dict() for answer in answers])
        return
    screen = console()
    for answer in answers:
        screen.print(answer.text)
        for number, mask in enumerate(answer.masks, start=1):
            if len(answer.masks) > 1:
                screen.print(f"  mask {number} of {len(answer.masks)}")
            rows = [(f"  {c.token}", f"{c.probability:.1%}") for c in mask.candidates]
            screen.print(table(["  token", ">probability"], rows))
        screen.print()
