"""Checks the character map of a sentencepiece model before the library walks it.

The map is a double-array trie (https://github.com/s-yata/darts-clone) behind its length in bytes,
and after it the texts it leads to, each ended by NUL. sentencepiece 0.2.1 and earlier
versions follow the trie wherever it leads (https://github.com/google/sentencepiece/issues/1269).
"""

from __future__ import annotations

import numpy as np

CHARSMAP_BYTES = 2**20
"""Largest map; sentencepiece's own have up to 300,000 bytes."""
DEPTH = 64
"""Longest text that is replaced, in bytes."""
PREFIXES = 32
"""Most entries that begin one another: what sentencepiece has room for."""


def fault(charsmap: bytes) -> str:
    """What is wrong with a character map; ``""`` if nothing is.

    Args:
        charsmap: ``precompiled_charsmap`` of a ``NormalizerSpec``; empty where there is none.
    """
    if not charsmap:
        return ""
    length = int.from_bytes(charsmap[:4], "little")
    texts = charsmap[4 + length :]
    if len(charsmap) > CHARSMAP_BYTES:
        return f"its character map has {len(charsmap)} bytes, more than {CHARSMAP_BYTES}"
    if len(charsmap) < 4 or not length or length % 1024 or not texts:
        return f"its character map of {len(charsmap)} bytes gives its trie {length} bytes"
    if texts[-1]:
        return "the last text of its character map has no end"
    try:
        texts.decode("utf-8")
    except UnicodeDecodeError as error:
        return f"its character map leads to what is not UTF-8 ({error})"
    units = np.frombuffer(charsmap, "<u4", length // 4, 4).astype(np.int64)
    return _trie_fault(units, np.frombuffer(texts, np.uint8))


def _trie_fault(units: np.ndarray, texts: np.ndarray) -> str:
    """The same of the trie alone: each place that a search can reach is visited, level by level.

    Args:
        units: int64 of shape ``(N,)``: the trie's units, of 32 bits each.
        texts: uint8: what its values point into.
    """
    places = np.arange(len(units))
    # Where the children of a unit stand: child c at base ^ c, and only there it has the label c.
    bases = places ^ ((units >> 10) << ((units & 0x200) >> 6))
    labels = units & 0x800000FF
    ends = (units & 0x100) != 0
    if units[0] & 0x800001FF:
        return "the root of its character map's trie is malformed"
    children = np.flatnonzero(labels < 0x100)
    children = children[np.argsort(places[children] ^ labels[children], kind="stable")]
    parents = places[children] ^ labels[children]
    reached, prefixes = bases[:1], np.zeros(1, np.int64)
    for _ in range(DEPTH + 1):
        if (reached | 0xFF).max() >= len(units):
            return "its character map's trie leads outside of itself"
        first, last = (np.searchsorted(parents, reached, side) for side in ("left", "right"))
        counts = last - first
        if not counts.sum():
            return ""
        steps = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        found = children[np.repeat(first, counts) + steps]
        passed = np.repeat(prefixes, counts) + ends[found]
        if passed.max() > PREFIXES:
            return f"more than {PREFIXES} entries of its character map begin one another"
        below = bases[found]
        leaves = below[ends[found]]
        if leaves.size and leaves.max() >= len(units):
            return "its character map's trie leads outside of itself"
        values = units[leaves] & 0x7FFFFFFF
        if values.size and (values.max() >= len(texts) or ((texts[values] & 0xC0) == 0x80).any()):
            return "its character map points outside of its texts, or into a character"
        reached, place = np.unique(below, return_inverse=True)
        prefixes = np.zeros(len(reached), np.int64)
        np.maximum.at(prefixes, place, passed)
    return f"its character map has entries of more than {DEPTH} bytes, or without an end"
