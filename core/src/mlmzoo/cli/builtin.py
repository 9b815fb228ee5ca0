"""Core's own commands, announced through the hook that plugins use."""

from __future__ import annotations

import click

from mlmzoo.cli.lazy import LazyCommand
from mlmzoo.contract.hookspecs import hookimpl

COMMANDS = {
    "demo": "The main job on real text in about two minutes, without a network.",
    "presets": "List the built-in presets of the installed plugins.",
    "info": "Show what is known of a preset, without loading it.",
    "plugins": "List the installed plugins, those that failed included.",
    "check-plugin": "Say what holds of an installed plugin, without running its tests.",
    "fill-mask": "Fill the masks in texts, each by itself.",
    "complete": "Fill all masks of a text together.",
    "score": "Say how probable texts are.",
    "evaluate": "Measure a preset on text files.",
    "convert": "Rewrite a preset in another layout.",
    "upload": "Send a preset to Hugging Face or Kaggle.",
    "export": "Write a model that runs without Keras.",
    "train": "Adapt a preset to text files, or train a model from scratch.",
    "propose-tokens": "List the words of text files that a tokenizer splits most.",
    "new-plugin": "Write a package for a new family, complete and working.",
}


@hookimpl
def mlmzoo_commands(group: click.Group) -> None:
    """One module of `mlmzoo.cli` for each name, holding the command as ``command``."""
    for name, summary in COMMANDS.items():
        module = f"mlmzoo.cli.{name.replace('-', '_')}"
        group.add_command(LazyCommand(name, f"{module}:command", summary))
