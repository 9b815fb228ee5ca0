"""Safetensors files, read in row blocks (https://huggingface.co/docs/safetensors)."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np

from mlmzoo.contract.errors import PresetFormatError
from mlmzoo.presets.json_files import parse_json
from mlmzoo.presets.tensors import TensorFile

DTYPES: dict[str, np.dtype] = {
    "C64": np.dtype("<c8"),  # never a weight, but such buffers lie beside some
    "F64": np.dtype("<f8"),
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "BF16": np.dtype(ml_dtypes.bfloat16),
    "I64": np.dtype("<i8"),
    "I32": np.dtype("<i4"),
    "I16": np.dtype("<i2"),
    "I8": np.dtype("i1"),
    "U64": np.dtype("<u8"),
    "U32": np.dtype("<u4"),
    "U16": np.dtype("<u2"),
    "U8": np.dtype("u1"),
    "BOOL": np.dtype("bool"),
}

HEADER_BYTES = 2 * 2**20
"""Longest header: twenty thousand tensors, where a large model has one thousand."""

RANK = 32
"""Most dimensions of a tensor."""


@dataclass(frozen=True)
class _Entry:
    dtype: np.dtype
    shape: tuple[int, ...]
    offset: int
    size: int


class SafetensorsFile(TensorFile):
    """One safetensors file.

    Args:
        path: The file.

    Raises:
        PresetFormatError: It is not a sound safetensors file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        # Unbuffered: blocks are large, and a buffer would only be copied through.
        self._file = open(path, "rb", buffering=0)
        try:
            self._entries = self._read_header()
        except BaseException:
            self._file.close()
            raise

    def names(self) -> set[str]:
        """Every tensor's name."""
        return set(self._entries)

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of a tensor."""
        return self._entries[name].shape

    def dtype(self, name: str) -> np.dtype:
        """Stored dtype."""
        return self._entries[name].dtype

    def read(self, name: str, start: int = 0, stop: int | None = None) -> np.ndarray:
        """Rows ``start:stop`` of axis 0, everything for a scalar."""
        entry = self._entries[name]
        shape, offset = entry.shape, entry.offset
        if shape:
            start, stop, _ = slice(start, stop).indices(shape[0])
            offset += start * math.prod(shape[1:]) * entry.dtype.itemsize
            shape = (max(stop - start, 0), *shape[1:])
        block = np.empty(shape, entry.dtype)
        view = block.reshape(-1).view(np.uint8).data
        self._file.seek(offset)
        done = 0
        while done < len(view):
            count = self._file.readinto(view[done:])
            if not count:
                raise self._unsound(f"it ends in the middle of {name!r}")
            done += count
        return block

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _unsound(self, what: str) -> PresetFormatError:
        return PresetFormatError(
            f"{self.path} was to be read as safetensors, and {what}. "
            "The file is damaged or was not downloaded whole; fetch it again."
        )

    def _read_header(self) -> dict[str, _Entry]:
        size = os.fstat(self._file.fileno()).st_size
        length = int.from_bytes(self._file.read(8), "little")
        if size < 8 or not 2 <= length <= min(HEADER_BYTES, size - 8):
            raise self._unsound(
                f"its header of {length} bytes does not fit its {size} bytes, or is longer than "
                f"{HEADER_BYTES}"
            )
        header = parse_json(self._file.read(length), f"The header of {self.path}")
        if not isinstance(header, dict):
            raise self._unsound("its header is not a table of tensors")
        about = header.pop("__metadata__", {})
        if not isinstance(about, dict) or not all(type(text) is str for text in about.values()):
            raise self._unsound("its '__metadata__' is not a table of texts")
        entries = {name: self._entry(name, value, 8 + length) for name, value in header.items()}
        # As in the reference implementation: tensor after tensor, to the end of the file.
        end = 8 + length
        for name, entry in sorted(entries.items(), key=lambda e: (e[1].offset, e[1].size)):
            if entry.offset != end:
                raise self._unsound(
                    f"{name!r:.200} begins at byte {entry.offset} where byte {end} is next: there "
                    "is a gap, or two tensors share their bytes"
                )
            end += entry.size
        if end != size:
            raise self._unsound(f"its tensors end at byte {end} of {size}")
        return entries

    def _entry(self, name: str, value: Any, data: int) -> _Entry:
        try:
            dtype, shape = value["dtype"], tuple(value["shape"])
            begin, end = value["data_offsets"]
            whole = all(type(n) is int and n >= 0 for n in (*shape, begin, end))
        except (KeyError, TypeError, ValueError) as error:
            raise self._unsound(f"its entry of {name!r:.200} is malformed") from error
        if not whole or not isinstance(dtype, str) or len(shape) > RANK:
            raise self._unsound(f"its entry of {name!r:.200} is malformed")
        if dtype not in DTYPES:
            raise PresetFormatError(
                f"{self.path} holds {name!r:.200} as {dtype!r:.40}. Supported are "
                f"{', '.join(DTYPES)}; convert the checkpoint to one of them."
            )
        wanted = math.prod(shape) * DTYPES[dtype].itemsize
        if end - begin != wanted:
            raise self._unsound(
                f"{name!r:.200} of shape {shape} and {dtype} is said to lie at bytes {begin} to "
                f"{end}"
            )
        return _Entry(DTYPES[dtype], shape, data + begin, wanted)
