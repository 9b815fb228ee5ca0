"""Options of the commands that write a model card, and what they state together."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

_OPTIONS = {
    "license": click.option("--license", help="Model card: licence, by the Hub's name of it."),
    "language": click.option("--language", multiple=True, help="Model card: language, e.g. en."),
    "datasets": click.option(
        "--dataset", "datasets", multiple=True, help="Model card: a data set on the Hub."
    ),
    "base_model": click.option(
        "--base-model", multiple=True, help="Model card: a model on the Hub it was made from."
    ),
}
"""Entry of `CardFacts` -> the option that states it."""


def card_options(command: Any) -> Any:
    """The options, for commands that take ``--layout``; see `stated`."""
    for option in reversed(_OPTIONS.values()):
        command = option(command)
    return command


def stated(settings: dict[str, Any], layout: str | None) -> dict[str, Any]:
    """Take what the options state out of a command's arguments.

    Args:
        settings: The arguments.
        layout: What ``--layout`` says.

    Raises:
        click.UsageError: They state something, and no card is to be written.
        InputError: It cannot be stated.
    """
    from mlmzoo.presets.card_facts import CardFacts

    given = {name: settings.pop(name) for name in _OPTIONS}
    facts = {
        name: value[0] if isinstance(value, tuple) and len(value) == 1 else value
        for name, value in given.items()
        if value not in (None, ())
    }
    if facts and layout != "transformers":
        raise click.UsageError(
            "--license, --language, --dataset and --base-model are for the model card, which "
            "only --layout transformers has. A recipe of --from-scratch states them in [card]."
        )
    CardFacts.from_mapping(facts)
    return facts


def facts_for(
    directory: str | os.PathLike[str], known: Mapping[str, Any], given: Mapping[str, Any]
) -> dict[str, Any]:
    """What the card in a directory is to state: what is known, and above it what was given.

    Nothing, where somebody's ``README.md`` is there and nobody asked to state anything.
    """
    from mlmzoo.presets.layouts.card_file import is_kept

    if not given and is_kept(Path(os.path.expanduser(directory))):
        return {}
    return {**known, **given}
