"""Files of a preset directory: JSON, HDF5 and safetensors, written by our own code, without Keras.

Keras' own serializer imports TensorFlow where it is installed, whatever the backend.
"""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import ml_dtypes
import numpy as np

from mlmzoo.contract.errors import PresetFormatError, WeightsError
from mlmzoo.presets.tensors.safetensors import DTYPES as READ

DTYPES: dict[str, tuple[np.dtype, str]] = {
    "float32": (np.dtype("<f4"), "F32"),
    "float16": (np.dtype("<f2"), "F16"),
    "bfloat16": (np.dtype(ml_dtypes.bfloat16), "BF16"),
}
"""Stored dtype of weights -> numpy's dtype and safetensors' name for it."""

_ALL = {str(dtype): (dtype, label) for label, dtype in READ.items()}
"""The same of whatever else a file may hold."""


@dataclass(frozen=True)
class Entry:
    """One tensor to be written.

    Args:
        name: Its name in the file.
        shape: Its shape in the file.
        value: Called once, when it is written.
        dtype: What to store it as, in safetensors, if not what the rest of the file is stored as:
            any dtype that is read.
    """

    name: str
    shape: tuple[int, ...]
    value: Callable[[], np.ndarray]
    dtype: str | None = None


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write a JSON object; numpy scalars become numbers."""
    text = json.dumps(value, indent=4, ensure_ascii=False, allow_nan=False, default=_plain)
    path.write_text(text + "\n", encoding="utf-8", newline="\n")


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

    Raises:
        OSError: It cannot be written, for instance because the disk is full.
    """
    entries = list(entries)
    _require_space(path, sum(_size(entry, dtype) for entry in entries), len(entries))
    try:
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
    except RuntimeError as error:
        found = re.search(r"errno = (\d+)", str(error))
        if found is None:
            raise
        raise OSError(int(found[1]), os.strerror(int(found[1])), str(path)) from error


def write_safetensors(path: Path, entries: Iterable[Entry], dtype: str = "float32") -> None:
    """Write a safetensors file, one tensor in memory at a time.

    Args:
        path: The file.
        entries: Its tensors.
        dtype: What to store those as that do not say it themselves.
    """
    entries = list(entries)
    # transformers asks for this entry before it reads a file.
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    end = 0
    for entry in entries:
        begin, end = end, end + _size(entry, dtype)
        shape = list(entry.shape)
        label = _dtype(entry, dtype)[1]
        header[entry.name] = {"dtype": label, "shape": shape, "data_offsets": [begin, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # the data begins at a multiple of 8
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little"))
        file.write(text)
        for entry in entries:
            file.write(_cast(entry, dtype).reshape(-1).view(np.uint8).data)


def _require_space(path: Path, size: int, tensors: int) -> None:
    """Fail before HDF5 does: where the disk fills up, it cannot even close its file."""
    disk = shutil.disk_usage(path.parent)
    # About what HDF5 needs to tell where a tensor is. A total of 0: a file system that cannot tell.
    if disk.total and disk.free < size + 4096 * tensors:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))


def _size(entry: Entry, dtype: str) -> int:
    return int(np.prod(entry.shape, dtype=np.int64)) * _dtype(entry, dtype)[0].itemsize


def _dtype(entry: Entry, dtype: str) -> tuple[np.dtype, str]:
    asked, table = (dtype, DTYPES) if entry.dtype is None else (entry.dtype, _ALL)
    if asked not in table:
        raise PresetFormatError(
            f"{entry.name} was to be stored as {asked!r}. Supported are "
            f"{', '.join(map(repr, table))}."
        )
    return table[asked]


def _cast(entry: Entry, dtype: str) -> np.ndarray:
    value = entry.value()
    if value.shape != entry.shape:
        raise WeightsError(
            f"{entry.name} was to be written with shape {entry.shape}, and its value has shape "
            f"{value.shape}. The model and the request to write it do not belong together."
        )
    with np.errstate(over="ignore"):
        cast = np.ascontiguousarray(value, dtype=_dtype(entry, dtype)[0]).reshape(value.shape)
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
