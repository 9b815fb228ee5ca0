"""PyTorch state dicts (``pytorch_model.bin``), through ``torch.load(weights_only=True)``."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np

from mlmzoo.contract.errors import PresetFormatError
from mlmzoo.presets.tensors import TensorFile, refuse_to_judge
from mlmzoo.presets.tensors.pickles import survey

SAFE_SINCE = (2, 6)
"""Before, ``weights_only=True`` could be made to run code (CVE-2025-32434)."""

MEMBERS = 50_000
"""Most members of the archive; a tensor is one."""

SHARING = 4
"""How often a file's bytes may be promised: tied matrices are stored once and named twice."""

PICKLES_BEFORE_1_6 = 5
"""A magic number, a version, the machine, the tensors, and the keys of their storages."""


class TorchFile(TensorFile):
    """One ``.bin`` file.

    Args:
        path: The file.

    Raises:
        PresetFormatError: PyTorch is not installed or too old to be safe, or it is not a plain
            state dict.
        OSError: This machine cannot read it now, whatever is in it.
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
        if tuple(int(part) for part in torch.__version__.split(".")[:2]) < SAFE_SINCE:
            raise PresetFormatError(
                f"{path} is a PyTorch file, and PyTorch {torch.__version__}, which is installed, "
                "can be made to run code by such a file (CVE-2025-32434). Run "
                "`pip install 'torch>=2.6'`, or use a preset that has model.safetensors."
            )
        try:
            # Mapped, so that the shards of a large checkpoint are not all in memory at once.
            # PyTorch before 1.6 wrote files that cannot be.
            mapped = self._is_sound_archive()
            loaded = torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
        # What a file that was tampered with makes of the readers can be any error at all.
        except Exception as error:
            refuse_to_judge(path, error)
            raise PresetFormatError(
                f"{path} was to be read as a PyTorch state dict, and is none: "
                f"{str(error).splitlines()[0][:300] if str(error) else type(error).__name__}. "
                "Save the weights again, best as model.safetensors."
            ) from error
        if not isinstance(loaded, dict):
            raise PresetFormatError(
                f"{path} was to hold a PyTorch state dict, and holds a {type(loaded).__name__}. "
                "Save `model.state_dict()`, best as model.safetensors."
            )
        self._tensors: dict[str, Any] = {
            name: value
            for name, value in loaded.items()
            if isinstance(name, str) and isinstance(value, torch.Tensor)
        }
        self._refuse_promises()

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

    def _is_sound_archive(self) -> bool:
        """Look at the file and its pickles before PyTorch does: is it an archive, or an old one?"""
        with open(self.path, "rb") as file:
            start = file.read(4)
            file.seek(0)
            if start == b"PK\3\4":
                _refuse_unsound_archive(file)
                return True
            if not start.startswith(b"\x80\2"):
                raise ValueError("it is neither an archive nor a pickle")
            *_, (storages, _), (_, keys) = (survey(file) for _ in range(PICKLES_BEFORE_1_6))
            # PyTorch takes memory as it finds it for a storage that is not among the keys.
            known = isinstance(keys, list) and all(type(key) is str for key in keys)
            if not known or sorted(keys) != sorted(storages):
                raise ValueError("its tensors are not those that are stored")
            return False

    def _refuse_promises(self) -> None:
        """Refuse tensors that are larger than the bytes they are stored in."""
        size = os.path.getsize(self.path)
        promised = 0
        for name, tensor in self._tensors.items():
            bytes_ = tensor.numel() * tensor.element_size()
            if bytes_ > min(tensor.untyped_storage().nbytes(), size):
                raise PresetFormatError(
                    f"{self.path} holds {name!r:.200} of shape {tuple(tensor.shape)}, which is "
                    "more than is stored of it. Save the weights again, best as model.safetensors."
                )
            promised += bytes_
        if promised > SHARING * size:
            raise PresetFormatError(
                f"{self.path} promises {promised} bytes of weights in {size}. "
                "Save the weights again, best as model.safetensors."
            )


def _refuse_unsound_archive(file: Any) -> None:
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        if len(members) > MEMBERS:
            raise ValueError(f"it has more than {MEMBERS} members")
        if any(member.compress_type != zipfile.ZIP_STORED for member in members):
            raise ValueError("it is compressed, which PyTorch never does")
        size = os.fstat(file.fileno()).st_size
        if (promised := sum(member.file_size for member in members)) > size:
            raise ValueError(f"it promises {promised} bytes in {size}")
        # PyTorch finds members whatever their case, in the directory of the first.
        sizes = {member.filename.lower(): member.file_size for member in members}
        if len(sizes) < len(members):
            raise ValueError("it has two members of one name")
        pickles = [member for member in members if member.filename.lower().endswith(".pkl")]
        if len(pickles) != 1:
            raise ValueError(f"it has {len(pickles)} pickles, and a state dict has one")
        with archive.open(pickles[0]) as stream:
            storages, _ = survey(stream)
        directory = members[0].filename.split("/")[0]
        for key, bytes_ in storages.items():
            # PyTorch reads on behind a member that is too short.
            if (found := sizes.get(f"{directory}/data/{key}".lower(), 0)) < bytes_:
                raise ValueError(f"it promises {bytes_} bytes of {key!r:.100}, and holds {found}")
