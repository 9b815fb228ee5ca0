"""The command ``mlmzoo score``."""

from __future__ import annotations

import click

from mlmzoo.cli import options
from mlmzoo.cli.texts import given_or_read, texts_argument


@click.command("score")
@click.argument("preset")
@texts_argument
@options.method
@click.option("--tokens", is_flag=True, help="Show every token, too.")
@options.batch_of_rows
@options.as_json
@options.backend
@options.debug
def command(
    preset: str,
    texts: tuple[str, ...],
    method: str,
    tokens: bool,
    batch_size: int,
    as_json: bool,
) -> None:
    """Say how probable PRESET finds texts: their pseudo-log-likelihood.

    Without TEXT, texts are read from standard input, one a line.
    """
    given = given_or_read(texts)

    from mlmzoo import MaskedLM
    from mlmzoo.cli.output import console, print_json, table

    scores = MaskedLM.from_preset(preset).score(given, method, batch_size)
    if as_json:
        print_json([score.to_dict() for score in scores])
        return
    screen = console()
    if method == "one_pass":
        screen.print("Approximate: the model sees the tokens that it is asked for.\n")
    if tokens:
        for score in scores:
            screen.print(score.text)
            each = [(f"  {token.token}", f"{token.log_probability:.2f}") for token in score.tokens]
            screen.print(table(["  token", ">log-probability"], each))
            screen.print()
    rows = [
        (
            f"{score.log_probability:.2f}",
            str(len(score.tokens)),
            f"{score.pseudo_perplexity:.2f}",
            str(score.text),
        )
        for score in scores
    ]
    screen.print(table([">log-probability", ">tokens", ">pseudo-perplexity", "text"], rows))
