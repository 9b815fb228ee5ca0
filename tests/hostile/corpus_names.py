"""File names that lead elsewhere, and things in place of files."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from corpus import canaries, hostile
from safetensors.numpy import save_file

from mlmzoo.contract.errors import PresetMissingError

INDEX = "model.safetensors.index.json"


def index(directory: Path, place: Any, name: str = INDEX) -> None:
    """Take the weights away and have an index name them."""
    for file in ("model.safetensors", "model.weights.h5"):
        if (directory / file).exists():
            (directory / file).rename(directory / f"whole-{file}")
    text = json.dumps({"metadata": {}, "weight_map": {"toy.tokens.weight": place}})
    (directory / name).write_text(text, "utf-8")


def link(directory: Path, name: str) -> None:
    """Put a link to a copy of a file that lies outside in the file's place."""
    outside = canaries(directory) / f"{directory.name}-{name}"
    (directory / name).rename(outside)
    (directory / name).symlink_to(outside)


for name, place in {
    "parent": "../canaries/secret",
    "root": "/etc/passwd",
    "drive": "C:secret",
    "share": "\\\\server\\share",
    "nul_character": "model.safetensors\0.txt",
    "current_directory": ".",
    "device": "NUL",
    "device_with_extension": "com1.safetensors",
    "superscript_device": "LPT².safetensors",
    "dot_at_the_end": "config.json.",
    "space_at_the_end": "config.json ",
    "line_break": "config\n.json",
    "wildcard": "*.safetensors",
    "stream": "model.safetensors:hidden",
    "no_name": "",
    "long_name": "x" * 300,
    "number": 7,
    "nothing": None,
    "nested_lists": [[["whole-model.safetensors"]]],
}.items():

    def write(directory: Path, place: Any = place) -> None:
        index(directory, place)

    write.__name__ = f"shard_named_{name}"
    # A name with NUL in it gets no further than the reader of JSON.
    says = ("control characters",) if name == "nul_character" else ("plain",)
    hostile("transformers", says=says)(write)

    def write_keras(directory: Path, place: Any = place) -> None:
        index(directory, [place], "model.weights.json")

    write_keras.__name__ = f"keras_shard_named_{name}"
    hostile("keras", says=says)(write_keras)


@hostile("transformers", says=("was to be read as safetensors",))
def shard_that_is_the_index(directory: Path) -> None:
    index(directory, INDEX)


@hostile("keras", says=("was to be read as HDF5",))
def keras_shard_that_is_the_index(directory: Path) -> None:
    index(directory, "model.weights.json", "model.weights.json")


@hostile("transformers", PresetMissingError, says=("elsewhere.safetensors",))
def shard_that_is_not_there(directory: Path) -> None:
    index(directory, "elsewhere.safetensors")


@hostile("transformers", says=("'weight_map'",))
def index_that_maps_nothing(directory: Path) -> None:
    index(directory, "")
    (directory / INDEX).write_text(json.dumps({"weight_map": ["model.safetensors"]}), "utf-8")


@hostile("transformers", says=("201 files", "200"))
def hundreds_of_shards(directory: Path) -> None:
    index(directory, "")
    places = {str(n): f"model-{n}.safetensors" for n in range(201)}
    (directory / INDEX).write_text(json.dumps({"weight_map": places}), "utf-8")


@hostile("transformers", says=("several files that hold 'toy.tokens.weight'",))
def tensor_in_two_shards(directory: Path) -> None:
    index(directory, "")
    save_file({"toy.tokens.weight": np.zeros((2, 2), np.float32)}, directory / "another")
    places = {"toy.tokens.weight": "whole-model.safetensors", "x": "another"}
    (directory / INDEX).write_text(json.dumps({"weight_map": places}), "utf-8")


# Links and what is no file ------------------------------------------------------------------------


@hostile("keras", says=("config.json", "outside of its directory"))
def config_linked_out(directory: Path) -> None:
    link(directory, "config.json")


@hostile("keras", says=("model.weights.h5", "outside of its directory"))
def weights_linked_out(directory: Path) -> None:
    link(directory, "model.weights.h5")


@hostile("transformers", says=("model.safetensors", "outside of its directory"))
def safetensors_linked_out(directory: Path) -> None:
    link(directory, "model.safetensors")


@hostile("keras", says=("vocabulary.txt", "outside of its directory"))
def assets_linked_out(directory: Path) -> None:
    outside = canaries(directory) / "assets"
    if not outside.exists():
        (directory / "assets").rename(outside)
    else:
        (directory / "assets" / "tokenizer" / "vocabulary.txt").unlink()
        (directory / "assets" / "tokenizer").rmdir()
        (directory / "assets").rmdir()
    (directory / "assets").symlink_to(outside)


@hostile("transformers", says=("shard.safetensors", "outside of its directory"))
def shard_linked_out(directory: Path) -> None:
    index(directory, "shard.safetensors")
    (directory / "whole-model.safetensors").rename(directory / "shard.safetensors")
    link(directory, "shard.safetensors")


@hostile("keras", says=("vocabulary.txt", "outside of its directory"))
def link_to_the_devices(directory: Path) -> None:
    path = directory / "assets" / "tokenizer" / "vocabulary.txt"
    path.unlink()
    path.symlink_to("/proc/self/environ")


@hostile("keras", says=("model.weights.h5", "link that leads to no file"))
def links_in_a_circle(directory: Path) -> None:
    (directory / "model.weights.h5").unlink()
    (directory / "model.weights.h5").symlink_to("model.weights.h5")


@hostile("keras", says=("task.json", "no regular file"))
def pipe_in_place_of_a_config(directory: Path) -> None:
    (directory / "task.json").unlink()
    os.mkfifo(directory / "task.json")


@hostile("keras", says=("model.weights.h5", "no regular file"))
def pipe_in_place_of_weights(directory: Path) -> None:
    (directory / "model.weights.h5").unlink()
    os.mkfifo(directory / "model.weights.h5")


@hostile("keras", says=("task.json",))
def link_to_a_device(directory: Path) -> None:
    (directory / "task.json").unlink()
    (directory / "task.json").symlink_to("/dev/zero")


@hostile("keras", PresetMissingError, says=("no weights of the backbone",))
def directory_in_place_of_weights(directory: Path) -> None:
    (directory / "model.weights.h5").unlink()
    (directory / "model.weights.h5").mkdir()
