"""A command line to call, and a preset that it trained itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from mlmzoo.cli.application import application

RECIPE = """
family = "toy"

[tokenizer]
vocabulary_size = 60

[backbone]
num_layers = 1
hidden_dim = 16
max_sequence_length = 16

[training]
epochs = 2
batch_size = 16
learning_rate = 0.02
held_out_share = 0.1
batching = "fixed"

[card]
title = "A toy"
good_for = ["tests"]
"""

TEXTS = [
    f"{article} {adjective} {animal} {verb} {place}"
    for article in ("the", "a")
    for adjective in ("quick", "lazy", "brown", "old")
    for animal in ("fox", "dog", "cat")
    for verb in ("sleeps", "runs")
    for place in ("here", "there")
]


@pytest.fixture
def mlmzoo():
    """Run a command in this process."""

    def run(*args, input=None):
        return CliRunner().invoke(application(), [str(arg) for arg in args], input=input)

    return run


@pytest.fixture(scope="session")
def mlmzoo_process():
    """Run a command in a process of its own."""

    def run(*args, code=None, input=None, **env):
        program = ["-c", code] if code else ["-m", "mlmzoo"]
        return subprocess.run(
            [sys.executable, *program, *map(str, args)],
            capture_output=True,
            text=True,
            input=input,
            env={**os.environ, "MLMZOO_PLUGINS": "toy", **env},
            timeout=300,
        )

    return run


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A toy preset trained from scratch by the command line, and what that printed."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "toy.toml").write_text(RECIPE)
    (folder / "data.txt").write_text("\n".join(TEXTS) + "\n")
    args = ["train", "--from-scratch", folder / "toy.toml", "--data", folder / "data.txt"]
    args += ["--out", folder / "preset", "--json"]
    result = CliRunner().invoke(application(), [str(arg) for arg in args])
    assert result.exit_code == 0, result.output
    return SimpleNamespace(
        data=folder / "data.txt",
        recipe=folder / "toy.toml",
        preset=folder / "preset",
        record=json.loads(result.stdout),
        stderr=result.stderr,
    )


@pytest.fixture
def out(tmp_path) -> Path:
    """A directory that is not there yet."""
    return tmp_path / "out"
