"""Keras weight files (HDF5), read in row blocks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import ml_dtypes
import numpy as np

from mlmzoo.contract.errors import PresetFormatError
from mlmzoo.presets.tensors import TensorFile


class HDF5File(TensorFile):
    """One HDF5 file; tensors are its datasets, named by their path without a leading slash.

    Soft and external links are not followed, and datasets whose bytes lie in other files are
    refused: a weights file speaks for itself only.

    Args:
        path: The file.

    Raises:
        PresetFormatError: It is not a sound HDF5 file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file = h5py.File(path, "r")
        except OSError as error:
            raise PresetFormatError(
                f"{path} was to be read as HDF5, and is none ({error}). "
                "The file is damaged or was not downloaded whole; fetch it again."
            ) from error
        self._datasets: dict[str, h5py.Dataset] = {}
        try:
            self._file.visititems(self._keep)
        except BaseException:
            self._file.close()
            raise

    def names(self) -> set[str]:
        """Every tensor's name."""
        return set(self._datasets)

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of a tensor."""
        return tuple(self._datasets[name].shape)

    def dtype(self, name: str) -> np.dtype:
        """Stored dtype."""
        dataset = self._datasets[name]
        # Keras stores bfloat16, which HDF5 does not know, as two opaque bytes.
        if dataset.dtype.itemsize == 2 and dataset.attrs.get("dtype") in ("bfloat16", b"bfloat16"):
            return np.dtype(ml_dtypes.bfloat16)
        return np.dtype(dataset.dtype)

    def read(self, name: str, start: int = 0, stop: int | None = None) -> np.ndarray:
        """Rows ``start:stop`` of axis 0, everything for a scalar."""
        dataset = self._datasets[name]
        try:
            block = np.asarray(dataset[start:stop] if dataset.shape else dataset[()])
        except OSError as error:
            raise PresetFormatError(
                f"{self.path}: {name!r} cannot be read ({error}). The file is damaged; "
                "fetch it again."
            ) from error
        return block.view(self.dtype(name))

    def close(self) -> None:
        """Close the file."""
        self._datasets.clear()
        self._file.close()

    def _keep(self, name: str, item: Any) -> None:
        if not isinstance(item, h5py.Dataset):
            return
        if item.shape is None or item.is_virtual or item.external:
            raise PresetFormatError(
                f"{self.path}: {name!r} keeps its bytes in another file, or nowhere. "
                "Weights must be in the file itself; save the model again."
            )
        self._datasets[name] = item
