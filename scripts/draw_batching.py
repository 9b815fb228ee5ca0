"""Draw `docs/images/batching.svg`: the same verses in batches made in each of the ways.

python scripts/draw_batching.py
"""

from __future__ import annotations

import gzip
import itertools
from pathlib import Path

import numpy as np

from mlmzoo import MaskedLM

ROOT = Path(__file__).resolve().parent.parent
COLOURS = ("#3f51b5", "#00897b", "#f4511e", "#8e24aa", "#7cb342", "#6d4c41", "#039be5", "#c0ca33")
PADDING = "#cfd8dc"
TEXTS, BATCH, LIMIT = 27, 9, 96
SCALE, ROW, GAP, LEFT, COLUMN = 2.4, 9, 10, 12, 290


def main() -> None:
    task = MaskedLM.from_preset(
        "bert_tiny_en_uncased_kjv", load_weights=False, sequence_length=LIMIT, seed=4
    )
    with gzip.open(ROOT / "tests/data/kjv.txt.gz", "rt", encoding="utf-8") as stream:
        verses = stream.read().splitlines()[1000 : 1000 + TEXTS]
    parts, heights = [], []
    for column, mode in enumerate(("fixed", "length", "packed")):
        batches = list(task.batches(verses, BATCH, batching=mode).epoch())
        slots = sum(x["token_ids"].size for x, _, _ in batches)
        tokens = sum(int((x["padding_mask"] > 0).sum()) for x, _, _ in batches)
        left, top = LEFT + column * COLUMN, 20
        label = f'batching="{mode}": {slots / tokens:.2f} slots a token'.replace('"', "&quot;")
        parts.append(f'<text x="{left}" y="{top}">{label}</text>')
        top += 10
        for x, _, _ in batches:
            for row in x["padding_mask"]:
                parts += bars(row, left, top)
                top += ROW
            top += GAP
        heights.append(top)
    width, height = LEFT + 3 * COLUMN, max(heights)
    style = "font-family:sans-serif;font-size:12px;background:#fff"
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" style="{style}">\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )
    target = ROOT / "docs/images/batching.svg"
    target.parent.mkdir(exist_ok=True)
    target.write_text(svg, encoding="utf-8")


def bars(row: np.ndarray, left: float, top: float) -> list[str]:
    """A row of a batch: each of its texts in a colour, and its padding."""
    parts = []
    borders = np.flatnonzero(np.diff(row, prepend=-1, append=-1))
    for start, stop in itertools.pairwise(borders):
        number = int(row[start])
        colour = COLOURS[(number - 1) % len(COLOURS)] if number else PADDING
        parts.append(
            f'<rect x="{left + start * SCALE:.1f}" y="{top}" height="{ROW - 2}" '
            f'width="{(stop - start) * SCALE - 0.8:.1f}" fill="{colour}"/>'
        )
    return parts


if __name__ == "__main__":
    main()
