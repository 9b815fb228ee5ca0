"""The command ``mlmzoo propose-tokens``."""

from __future__ import annotations

import click

from mlmzoo.cli import options
from mlmzoo.cli.many_files import ManyFiles, data_option


@click.command("propose-tokens", cls=ManyFiles)
@click.argument("preset")
@data_option
@click.option(
    "--limit", type=click.IntRange(min=1), default=100, show_default=True, help="Most words."
)
@click.option(
    "--min-count",
    type=click.IntRange(min=1),
    default=5,
    show_default=True,
    help="How often a word must occur.",
)
@click.option("--words", is_flag=True, help="Print the words alone, as `train --add-tokens` takes.")
@options.as_json
@options.backend
@options.debug
def command(
    preset: str, data: tuple[str, ...], limit: int, min_count: int, words: bool, as_json: bool
) -> None:
    """List the words of text files that PRESET's tokenizer splits most.

    The first ones are those with which the text would have the fewest tokens.
    """
    if words and as_json:
        raise click.UsageError("Give --words or --json, and not both.")

    from mlmzoo.data.text_files import stream_lines

    texts = stream_lines(data)  # before the backend: a wrong path is said at once

    from mlmzoo import Tokenizer
    from mlmzoo.cli.output import console, print_json, table

    found = Tokenizer.from_preset(preset).propose_tokens(texts, limit, min_count)
    if as_json:
        print_json([each.to_dict() for each in found])
    elif words:
        for each in found:
            click.echo(each.word)
    elif found:
        rows = [
            (each.word, f"{each.count:,}", f"{each.saved:,}", " ".join(each.pieces))
            for each in found
        ]
        console().print(table(["word", ">occurs", ">tokens saved", "is now"], rows))
    else:
        console().print(f"No word that {preset} splits occurs {min_count} times.")
