"""The model card of a preset trained here: prose of its recipe, figures of its run.

``python -m mlmzoo.tasks.model_card RECIPE DIRECTORY`` writes the card of a preset anew after the
prose of its recipe has changed.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mlmzoo.inference.scoring import perplexity
from mlmzoo.presets.atomic import replacing
from mlmzoo.presets.layouts.markdown import table
from mlmzoo.tasks.recipe import Recipe

RECORD_FILE = "training.json"
CARD_FILE = "README.md"


def write_model_card(
    directory: str | os.PathLike[str], record: Mapping[str, Any] | None = None, prose: Any = None
) -> None:
    """Write a run's record and its card into the preset's directory.

    Args:
        directory: The preset's.
        record: The record; by default the one that is there already.
        prose: ``[card]`` of a recipe, instead of the one in the record.
    """
    place = Path(directory)
    if record is None:
        record = json.loads((place / RECORD_FILE).read_text("utf-8"))
    if prose is not None:
        record = {**record, "recipe": {**record["recipe"], "card": dict(prose)}}
    # Made before either is written: a record that makes no card replaces nothing.
    texts = {RECORD_FILE: json.dumps(record, indent=2) + "\n", CARD_FILE: model_card(record)}
    for name, text in texts.items():
        with replacing(place / name) as staging:
            staging.write_text(text, "utf-8", newline="\n")


def model_card(record: Mapping[str, Any]) -> str:
    """The card as Markdown. Every figure in it is taken from the record, none is typed by hand.

    Args:
        record: What `train_from_scratch` returned, or its ``training.json``.
    """
    recipe, run = record["recipe"], record["run"]
    card, training = recipe["card"], recipe["training"]
    parts = [
        f"# {card.get('title', 'A ' + recipe['family'] + ' trained from scratch')}",
        str(card.get("description", "")).strip(),
        "## How good it is",
        _results(record),
        *_list("## What it is good for", card.get("good_for", ())),
        *_list("## What it is not good for", card.get("not_good_for", ())),
        "## Data",
        data_of(record),
        "## Model",
        _table(
            {
                "family": recipe["family"],
                **recipe["backbone"],
                "vocabulary size": f"{record['model']['vocabulary_size']:,}",
                "parameters": f"{record['model']['parameters']:,}",
                "of these, backbone": f"{record['model']['backbone_parameters']:,}",
                "stored as": training["saved_dtype"],
            }
        ),
        "Tokenizer, learnt from the training part alone:",
        _table(recipe["tokenizer"]),
        "## Training",
        f"{counted(len(record['epochs']), 'epoch')} in {run['seconds'] / 60:.0f} minutes with "
        f"mlmzoo {run['mlmzoo']}, Keras {run['keras']}, {run['backend']}"
        + (", interrupted" if run["interrupted"] else "")
        + f". The weights are those of epoch {run['best_epoch']}, the one with the lowest "
        "held-out loss.",
        _table({**recipe["preprocessor"], **training}),
        *([f"License: {card['license']}"] if "license" in card else []),
        "This card was written by the program that trained the model; `training.json` beside it "
        "holds the log of every epoch.",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _results(record: Mapping[str, Any]) -> str:
    held, count = record["held_out"], record["data"]["held_out_texts"]
    rows = [
        ("this model", held["loss"], held["accuracy"]),
        ("unigram baseline", held["unigram_loss"], held["unigram_accuracy"]),
    ]
    lines = [
        f"On {counted(count, 'text')} held out at random, {held['masked_tokens']:,} masked tokens:",
        "",
        "| | loss (nats) | perplexity | accuracy |",
        "|---|---:|---:|---:|",
    ]
    lines += [
        f"| {name} | {loss:.3f} | {perplexity(loss):.1f} | {accuracy:.1%} |"
        for name, loss, accuracy in rows
    ]
    lines += [
        "",
        "Both are about the same masks. The baseline knows how frequent each token is in the "
        "training part (add-one smoothing), and nothing else; its accuracy is that of always "
        f"answering `{held['unigram_token']}`. The epoch to keep was chosen by the loss on these "
        "same texts, which flatters the model a little.",
    ]
    if "note" in held:
        lines += ["", held["note"]]
    return "\n".join(lines)


def data_of(record: Mapping[str, Any]) -> str:
    """What a record says of the data, the recipe's prose first."""
    data, training = record["data"], record["recipe"]["training"]
    prose = str(record["recipe"]["card"].get("data", "")).strip()
    facts = (
        f"{counted(data['texts'], 'text')}: {data['training_texts']:,} to train on, "
        f"{data['held_out_texts']:,} held out ({training['held_out_share']:.0%} of the different "
        f"ones, seed {training['seed']}). SHA-256 of the texts, one a line: `{data['sha256']}`."
    )
    return f"{prose}\n\n{facts}" if prose else facts


def _list(title: str, items: Sequence[str]) -> list[str]:
    return [title, "\n".join(f"- {item}" for item in items)] if items else []


def _table(values: Mapping[str, Any]) -> str:
    return table({name.replace("_", " "): _plain(value) for name, value in values.items()})


def _plain(value: Any) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def counted(n: int, what: str) -> str:
    """A number of things: ``"1 text"``, ``"1,566 texts"``."""
    return f"{n:,} {what}" if n == 1 else f"{n:,} {what}s"


if __name__ == "__main__":
    write_model_card(sys.argv[2], prose=Recipe.read(sys.argv[1]).card)
