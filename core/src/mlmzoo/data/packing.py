"""Several texts in one row: which ones, so that few gaps are left."""

from __future__ import annotations

import numpy as np

from mlmzoo.data.batching import Arrangement, check_batch_size, index_type, plan


def packed(
    lengths: np.ndarray,
    length: int,
    batch_size: int,
    rng: np.random.Generator | None = None,
) -> Arrangement:
    """Put several texts into one row, with few gaps, and rows into batches.

    Texts are taken from the longest to the shortest, each into the fullest row that still holds
    it, as in best-fit decreasing; all texts of one length are placed at once, since only the
    histogram of lengths matters (Krell et al., 2021, https://arxiv.org/abs/2107.02027). So the
    number of rows depends on the lengths alone, and which of the texts of one length stand
    where, on `rng`.

    A batch has as many rows as hold about `batch_size` texts, always the same number.

    Args:
        lengths: Tokens in each text, shape ``(N,)``, none above `length`.
        length: Tokens a row.
        batch_size: Texts a batch, on average.
        rng: Shuffles the texts of one length, and the rows. ``None`` keeps their order.
    """
    check_batch_size(batch_size)
    if len(lengths) and lengths.max() > length:
        raise ValueError(f"A text has {lengths.max()} tokens, and its row {length}.")
    texts = np.arange(len(lengths), dtype=index_type(len(lengths)))
    if rng is not None:
        rng.shuffle(texts)
    texts = texts[np.argsort(-lengths[texts].astype(np.int32), kind="stable")]
    row = _best_fit(np.bincount(lengths, minlength=length + 1), length, texts.dtype)
    count = int(row.max(initial=-1)) + 1
    if rng is not None:
        row = rng.permutation(count).astype(row.dtype)[row]
    by_row = np.argsort(row, kind="stable")
    row, texts = row[by_row], texts[by_row]
    rows = max(1, min(count, round(batch_size * count / max(1, len(lengths)))))
    begins = np.searchsorted(row, np.arange(0, count + rows, rows))
    widths = np.full(len(begins) - 1, length)
    return Arrangement(texts, begins, widths, rows=row % rows)


def keeps_batch_size(lengths: np.ndarray, batch_size: int, limit: int) -> bool:
    """Whether a batch of packed rows can hold about `batch_size` texts, and not 1.5 times as many.

    A single row may hold more of them, where one text is much longer than most.

    Args:
        lengths: Tokens in each text, shape ``(N,)``.
        batch_size: Texts a batch.
        limit: Most tokens a row.
    """
    if not len(lengths):
        return True
    (length,) = plan(lengths, batch_size, "packed", limit)
    return length <= 1.5 * batch_size * float(lengths.mean())


def _best_fit(histogram: np.ndarray, length: int, dtype: np.dtype) -> np.ndarray:
    """The row of each text, texts given from the longest to the shortest by their histogram."""
    result = np.empty(int(histogram.sum()), dtype)
    free: list[list[np.ndarray]] = [[] for _ in range(length + 1)]
    done = opened = 0
    for size in np.flatnonzero(histogram)[::-1]:
        stop = done + int(histogram[size])
        room = size
        while done < stop:
            while room <= length and not free[room]:
                room += 1
            if room > length:  # rows are opened for what is left, each filled as far as it goes
                each = length // size
                rows = opened + np.arange(stop - done, dtype=dtype) // each
                result[done:stop] = rows
                opened = int(rows[-1]) + 1
                free[length - size * each].append(np.unique(rows[: (stop - done) // each * each]))
                if over := (stop - done) % each:
                    free[length - size * over].append(rows[-1:])
                done = stop
                break
            rows = free[room].pop()
            taken = rows[: stop - done]
            if len(taken) < len(rows):
                free[room].append(rows[len(taken) :])
            result[done : done + len(taken)] = taken
            done += len(taken)
            rest = room - size
            free[rest].append(taken)
            room = min(room, rest) if rest >= size else room
    return result
