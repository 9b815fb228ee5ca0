"""What tells one set of tokenised texts from another."""

from __future__ import annotations

import hashlib

import numpy as np

from mlmzoo.data.rows import TokenRows

PIECE = 2**22
"""Items hashed at a time, so that of a column in a file only so much is in memory."""


def digest(rows: TokenRows) -> str:
    """SHA-256 over all that is known of the texts: tokens, where each begins, and weights."""
    found = hashlib.sha256()
    for column in (rows.ids, rows.offsets, rows.segments, rows.weights, rows.words):
        if column is None:
            found.update(b"none")
            continue
        found.update(f"{column.dtype.str} {column.shape}".encode())
        for start in range(0, len(column), PIECE):
            found.update(np.ascontiguousarray(column[start : start + PIECE]).data)
    return found.hexdigest()
