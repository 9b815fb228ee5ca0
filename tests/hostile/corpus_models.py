"""``.keras`` files for `mlmzoo.load_model`."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from corpus import canaries, hostile

MODEL = "model.keras"


def archived(directory: Path, config: bytes, compression: int = zipfile.ZIP_STORED) -> None:
    """The model with another config."""
    content = (directory / MODEL).read_bytes()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as good,
        zipfile.ZipFile(directory / MODEL, "w", compression) as archive,
    ):
        for name in good.namelist():
            archive.writestr(name, config if name == "config.json" else good.read(name))


def changed(change: Callable[[dict[str, Any]], Any]) -> Callable[[Path], None]:
    def write(directory: Path) -> None:
        with zipfile.ZipFile(directory / MODEL) as archive:
            config = json.loads(archive.read("config.json"))
        new = change(config)
        archived(directory, json.dumps(config if new is None else new).encode())

    write.__name__ = change.__name__
    return write


@hostile("keras", error=None, load="model")
@changed
def model_with_entries_nobody_knows(config: dict[str, Any]) -> None:
    config["custom_objects"] = {"x": "hostile_canary"}


@hostile("keras", says=("Keras cannot load",), load="model")
@changed
def model_of_a_module(config: dict[str, Any]) -> None:
    config.update(module="hostile_canary", class_name="Model", registered_name=None)


@hostile("keras", says=("Keras cannot load",), load="model")
@changed
def model_of_the_system(config: dict[str, Any]) -> None:
    config.update(module="os", class_name="system", registered_name=None)


@hostile("keras", says=("Keras cannot load",), load="model")
@changed
def model_that_is_a_lambda(config: dict[str, Any]) -> Any:
    code = {"class_name": "__lambda__", "config": {"code": "4wAAAAA=\n", "defaults": None}}
    layer = {"name": "x", "function": code, "trainable": True, "dtype": "float32"}
    return {"module": "keras.layers", "class_name": "Lambda", "config": layer}


@hostile("keras", says=("Keras cannot load",), load="model")
@changed
def model_that_is_a_list(config: dict[str, Any]) -> Any:
    return [config]


@hostile("keras", says=("Keras cannot load",), load="model")
@changed
def model_that_is_a_function_of_keras(config: dict[str, Any]) -> Any:
    download = {"fname": "x", "origin": "http://127.0.0.1:9/x"}
    return {"module": "keras.utils", "class_name": "get_file", "config": download}


# Files they would like to have read ---------------------------------------------------------------


def tokenizer_in(config: dict[str, Any]) -> dict[str, Any]:
    return config["config"]["preprocessor"]["config"]["tokenizer"]


def from_elsewhere(argument: str, text: str) -> Callable[[Path], None]:
    """The tokenizer takes an argument from a file outside."""

    def write(directory: Path) -> None:
        outside = canaries(directory) / f"{directory.name}.txt"
        outside.write_text(text, "utf-8")

        @changed
        def change(config: dict[str, Any]) -> None:
            tokenizer_in(config)["config"][argument] = str(outside)

        change(directory)

    return write


@hostile("keras", says=("has vocabulary=",), family="bert", load="model", needs="tokenizers")
def model_with_the_words_of_a_file(directory: Path) -> None:
    from_elsewhere("vocabulary", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nsecret\n")(directory)


@hostile("keras", says=("has merges=",), family="roberta", load="model", needs="tokenizers")
def model_with_the_merges_of_a_file(directory: Path) -> None:
    from_elsewhere("merges", "#version: 0.2\nt h\n")(directory)


@hostile("keras", says=("has proto=",), family="albert", load="model", needs="sentencepiece")
def model_with_the_pieces_of_a_file(directory: Path) -> None:
    from_elsewhere("proto", "\n\x05secret")(directory)


@hostile("keras", says=("Tokenizer", "it is none"), load="model")
@changed
def model_with_a_backbone_as_tokenizer(config: dict[str, Any]) -> None:
    tokenizer_in(config).update(config["config"]["backbone"])


@hostile("keras", says=("Backbone", "it is none"), load="model")
@changed
def model_with_a_tokenizer_as_backbone(config: dict[str, Any]) -> None:
    config["config"]["backbone"] = tokenizer_in(config)


# Archives -----------------------------------------------------------------------------------------


@hostile("keras", says=("nested more than 64",), load="model")
def model_nested_deep(directory: Path) -> None:
    archived(directory, b'{"config":' * 500 + b"1" + b"}" * 500)


@hostile("keras", says=("compressed",), load="model")
def model_with_a_bomb(directory: Path) -> None:
    archived(directory, b" " * (256 * 2**20), zipfile.ZIP_DEFLATED)


@hostile("keras", says=("more than 33554432 bytes",), load="model")
def model_with_a_long_config(directory: Path) -> None:
    archived(directory, b" " * (33 * 2**20))


@hostile("keras", says=("4194304 are the most",), load="model")
def model_of_many_values(directory: Path) -> None:
    archived(directory, b"[" + b"[]," * (3 * 2**20) + b"1]")


@hostile("keras", says=("not a .keras file",), load="model")
def model_without_a_config(directory: Path) -> None:
    with zipfile.ZipFile(directory / MODEL, "w") as archive:
        archive.writestr("metadata.json", "{}")


@hostile("keras", says=("not a .keras file",), load="model")
def model_that_is_no_archive(directory: Path) -> None:
    (directory / MODEL).write_bytes(b"PK\3\4" + b"x" * 100)
