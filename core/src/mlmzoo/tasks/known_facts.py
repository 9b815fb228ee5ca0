"""What is known of a model for its card: from the record of its run, or from adapting it."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from mlmzoo.contract.errors import (
    HubAccessError,
    HubUnavailableError,
    InputError,
    PresetFormatError,
)
from mlmzoo.contract.protocols import Files
from mlmzoo.inference.scoring import perplexity
from mlmzoo.presets.card_facts import CardFacts
from mlmzoo.presets.json_files import read_json
from mlmzoo.presets.layouts.keras_names import TASK_WEIGHTS, WEIGHTS
from mlmzoo.presets.vanishing import still_there
from mlmzoo.tasks.adaptation import Adaptation
from mlmzoo.tasks.loading import Opened, open_preset
from mlmzoo.tasks.model_card import RECORD_FILE, counted, data_of

HUB = "hf://"

_MALFORMED = (KeyError, TypeError, ValueError, AttributeError, OverflowError)
"""What data of another form than expected raises."""


def weight_digests(files: Files) -> dict[str, str]:
    """SHA-256 of the weight files of a preset of the keras layout: what a record is about."""
    digests = {}
    for name in (WEIGHTS, TASK_WEIGHTS):
        path = files.path(name)
        if path is not None:
            with still_there(files.handle), open(path, "rb") as file:
                digests[name] = hashlib.file_digest(file, "sha256").hexdigest()
    return digests


def facts_of_preset(preset: str | os.PathLike[str] | Opened) -> tuple[dict[str, Any], str]:
    """What the record of a preset, its ``training.json``, states; and why nothing, where it is so.

    A record is about the weights of its run. Where the preset has others by now, trained further
    or saved again, it counts for nothing. A preset without a record has no facts, and no reason.

    Args:
        preset: What `mlmzoo.MaskedLM.from_preset` takes, or what was opened of it.

    Returns:
        Entries of `CardFacts`, and a reason, ``""`` where there is none to give.
    """
    contents = open_preset(preset).contents
    assert contents is not None  # files were asked for
    where = f"{RECORD_FILE} of {contents.files.handle}"
    try:
        record = read_json(contents.files, RECORD_FILE)
        if record is None:
            return {}, ""
        facts = facts_of_record(record)
        CardFacts.from_mapping(facts)
        about = record["model"].get("weights")
    except (HubUnavailableError, HubAccessError) as error:
        return {}, f"{where} could not be looked for ({error!s:.200})"
    except (PresetFormatError, InputError, *_MALFORMED) as error:
        return {}, f"{where} is no record of a run that could be used ({error!s:.200})"
    if not about or about != weight_digests(contents.files):
        return {}, f"{where} is not about these weights, or does not say which it is about"
    return facts, ""


def facts_of_record(record: Mapping[str, Any]) -> dict[str, Any]:
    """Entries of `CardFacts` that the record of a run states, its recipe's ``[card]`` among them.

    Args:
        record: What `train_from_scratch` returned.
    """
    held, recipe = record["held_out"], record["recipe"]
    known = {entry.name for entry in fields(CardFacts)}
    on = _held_out(record["data"]["held_out_texts"])
    notes = [
        f"On {counted(held['masked_tokens'], 'masked token')}, with the weights as the run saved "
        f"them ({recipe['training']['saved_dtype']}). {_baseline(held)} The epoch to keep was "
        "chosen by the loss on these same texts, which flatters the model a little.",
        held.get("note", ""),
    ]
    return {
        **{name: value for name, value in recipe["card"].items() if name in known},
        "data": data_of(record),
        **_metrics(on, held["loss"], held["accuracy"]),
        "evaluation": "\n\n".join(note for note in notes if note),
    }


def facts_of_adaptation(result: Adaptation, source: str) -> dict[str, Any]:
    """Entries of `CardFacts` that are known when a model was adapted.

    Args:
        result: What `adapt` returned.
        source: The handle the model was loaded from; a repository of the Hub is a base model.
    """
    before, unigram = result.before, result.unigram
    on = _held_out(result.held_out_texts)
    facts: dict[str, Any] = {
        "data": f"Adapted to {counted(result.training_texts, 'text')}. What it was trained on "
        "before that is not said here.",
        **_metrics(on, result.after.loss, result.after.accuracy),
        "evaluation": f"On {counted(result.masked_tokens, 'masked token')}. Before it was adapted, "
        f"the model had a loss of {before.loss:.3f} and an accuracy of {before.accuracy:.1%} on "
        "the same ones. "
        + _baseline({"unigram_loss": unigram.loss, "unigram_accuracy": unigram.accuracy}),
    }
    if source.startswith(HUB):
        facts["base_model"] = source.removeprefix(HUB).partition("@")[0]
    return facts


def _held_out(texts: int) -> str:
    return f"{counted(texts, 'text')} held out at random"


def _metrics(on: str, loss: float, accuracy: float) -> dict[str, Any]:
    """The entry of the metrics; an infinite perplexity, say, is no figure that a card can hold."""
    figures = {"loss": loss, "perplexity": perplexity(loss), "accuracy": accuracy}
    finite = {name: value for name, value in figures.items() if math.isfinite(value)}
    return {"metrics": {on: finite}} if finite else {}


def _baseline(held: Mapping[str, Any]) -> str:
    return (
        "A unigram baseline, which knows how frequent each token is in the training part (add-one "
        f"smoothing) and nothing else, has a loss of {held['unigram_loss']:.3f} and an accuracy of "
        f"{held['unigram_accuracy']:.1%}."
    )
