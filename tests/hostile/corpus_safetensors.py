"""Safetensors files whose headers lie."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from corpus import hostile

from mlmzoo.contract.errors import WeightsError

WEIGHTS = "model.safetensors"
TOKENS = "toy.tokens.weight"


def parts(directory: Path) -> tuple[dict[str, Any], bytes]:
    """Header and data of the good file."""
    content = (directory / WEIGHTS).read_bytes()
    length = int.from_bytes(content[:8], "little")
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def raw(directory: Path, header: bytes, data: bytes, length: int | None = None) -> None:
    length = len(header) if length is None else length
    (directory / WEIGHTS).write_bytes(length.to_bytes(8, "little") + header + data)


def changed(change: Callable[[dict[str, Any]], Any]) -> Callable[[Path], None]:
    """From a change to a header, or a new one, to one to a directory."""

    def write(directory: Path) -> None:
        header, data = parts(directory)
        new = change(header)
        raw(directory, json.dumps(header if new is None else new).encode(), data)

    write.__name__ = change.__name__
    return write


def tokens(**entries: Any) -> Callable[[dict[str, Any]], None]:
    return lambda header: header[TOKENS].update(entries)


# Holes --------------------------------------------------------------------------------------------


@hostile("transformers", says=("memory",))
def weights_that_are_a_hole(directory: Path) -> None:
    """A file of 256 GiB that takes a few kilobytes on disk."""
    rows, width, at = 2**31 - 1, 32, 0
    config = json.loads((directory / "config.json").read_text("utf-8"))
    config |= {"vocab_size": rows, "hidden_size": width}
    (directory / "config.json").write_text(json.dumps(config), "utf-8")
    header, _ = parts(directory)
    header.pop("__metadata__", None)
    before = json.loads(json.dumps(header[TOKENS]["shape"]))
    sizes = {before[0]: rows, before[1]: width}
    for entry in header.values():
        shape = [sizes.get(size, size) for size in entry["shape"]]
        size = 4 * math.prod(shape)
        entry.update(dtype="F32", shape=shape, data_offsets=[at, at + size])
        at += size
    raw(directory, json.dumps(header).encode(), b"")
    os.truncate(directory / WEIGHTS, (directory / WEIGHTS).stat().st_size + at)


# Lengths ------------------------------------------------------------------------------------------

for name, length in {"nothing": 0, "exabytes": 2**63, "a_byte_too_much": -1}.items():

    def wrong_length(directory: Path, length: int = length) -> None:
        header, data = parts(directory)
        size = 8 + len(json.dumps(header)) + len(data)
        told = length if length >= 0 else size - 7
        raw(directory, json.dumps(header).encode(), data, told)

    wrong_length.__name__ = f"header_of_{name}"
    hostile("transformers", says=("its header of",))(wrong_length)


@hostile("transformers", says=("is longer than 2097152",))
def header_of_many_megabytes(directory: Path) -> None:
    raw(directory, b'{"a": "' + b" " * 20_000_000 + b'"}', b"")


@hostile("transformers", says=("is malformed",))
def header_that_unfolds(directory: Path) -> None:
    raw(directory, b"{" + b",".join(b'"%d":{}' % n for n in range(150_000)) + b"}", b"")


@hostile("transformers", says=("nested more than 64",))
def header_nested_deep(directory: Path) -> None:
    raw(directory, b'{"a":' * 100 + b"1" + b"}" * 100, b"")


@hostile("transformers", says=("its header of 0 bytes",))
def safetensors_of_no_bytes(directory: Path) -> None:
    (directory / WEIGHTS).write_bytes(b"")


@hostile("transformers", says=("was to be JSON",))
def header_of_noise(directory: Path) -> None:
    raw(directory, bytes(range(256)), b"")


@hostile("transformers", says=("not a table of tensors",))
@changed
def header_that_is_a_list(header: dict[str, Any]) -> Any:
    return list(header)


@hostile("transformers", says=("'__metadata__'",))
@changed
def metadata_that_is_a_table(header: dict[str, Any]) -> None:
    header["__metadata__"] = {"format": {"pt": 1}}


# Names --------------------------------------------------------------------------------------------


@hostile("transformers", says=(f"'{TOKENS}' stands twice",))
def tensor_named_twice(directory: Path) -> None:
    header, data = parts(directory)
    again = json.dumps({TOKENS: header["head.weight"]})[1:-1]
    raw(directory, f"{json.dumps(header)[:-1]}, {again}}}".encode(), data)


# Places -------------------------------------------------------------------------------------------


@hostile("transformers", says=("share their bytes",))
@changed
def tensors_that_overlap(header: dict[str, Any]) -> None:
    header["more"] = dict(header[TOKENS])


@hostile("transformers", says=("a gap",))
def bytes_between_tensors(directory: Path) -> None:
    header, data = parts(directory)
    for entry in header.values():
        if "data_offsets" in entry:
            entry["data_offsets"] = [at + 8 for at in entry["data_offsets"]]
    raw(directory, json.dumps(header).encode(), b"\0" * 8 + data)


@hostile("transformers", says=("its tensors end at byte",))
def bytes_behind_the_tensors(directory: Path) -> None:
    header, data = parts(directory)
    raw(directory, json.dumps(header).encode(), data + b"PK\3\4")


@hostile("transformers", says=("its tensors end at byte",))
def data_that_is_cut_short(directory: Path) -> None:
    header, data = parts(directory)
    raw(directory, json.dumps(header).encode(), data[:-4])


for name, change in {
    "offsets_before_the_file": tokens(data_offsets=[-64, 0]),
    "offsets_backwards": tokens(data_offsets=[64, 0]),
    "offsets_that_are_texts": tokens(data_offsets=["0", "64"]),
    "offsets_that_are_three": tokens(data_offsets=[0, 1, 2]),
    "offsets_of_exabytes": tokens(data_offsets=[2**63, 2**63 + 64]),
    "shape_of_terabytes": tokens(shape=[2**20, 2**20]),
    "shape_beyond_64_bits": tokens(shape=[2**40, 2**40]),
    "shape_that_wraps_around": tokens(shape=[2**32, 2**32, 16]),
    "shape_below_zero": tokens(shape=[-4, -16]),
    "shape_of_fractions": tokens(shape=[4.0, 16.0]),
    "shape_of_truth": tokens(shape=[True, 16]),
    "shape_that_is_a_number": tokens(shape=64),
    "dtype_that_is_a_list": tokens(dtype=["F32"]),
    "dtype_of_another_size": tokens(dtype="F64"),
    "dtype_nobody_knows": tokens(dtype="F4"),
    "entry_without_a_dtype": lambda header: header[TOKENS].pop("dtype") and None,
    "entry_that_is_a_number": lambda header: header.update({TOKENS: 3}),
}.items():
    change.__name__ = name
    says = (TOKENS, "Supported are") if name == "dtype_nobody_knows" else (TOKENS,)
    hostile("transformers", says=says)(changed(change))


@hostile("transformers", says=(TOKENS, "is malformed"))
@changed
def shape_of_many_dimensions(header: dict[str, Any]) -> None:
    header[TOKENS]["shape"] = [1] * 100 + header[TOKENS]["shape"]


# What the architecture does not ask for -----------------------------------------------------------


@hostile("transformers", WeightsError, says=("is missing",))
@changed
def no_tensor_at_all(header: dict[str, Any]) -> Any:
    size = max(entry["data_offsets"][1] for entry in header.values() if "data_offsets" in entry)
    return {"x": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}


@hostile("transformers", WeightsError, says=("stored as int32",))
@changed
def whole_numbers_in_safetensors(header: dict[str, Any]) -> None:
    header[TOKENS]["dtype"] = "I32"


@hostile("transformers", WeightsError, says=("has shape",))
@changed
def another_shape_of_the_same_size(header: dict[str, Any]) -> None:
    header[TOKENS]["shape"] = header[TOKENS]["shape"][::-1]


@hostile("transformers", WeightsError, says=("head.weight", "has shape"))
@changed
def head_of_another_shape(header: dict[str, Any]) -> None:
    rows, columns = header["head.weight"]["shape"]
    header["head.weight"]["shape"] = [rows * columns]


@hostile("transformers", WeightsError, says=("has shape ()",), family="bert")
def numbers_as_embedding_and_decoder(directory: Path) -> None:
    """The two are compared with one another before their shapes are with the config."""
    header, data = parts(directory)
    words = next(name for name in header if name.endswith("word_embeddings.weight"))
    size = max(entry["data_offsets"][1] for entry in header.values() if "data_offsets" in entry)
    header["rest"] = dict(header[words])
    for name in (words, "cls.predictions.decoder.weight"):
        header[name] = {"dtype": "F32", "shape": [], "data_offsets": [size, size + 4]}
        size += 4
    raw(directory, json.dumps(header).encode(), data + bytes(8))


@hostile("transformers", error=None, says=("NaN or infinite values in token_embedding",))
def weights_that_are_no_numbers(directory: Path) -> None:
    header, data = parts(directory)
    raw(directory, json.dumps(header).encode(), b"\xff" * len(data))
