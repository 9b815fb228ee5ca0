"""Memory while training on a corpus of text files larger than one would hold in it.

    python benchmarks/large_corpus.py --gigabytes 2 --batching length packed

Writes a corpus of that size (verses of the King James Bible in random order), trains a very small
model on it for some steps, and prints by how much the process's anonymous memory grew at its
highest: what the system could not drop and read again. Linux only. Each way of batching runs in a
process of its own.
"""

from __future__ import annotations

import argparse
import gzip
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

CORPUS = Path(__file__).resolve().parent.parent / "tests/data/kjv.txt.gz"
STEPS = 50


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--gigabytes", type=float, default=2)
    parser.add_argument("--batching", nargs="+", default=["length", "packed"])
    parser.add_argument("--corpus", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.corpus:
        measure(options.corpus, options.batching[0])
        return
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "corpus.txt"
        lines = write(file, options.gigabytes * 1e9)
        print(f"{file.stat().st_size / 1e9:.2f} GB of text, {lines:,} lines", flush=True)
        for batching in options.batching:
            command = [sys.executable, __file__, "--corpus", str(file), "--batching", batching]
            subprocess.run(command, check=True)


def write(file: Path, size: float) -> int:
    """Verses in random order until the file has that size; the number of lines."""
    with gzip.open(CORPUS, "rt", encoding="utf-8") as stream:
        verses = stream.readlines()
    rng, written, lines = random.Random(0), 0, 0
    with open(file, "w", encoding="utf-8") as stream:
        while written < size:
            rng.shuffle(verses)
            written += stream.write("".join(verses))
            lines += len(verses)
    return lines


def anonymous() -> float:
    """Anonymous memory of this process, in MB."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("RssAnon")) / 1000


def measure(corpus: str, batching: str) -> None:
    import keras

    from mlmzoo import MaskedLM

    task = MaskedLM.from_preset("bert_tiny_en_uncased_kjv", sequence_length=128)
    # Once on little, so that what the backend needs for its own is there already.
    with open(corpus) as stream:
        few = [next(stream) for _ in range(2048)]
    task.fit(few, steps_per_epoch=STEPS, batching=batching, verbose=0)

    before, highest, done = anonymous(), [0.0], threading.Event()

    def watch() -> None:
        while not done.wait(0.05):
            highest[0] = max(highest[0], anonymous())

    threading.Thread(target=watch, daemon=True).start()
    begin = time.perf_counter()
    first: list[float] = []
    log = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: first or first.append(time.perf_counter() - begin)
    )
    task.fit(corpus, steps_per_epoch=STEPS, batching=batching, callbacks=[log], verbose=0)
    done.set()
    print(
        f"{batching}, {keras.backend.backend()}: grew by {highest[0] - before:.0f} MB at the most "
        f"(from {before:.0f}); the first step ended after {first[0]:.0f} s, {STEPS} steps after "
        f"{time.perf_counter() - begin:.0f} s",
        flush=True,
    )


if __name__ == "__main__":
    sys.path.insert(0, os.getcwd())
    main()
