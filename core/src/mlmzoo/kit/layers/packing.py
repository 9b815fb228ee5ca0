"""Several texts in one row, told apart by the padding mask.

The padding mask of a row holds 0 for padding and, for every other token, the number of its text in
the row: 1, 2, 3, … A row of one text has the usual mask of ones and zeros.
"""

from __future__ import annotations

from typing import Any

from keras import ops


def visible_tokens(padding_mask: Any) -> Any:
    """Which tokens a token may attend to: those of its own text.

    Padding sees every text, so that no row of attention weights is empty.

    Args:
        padding_mask: Integers ``(B, L)``, as described above.

    Returns:
        Booleans ``(B, 1, L, L)``, of queries and keys, to be broadcast over heads.
    """
    queries, keys = padding_mask[:, None, :, None], padding_mask[:, None, None, :]
    same_text = ops.logical_or(ops.equal(queries, keys), ops.equal(queries, 0))
    return ops.logical_and(same_text, ops.not_equal(keys, 0))


def positions_in_text(padding_mask: Any) -> Any:
    """How far each token stands from the start of its text.

    The first text starts where the row does, padding to the left of it included.

    Args:
        padding_mask: Integers ``(B, L)``, as described above; a text's tokens lie side by side.

    Returns:
        Integers ``(B, L)``.
    """
    index = ops.arange(ops.shape(padding_mask)[1], dtype="int32")
    same_text = ops.equal(padding_mask[:, :, None], padding_mask[:, None, :])
    start = ops.min(ops.where(same_text, index, ops.shape(padding_mask)[1]), axis=-1)
    return index - ops.where(ops.greater(padding_mask, 1), start, 0)
