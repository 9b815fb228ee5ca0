"""What a pickle would do, found out without doing it."""

from __future__ import annotations

import pickletools
from typing import IO

PICKLE_BYTES = 2**20
"""Longest pickle of a state dict: the names and shapes of ten thousand tensors, no values. Each
byte can become an object."""

_STORAGES = "BFloat16 Bool Byte Char ComplexFloat Double Float Half Int Long Short".split()

ALLOWED = frozenset(
    {
        "collections OrderedDict",
        "torch Size",
        "torch.nn.parameter Parameter",
        "torch._utils _rebuild_parameter",
        "torch._utils _rebuild_tensor",
        "torch._utils _rebuild_tensor_v2",
        *(f"torch {kind}Storage" for kind in _STORAGES),
    }
)
"""What a state dict of plain tensors is made of: a part of what PyTorch itself would let pass."""

IMPORTING = frozenset({"GLOBAL", "STACK_GLOBAL", "INST", "EXT1", "EXT2", "EXT4"})


def refuse_more_than_tensors(file: IO[bytes]) -> None:
    """Read one pickle from a file and leave the file at its end.

    Raises:
        ValueError: It is longer than `PICKLE_BYTES`, broken, or names something beside plain
            tensors.
    """
    bounded = _Bounded(file)
    for opcode, argument, _ in pickletools.genops(bounded):  # type: ignore[arg-type]
        if opcode.name in IMPORTING and argument not in ALLOWED:
            raise ValueError(f"it asks for {str(argument or opcode.name).replace(' ', '.')!r:.100}")


class _Bounded:
    """A file of which only so much is read."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._left = PICKLE_BYTES

    def read(self, size: int) -> bytes:
        return self._take(self._file.read(min(size, self._left + 1)))

    def readline(self) -> bytes:
        return self._take(self._file.readline(self._left + 1))

    def _take(self, found: bytes) -> bytes:
        self._left -= len(found)
        if self._left < 0:
            raise ValueError(f"its pickle is longer than {PICKLE_BYTES} bytes")
        return found
