"""Tables of loss and accuracy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.console import Console

from mlmzoo.cli.output import table

if TYPE_CHECKING:
    from mlmzoo.tasks.adaptation import Adaptation

COLUMNS = ["", ">loss", ">accuracy"]


def print_adaptation(screen: Console, result: Adaptation) -> None:
    """Before and after, and token frequencies for comparison."""
    rows = [
        ("before", result.before),
        ("after", result.after),
        ("token frequencies alone", result.unigram),
    ]
    screen.print(
        f"On {result.held_out_texts:,} held-out texts, {result.masked_tokens:,} masked tokens "
        f"({result.training_texts:,} texts trained on in {result.seconds:.0f} s):"
    )
    scores = [(name, f"{score.loss:.3f}", f"{score.accuracy:.1%}") for name, score in rows]
    screen.print(table(COLUMNS, scores))


def print_record(screen: Console, record: Mapping[str, Any]) -> None:
    """What a run from scratch reached, and token frequencies for comparison."""
    held, data = record["held_out"], record["data"]
    screen.print(
        f"On {data['held_out_texts']:,} held-out texts, {held['masked_tokens']:,} masked tokens "
        f"({data['training_texts']:,} texts trained on in {record['run']['seconds']:.0f} s):"
    )
    rows = [
        ("this model", held["loss"], held["accuracy"]),
        ("token frequencies alone", held["unigram_loss"], held["unigram_accuracy"]),
    ]
    scores = [(name, f"{loss:.3f}", f"{accuracy:.1%}") for name, loss, accuracy in rows]
    screen.print(table(COLUMNS, scores))
