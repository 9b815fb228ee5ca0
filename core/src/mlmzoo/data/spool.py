"""Tokenised texts of any number: in memory while they are few, in a temporary file beyond that."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from mlmzoo.data.rows import TokenRows, offsets_of

IN_MEMORY = 16 * 2**20
"""Bytes of one column that are kept in memory before it goes to a file."""


def spool(chunks: Iterable[Any], rows_of: Callable[[Any], TokenRows]) -> TokenRows:
    """Tokenise texts chunk by chunk, keeping tokens and no text.

    A column of more than `IN_MEMORY` bytes goes to a file in the system's directory for temporary
    files (``TMPDIR``), 4 bytes a token, which is gone with the rows. Its pages are the system's
    to drop, so the data may be larger than memory.

    Args:
        chunks: Texts, some at a time.
        rows_of: Makes rows of a chunk.

    Returns:
        The rows of all chunks, one after the other.
    """
    ids, segments, words = _Column(np.int32), _Column(np.int8), _Column(np.bool_)
    lengths, weights = _Column(np.int32), _Column(np.float32)
    try:
        for chunk in chunks:
            rows = rows_of(chunk)
            ids.append(rows.ids)
            segments.append(rows.segments)
            lengths.append(np.diff(rows.offsets))
            if rows.words is not None:
                words.append(rows.words)
            if rows.weights is not None:
                weights.append(rows.weights)
    except BaseException:  # of a stream's own, perhaps
        for column in (ids, segments, words, lengths, weights):
            column.close()
        raise
    return TokenRows(
        ids.array(),
        _offsets(lengths.array()),
        segments.array(),
        weights.array() if weights.size else None,
        words.array() if words.size else None,
    )


class _Column:
    """A flat array that grows at its end."""

    def __init__(self, dtype: Any) -> None:
        self.dtype = np.dtype(dtype)
        self.size = 0
        self._parts: list[np.ndarray] = []
        self._file: Any = None

    def append(self, values: np.ndarray) -> None:
        self.size += len(values)
        if self._file is not None:
            self._write(values)
            return
        self._parts.append(np.asarray(values, self.dtype))
        if self.size * self.dtype.itemsize > IN_MEMORY:
            self._file = tempfile.TemporaryFile(prefix="mlmzoo-")
            for part in self._parts:
                self._write(part)
            self._parts = []

    def array(self) -> np.ndarray:
        """All values; read-only where they are in a file."""
        if self._file is None:
            return np.concatenate(self._parts) if self._parts else np.zeros(0, self.dtype)
        with self._file:  # what is mapped stays until nobody holds it
            self._file.flush()
            return np.memmap(self._file, self.dtype, mode="r", shape=(self.size,))

    def close(self) -> None:
        """Let go of the file, and of what is in it."""
        if self._file is not None:
            self._file.close()

    def _write(self, values: np.ndarray) -> None:
        self._file.write(np.ascontiguousarray(values, self.dtype).data)


def _offsets(lengths: np.ndarray) -> np.ndarray:
    """`offsets_of`, in a file where the lengths are in one."""
    if not isinstance(lengths, np.memmap):
        return offsets_of(lengths)
    column, last = _Column(np.int64), 0
    column.append(np.zeros(1, np.int64))
    for start in range(0, len(lengths), IN_MEMORY // 8):
        part = last + np.cumsum(lengths[start : start + IN_MEMORY // 8], dtype=np.int64)
        column.append(part)
        last = int(part[-1])
    return column.array()
