"""The command ``mlmzoo evaluate``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from mlmzoo.cli import options
from mlmzoo.cli.many_files import ManyFiles, data_option


@click.command("evaluate", cls=ManyFiles)
@click.argument("preset")
@data_option
@click.option(
    "--sample",
    type=click.IntRange(min=1),
    default=200,
    show_default=True,
    help="Most texts whose pseudo-perplexity is computed.",
)
@options.method
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Of the masks, the sample and the intervals.",
)
@options.batch_of_rows
@options.as_json
@options.backend
@options.debug
def command(
    preset: str,
    data: tuple[str, ...],
    sample: int,
    method: str,
    seed: int,
    batch_size: int,
    as_json: bool,
) -> None:
    """Measure PRESET on text files: masked accuracy and loss, and pseudo-perplexity.

    Each figure comes with its 95 % confidence interval, had other texts of their kind been drawn.
    """
    from mlmzoo.data.text_files import read_lines

    texts = read_lines(data)  # before the model: a wrong path is said at once

    from mlmzoo import MaskedLM
    from mlmzoo.cli.output import console, print_json, table
    from mlmzoo.tasks.evaluation import evaluate_texts

    task = MaskedLM.from_preset(preset)
    found = evaluate_texts(
        task, texts, seed=seed, sample=sample, method=method, batch_size=batch_size
    )
    if as_json:
        print_json({"preset": preset, **found.to_dict()})
        return
    name = "pseudo-perplexity, approximate" if method == "one_pass" else "pseudo-perplexity"
    rows = [
        ("accuracy", *_with_ends(found.accuracy, "{:.1%}")),
        ("loss", *_with_ends(found.loss, "{:.3f}")),
        (name, *_with_ends(found.pseudo_perplexity, "{:.2f}")),
    ]
    screen = console()
    screen.print(table(["", ">value", ">95 % from", ">to"], rows))
    screen.print(
        f"\nAccuracy and loss: {found.masked_tokens:,} masked tokens of {found.texts:,} texts. "
        f"Pseudo-perplexity: {found.scored_tokens:,} tokens of {found.scored_texts:,} texts, "
        f"drawn from {found.texts - found.too_long:,}."
    )
    if found.too_long:
        screen.print(
            f"Longer than the model's {task.preprocessor.sequence_length} tokens, so cut off for "
            f"accuracy and loss and never scored: {found.too_long:,} texts."
        )


def _with_ends(estimate: Any, form: str) -> Iterator[str]:
    return map(form.format, (estimate.value, estimate.low, estimate.high))
