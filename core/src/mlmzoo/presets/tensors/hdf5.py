"""Keras weight files (HDF5), read in row blocks."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import ml_dtypes
import numpy as np

from mlmzoo.contract.errors import MlmzooError, PresetFormatError
from mlmzoo.presets.tensors import TensorFile, refuse_to_judge

OBJECTS = 20_000
"""Most groups and datasets in one file; a large model saved whole has half of that."""

DEPTH = 32
"""Deepest nesting of groups; Keras' own files have about ten levels."""

PATH_BYTES = 1000
"""Longest path of a group or dataset; Keras' own have about a hundred."""

KINDS = (h5py.h5t.FLOAT, h5py.h5t.INTEGER, h5py.h5t.ENUM, h5py.h5t.OPAQUE)
"""What Keras stores: numbers, bool (an enumeration), and bfloat16 (two opaque bytes)."""

LAYOUTS = (h5py.h5d.CONTIGUOUS, h5py.h5d.COMPACT)
"""How Keras stores them: in one piece, as they are."""


@dataclass(frozen=True)
class _Entry:
    dtype: np.dtype
    shape: tuple[int, ...]


class HDF5File(TensorFile):
    """One HDF5 file; tensors are its datasets, named by their path without a leading slash.

    A weights file speaks for itself only, and holds what it promises: links other than plain
    entries of a group, several names of one object, bytes in other files, chunks (compressed or
    not), types that are no numbers and datasets without all of their bytes are refused, none of
    which Keras writes.

    Args:
        path: The file.

    Raises:
        PresetFormatError: It is not a sound HDF5 file of this kind.
        OSError: This machine cannot read it now, whatever is in it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file = h5py.File(path, "r")
        except Exception as error:
            refuse_to_judge(path, error)
            raise self._unsound(f"and is none ({error})") from error
        try:
            self._entries = self._survey()
        # The library fails in many ways on a file that was tampered with.
        except Exception as error:
            self._file.close()
            if isinstance(error, MlmzooError):
                raise
            refuse_to_judge(path, error)
            raise self._unsound(f"and cannot be ({error!r:.200})") from error

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
        try:
            dataset = self._file[name]
            block = np.asarray(dataset[start:stop] if entry.shape else dataset[()])
        except Exception as error:
            refuse_to_judge(self.path, error)
            raise PresetFormatError(
                f"{self.path}: {name!r} cannot be read ({error!r:.200}). The file is damaged; "
                "fetch it again."
            ) from error
        return block.view(entry.dtype)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _unsound(self, what: str) -> PresetFormatError:
        return PresetFormatError(
            f"{self.path} was to be read as HDF5, {what}. "
            "The file is damaged or was not downloaded whole; fetch it again."
        )

    def _refuse(self, name: str, what: str) -> PresetFormatError:
        return PresetFormatError(
            f"{self.path} holds {name!r:.200}, which is {what}. Keras writes no such weights, and "
            "none are read; save the model again."
        )

    def _survey(self) -> dict[str, _Entry]:
        """Look at every object once, opening none that is not what it should be."""
        size = os.path.getsize(self.path)
        entries: dict[str, _Entry] = {}
        groups = [""]
        seen = {self._address(self._file.id)}
        named = 0
        promised = 0
        while groups:
            prefix = groups.pop()
            group = h5py.h5g.open(self._file.id, b"/" + prefix.encode())
            links = self._links(group, prefix, len(seen), size - named)
            named += sum(map(len, links))
            for link in links:
                name = link.decode() if not prefix else f"{prefix}/{link.decode()}"
                item = h5py.h5o.open(group, link)
                address = self._address(item)
                if address in seen:
                    raise self._refuse(name, "another name of something that has one")
                seen.add(address)
                if isinstance(item, h5py.h5g.GroupID):
                    if name.count("/") >= DEPTH:
                        raise self._refuse(name, f"a group more than {DEPTH} levels deep")
                    groups.append(name)
                elif isinstance(item, h5py.h5d.DatasetID):
                    entries[name], bytes_ = self._dataset(name, item, size)
                    promised += bytes_
                else:
                    raise self._refuse(name, "neither a group nor a dataset")
        if promised > size:
            raise self._unsound(f"and promises {promised} bytes of weights in {size}")
        return entries

    @staticmethod
    def _address(item: Any) -> Any:
        return h5py.h5o.get_info(item).addr

    def _links(self, group: Any, prefix: str, seen: int, left: int) -> list[bytes]:
        """Names in a group, of `left` bytes together at most: they can be stored compressed."""
        links: list[bytes] = []
        refusals: list[PresetFormatError] = []

        # The library stops when it is given a value, and does not pass on what is raised.
        def keep(link: bytes, info: Any) -> bool | None:
            nonlocal left
            left -= len(link)
            name = f"{prefix}/{link[:PATH_BYTES].decode(errors='replace')}"
            if info.type != h5py.h5l.TYPE_HARD:
                refusals.append(self._refuse(name, "a link to something elsewhere"))
            elif len(prefix) + len(link) >= PATH_BYTES:
                refusals.append(self._refuse(name, f"at a path longer than {PATH_BYTES} bytes"))
            elif seen + len(links) >= OBJECTS:
                refusals.append(self._unsound(f"and holds more than {OBJECTS} objects"))
            elif left < 0:
                refusals.append(self._unsound("and its names are longer than the file"))
            links.append(link)
            return bool(refusals) or None

        # In the order they are stored in; for any other the library first unpacks them all.
        group.links.iterate(keep, info=True, order=h5py.h5.ITER_NATIVE)
        if refusals:
            raise refusals[0]
        return links

    def _dataset(self, name: str, item: Any, size: int) -> tuple[_Entry, int]:
        """A dataset's shape and type, and the number of its bytes."""
        plan = item.get_create_plist()
        if plan.get_layout() not in LAYOUTS or plan.get_external_count():
            raise self._refuse(name, "kept in pieces, compressed or in another file")
        kind = item.get_type()
        if kind.get_class() not in KINDS:
            raise self._refuse(name, "no array of numbers")
        if item.get_space().get_simple_extent_type() == h5py.h5s.NULL:
            raise self._refuse(name, "an array of no shape")
        shape = tuple(int(length) for length in item.shape)
        bytes_ = math.prod(shape) * kind.get_size()
        offset = item.get_offset() if plan.get_layout() == h5py.h5d.CONTIGUOUS else 0
        if bytes_ != item.get_storage_size() or (bytes_ and (offset or 0) + bytes_ > size):
            raise self._refuse(
                name, f"of shape {shape}, {bytes_} bytes, of which the file holds fewer"
            )
        return _Entry(self._dtype(item), shape), bytes_

    def _dtype(self, item: Any) -> np.dtype:
        # Keras stores bfloat16, which HDF5 does not know, as two opaque bytes.
        if item.dtype.itemsize == 2 and h5py.h5a.exists(item, b"dtype"):
            attribute = h5py.h5a.open(item, b"dtype")
            if attribute.shape == () and attribute.get_type().get_class() == h5py.h5t.STRING:
                if h5py.Dataset(item).attrs["dtype"] in ("bfloat16", b"bfloat16"):
                    return np.dtype(ml_dtypes.bfloat16)
        return np.dtype(item.dtype)
