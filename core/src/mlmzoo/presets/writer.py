"""Files of a preset directory: JSON, HDF5 and safetensors, written by our own code, without Keras.

Keras' own serializer imports TensorFlow where it is installed, whatever the backend.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import ml_dtypes
import numpy as np

from mlmzoo.contract.errors import PresetFormatError, WeightsError

DTYPES: dict[str, tuple[np.dtype, str]] = {
    "float32": (np.dtype("<f4"), "F32"),
    "float16": (np.dtype("<f2"), "F16"),
    "bfloat16": (np.dtype(ml_dtypes.bfloat16), "BF16"),
}
"""Stored dtype -> numpy's dtype and safetensors' name for it."""


@dataclass(frozen=True)
class Entry:
    """One tensor to be written.

    Args:
        name: Its name in the file.
        shape: Its shape in the file.
        value: Called once, when it is written.
    """

    name: str
    shape: tuple[int, ...]
    value: Callable[[], np.ndarray]


@contextlib.contextmanager
def staged(directory: Path, stale: Iterable[str] = ()) -> Iterator[Path]:
    """A temporary directory whose files move into `directory` when the block ends without error.

    So a failure while writing leaves an older preset in that place as it was.

    Args:
        directory: Where to; made if it is not there.
        stale: Files to remove there unless they were written anew.
    """
    directory.mkdir(parents=True, exist_ok=True)
    # Inside the directory: moving must not cross file systems.
    staging = Path(tempfile.mkdtemp(prefix=".mlmzoo-", dir=directory))
    try:
        yield staging
        written = sorted(path for path in staging.rglob("*") if path.is_file())
        for path in written:
            target = directory / path.relative_to(staging)
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(path, target)
        for name in set(stale) - {path.relative_to(staging).as_posix() for path in written}:
            (directory / name).unlink(missing_ok=True)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write a JSON object; numpy scalars become numbers."""
    text = json.dumps(value, indent=4, ensure_ascii=False, allow_nan=False, default=_plain)
    path.write_text(text + "\n", encoding="utf-8")


def write_hdf5(
    path: Path,
    entries: Iterable[Entry],
    dtype: str = "float32",
    scalars: Mapping[str, np.generic] | None = None,
) -> None:
    """Write a Keras weights file.

    Args:
        path: The file.
        entries: Its tensors.
        dtype: What to store them as.
        scalars: Further datasets, stored as they are.
    """
    with h5py.File(path, "w") as file:
        for entry in entries:
            value = _cast(entry, dtype)
            if dtype == "bfloat16":
                # HDF5 has no such type; Keras stores opaque bytes and says so beside them.
                file.create_dataset(entry.name, data=value.view("V2")).attrs["dtype"] = dtype
            else:
                file.create_dataset(entry.name, data=value)
        for name, scalar in (scalars or {}).items():
            file.create_dataset(name, data=scalar)


def write_safetensors(path: Path, entries: Iterable[Entry], dtype: str = "float32") -> None:
    """Write a safetensors file, one tensor in memory at a time.

    Args:
        path: The file.
        entries: Its tensors.
        dtype: What to store them as.
    """
    entries = list(entries)
    kind, label = _dtype(dtype)
    # transformers asks for this entry before it reads a file.
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    end = 0
    for entry in entries:
        begin, end = end, end + int(np.prod(entry.shape, dtype=np.int64)) * kind.itemsize
        shape = list(entry.shape)
        header[entry.name] = {"dtype": label, "shape": shape, "data_offsets": [begin, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # the data begins at a multiple of 8
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little"))
        file.write(text)
        for entry in entries:
            file.write(_cast(entry, dtype).reshape(-1).view(np.uint8).data)


def _dtype(dtype: str) -> tuple[np.dtype, str]:
    if dtype not in DTYPES:
        raise PresetFormatError(
            f"Weights were to be stored as {dtype!r}. Supported are {', '.join(map(repr, DTYPES))}."
        )
    return DTYPES[dtype]


def _cast(entry: Entry, dtype: str) -> np.ndarray:
    value = entry.value()
    if value.shape != entry.shape:
        raise WeightsError(
            f"{entry.name} was to be written with shape {entry.shape}, and its value has shape "
            f"{value.shape}. The model and the request to write it do not belong together."
        )
    with np.errstate(over="ignore"):
        cast = np.ascontiguousarray(value, dtype=_dtype(dtype)[0]).reshape(value.shape)
    if dtype == "float16" and np.isinf(cast).any() and np.isfinite(value).all():
        raise WeightsError(
            f"{entry.name} holds {np.abs(value).max():g}, beyond what float16 can store (65504). "
            "Store it as 'bfloat16' or 'float32'."
        )
    return cast


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{value!r} cannot be written as JSON")
