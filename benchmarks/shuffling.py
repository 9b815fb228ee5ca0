"""Held-out loss while training: texts grouped by length, or packed, against plain shuffling.

    python benchmarks/shuffling.py --texts 6000 --epochs 4 --seeds 3 --out results/shuffling

Trains a very small BERT from random weights on verses of the King James Bible, three times: with
every row padded to the limit, so that batches are any texts in random order; with texts of similar
length together; and packed. Initial weights, texts, number of texts a step on average, optimizer
and the masked tokens that are judged by are the same. Prints the mean over the seeds after every
epoch and its standard error, and draws the curves.
"""

from __future__ import annotations

import argparse
import gzip
import json
from pathlib import Path

import numpy as np

CORPUS = Path(__file__).resolve().parent.parent / "tests/data/kjv.txt.gz"
WAYS = ("fixed", "length", "packed")
HELD_OUT = 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    for name, value in {"texts": 6000, "epochs": 4, "seeds": 3, "batch_size": 32}.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=value)
    parser.add_argument("--out", type=Path, default=Path("results/shuffling"))
    options = parser.parse_args()
    with gzip.open(CORPUS, "rt", encoding="utf-8") as stream:
        verses = stream.read().splitlines()
    order = np.random.default_rng(0).permutation(len(verses))
    held_out = [verses[i] for i in order[:HELD_OUT]]
    texts = [verses[i] for i in order[HELD_OUT : HELD_OUT + options.texts]]

    curves = {
        way: [train(way, texts, held_out, seed, options) for seed in range(options.seeds)]
        for way in WAYS
    }
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "shuffling.json").write_text(json.dumps(curves, indent=1), encoding="utf-8")
    print(f"| texts seen | {' | '.join(WAYS)} |\n|---|{'---|' * len(WAYS)}")
    for epoch in range(options.epochs):
        cells = []
        for way in WAYS:
            losses = np.array([curve[epoch] for curve in curves[way]])
            error = losses.std(ddof=1) / len(losses) ** 0.5 if len(losses) > 1 else float("nan")
            cells.append(f"{losses.mean():.3f} ± {error:.3f}")
        print(f"| {(epoch + 1) * len(texts):,} | {' | '.join(cells)} |")
    draw(curves, len(texts), options.out / "shuffling.svg")


def train(
    way: str, texts: list[str], held_out: list[str], seed: int, options: argparse.Namespace
) -> list[float]:
    """Held-out loss after each epoch."""
    import keras

    from mlmzoo import MaskedLM
    from mlmzoo.tasks.seeding import set_seed

    set_seed(seed)
    task = MaskedLM.from_preset(
        "bert_tiny_en_uncased_kjv", load_weights=False, sequence_length=128, seed=seed
    )
    task.compile(keras.optimizers.Adam(1e-3))
    history = task.fit(
        texts,
        batch_size=options.batch_size,
        epochs=options.epochs,
        batching=way,
        validation_data=held_out,
        verbose=0,
    ).history
    print(way, seed, [round(loss, 3) for loss in history["val_loss"]], flush=True)
    return history["val_loss"]


def draw(curves: dict[str, list[list[float]]], texts: int, target: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6, 3.6), layout="constrained")
    for way, of_seeds in curves.items():
        losses = np.array(of_seeds)
        seen = texts * np.arange(1, losses.shape[1] + 1)
        (line,) = axes.plot(seen, losses.mean(axis=0), marker="o", label=way)
        axes.fill_between(
            seen, losses.min(axis=0), losses.max(axis=0), alpha=0.2, color=line.get_color()
        )
    axes.set_xlabel("texts trained on")
    axes.set_ylabel("held-out loss, nats a masked token")
    axes.legend(title="batching")
    figure.savefig(target)


if __name__ == "__main__":
    main()
