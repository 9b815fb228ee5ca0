"""PyTorch state dicts (``pytorch_model.bin``), through ``torch.load(weights_only=True)``."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np

from mlmzoo.contract.errors import PresetFormatError
from mlmzoo.presets.tensors import TensorFile


class TorchFile(TensorFile):
    """One ``.bin`` file.

    Args:
        path: The file.

    Raises:
        PresetFormatError: PyTorch is not installed, or it is not a plain state dict.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            import torch
        except ImportError as error:
            raise PresetFormatError(
                f"{path} is a PyTorch file, and reading it needs PyTorch, which is not installed. "
                "Run `pip install torch`, or use a preset that has model.safetensors."
            ) from error
        try:
            loaded = self._load(torch)
        except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as error:
            raise PresetFormatError(
                f"{path} was to be read as a PyTorch state dict, and is none: "
                f"{str(error).splitlines()[0] if str(error) else type(error).__name__}. "
                "Save the weights again, best as model.safetensors."
            ) from error
        if not isinstance(loaded, dict):
            raise PresetFormatError(
                f"{path} was to hold a PyTorch state dict, and holds a {type(loaded).__name__}. "
                "Save `model.state_dict()`, best as model.safetensors."
            )
        self._tensors: dict[str, Any] = {
            name: value for name, value in loaded.items() if isinstance(value, torch.Tensor)
        }

    def names(self) -> set[str]:
        """Every tensor's name."""
        return set(self._tensors)

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of a tensor."""
        return tuple(self._tensors[name].shape)

    def dtype(self, name: str) -> np.dtype:
        """Stored dtype."""
        kind = str(self._tensors[name].dtype).removeprefix("torch.")
        try:
            return np.dtype(ml_dtypes.bfloat16 if kind == "bfloat16" else kind)
        except TypeError as error:
            raise PresetFormatError(
                f"{self.path} holds {name!r} as {kind}. Convert the checkpoint to float32."
            ) from error

    def read(self, name: str, start: int = 0, stop: int | None = None) -> np.ndarray:
        """Rows ``start:stop`` of axis 0, everything for a scalar."""
        import torch

        tensor = self._tensors[name].detach()
        # A copy: the file is mapped, and a variable that took over its memory (JAX) would change
        # when the file does.
        block = (tensor[start:stop] if tensor.ndim else tensor).clone(
            memory_format=torch.contiguous_format
        )
        if block.dtype == torch.bfloat16:
            return np.asarray(block.view(torch.int16).numpy()).view(ml_dtypes.bfloat16)
        return np.asarray(block.numpy())

    def close(self) -> None:
        """Let go of the tensors."""
        self._tensors.clear()

    def _load(self, torch: Any) -> Any:
        def load(mmap: bool) -> Any:
            return torch.load(self.path, map_location="cpu", weights_only=True, mmap=mmap)

        # Mapped, so that the shards of a large checkpoint are not all in memory at once. PyTorch
        # before 1.6 wrote files that cannot be.
        try:
            return load(mmap=True)
        except RuntimeError as error:
            if "mmap" not in str(error):
                raise
            return load(mmap=False)
