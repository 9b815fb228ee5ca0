"""Each token of a text masked in turn: a row for each."""

from __future__ import annotations

import numpy as np

from mlmzoo.data.masking import Masks
from mlmzoo.data.rows import TokenRows, offsets_of, places


def masked_in_turn(
    rows: TokenRows, chosen: np.ndarray, mask_id: int, words: np.ndarray | None = None
) -> tuple[TokenRows, Masks]:
    """A copy of a row for each chosen token in it, with that token masked.

    Args:
        rows: The texts, ``T`` tokens in all.
        chosen: bool of shape ``(T,)``: the tokens to mask, ``K`` of them.
        mask_id: Id of the mask token.
        words: bool of shape ``(T,)``, whether a word begins at each token; with it the tokens
            of the same word that follow are masked, too, and not to be predicted.

    Returns:
        ``K`` rows, in the order of the chosen tokens, and the one mask in each.
    """
    at = np.flatnonzero(chosen)
    row = np.searchsorted(rows.offsets, at, "right") - 1
    copies = rows.take(row)
    positions = copies.offsets[:-1] + at - rows.offsets[row]
    if words is not None:
        word = np.cumsum(words)
        source = np.repeat(rows.offsets[row], copies.lengths) + places(copies.offsets)
        later = source > np.repeat(at, copies.lengths)
        # The copies are ours to write to.
        copies.ids[later & (word[source] == np.repeat(word[at], copies.lengths))] = mask_id
    return copies, Masks(
        positions,
        rows.ids[at],
        np.full(len(at), mask_id, np.int32),
        offsets_of(np.ones(len(at), np.int64)),
    )


def as_they_stand(rows: TokenRows, chosen: np.ndarray) -> Masks:
    """The chosen tokens as masks that hide nothing: each is predicted where it is seen.

    Args:
        rows: The texts, ``T`` tokens in all.
        chosen: bool of shape ``(T,)``.
    """
    positions = np.flatnonzero(chosen)
    ids = rows.ids[positions]
    return Masks(positions, ids, ids, offsets_of(chosen)[rows.offsets])
