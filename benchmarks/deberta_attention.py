"""A training step of DeBERTaV3 here, in keras-hub and in transformers: time and memory.

    python benchmarks/deberta_attention.py --backends torch jax --layers 2 --rounds 3

Needs keras-hub and transformers. Each contestant runs in a process of its own, one at a time and in
turns. A step is masked LM on full rows: forward, backward and Adam, in float32 with dropout, with
15 % of the tokens masked; transformers projects all others onto the vocabulary, too. Of all steps
the fastest counts, by the clock and by the processor time of all threads, which other programs on
the machine change less. Memory is the peak of the process, and how much of it came with the steps.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

DROPOUT = 0.1


def main() -> None:
    """Run all contestants and print a table."""
    options = read_options()
    if options.cores:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.cores])
    if options.contestant:
        print(json.dumps(measure(options)))
        return
    contestants = [(name, b) for b in options.backends for name in ("mlmzoo", "keras-hub")]
    if "torch" in options.backends:
        contestants.append(("transformers", "torch"))
    found: dict[tuple[str, str], list[dict[str, float]]] = {each: [] for each in contestants}
    for _ in range(options.rounds):
        for name, backend in contestants:
            found[name, backend].append(run(name, backend))
    print(f"{platform.machine()}, {os.cpu_count()} cores; {vars(options)}")
    print("| | step, s | processor, s | peak, MB | of it by steps, MB |\n|---|---|---|---|---|")
    best = {each: fastest(rounds) for each, rounds in found.items()}
    for (name, backend), figures in best.items():
        ours = best["mlmzoo", backend]
        cells = (f"{value:.2f} ({value / ours[key]:.2f}x)" for key, value in figures.items())
        print(f"| {name}, {backend} | {' | '.join(cells)} |")


def read_options() -> argparse.Namespace:
    """Sizes; by default the rows of a base model, fewer layers."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    backends = ("tensorflow", "jax", "torch")
    parser.add_argument("--backends", nargs="+", default=list(backends), choices=backends)
    for name, size in {
        "rounds": 2,
        "steps": 3,
        "batch": 4,
        "length": 512,
        "layers": 2,
        "heads": 12,
        "dim": 768,
        "vocabulary": 30522,
        "masked": 77,
    }.items():
        parser.add_argument(f"--{name}", type=int, default=size)
    parser.add_argument("--cores", type=int, help="use only so many (Linux)")
    parser.add_argument("--contestant", help=argparse.SUPPRESS)
    return parser.parse_args()


def run(name: str, backend: str) -> dict[str, float]:
    """One contestant in a process of its own."""
    command = [sys.executable, *sys.argv, "--contestant", name]
    environment = {
        **os.environ,
        "KERAS_BACKEND": backend,
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "PYTHONWARNINGS": "ignore",
    }
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    print(name, backend, figures, file=sys.stderr)
    return figures


def fastest(rounds: list[dict[str, float]]) -> dict[str, float]:
    """The least of each figure."""
    return {key: min(each[key] for each in rounds) for key in rounds[0]}


def measure(options: argparse.Namespace) -> dict[str, float]:
    """Figures of the contestant in this process."""
    make = {"transformers": transformers_step}.get(options.contestant, keras_step)
    step = make(options)
    before = peak()
    step()  # compiles
    clock, processor = [], []
    for _ in range(options.steps):
        start = time.perf_counter(), time.process_time()
        step()
        clock.append(time.perf_counter() - start[0])
        processor.append(time.process_time() - start[1])
    after = peak()
    return {"step": min(clock), "processor": min(processor), "peak": after, "by": after - before}


def peak() -> float:
    """Most memory this process has held, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def keras_step(options: argparse.Namespace) -> Callable[[], object]:
    """A step of our model or keras-hub's, compiled as each is by default."""
    settings = {
        "vocabulary_size": options.vocabulary,
        "num_layers": options.layers,
        "num_heads": options.heads,
        "hidden_dim": options.dim,
        "intermediate_dim": 4 * options.dim,
        "dropout": DROPOUT,
    }
    if options.contestant == "mlmzoo":
        from mlmzoo_deberta.backbone import DebertaV3Backbone
        from mlmzoo_deberta.masked_lm import DebertaV3MaskedLM
    else:
        from keras_hub.models import DebertaV3Backbone, DebertaV3MaskedLM

    model = DebertaV3MaskedLM(DebertaV3Backbone(**settings))
    tokens, positions, labels = work(options)
    x = {"token_ids": tokens, "padding_mask": tokens * 0 + 1, "mask_positions": positions}
    weights = (labels * 0 + 1).astype("float32")
    return lambda: model.train_on_batch(x, labels, weights)


def work(options: argparse.Namespace) -> tuple[Any, Any, Any]:
    """Token ids of full rows, which of them are masked, and their ids."""
    import numpy as np

    rng = np.random.default_rng(0)
    tokens = rng.integers(1, options.vocabulary, (options.batch, options.length), "int32")
    places = np.tile(np.arange(options.length, dtype="int32"), (options.batch, 1))
    positions = np.sort(rng.permuted(places, axis=1)[:, : options.masked])
    return tokens, positions, np.take_along_axis(tokens, positions, axis=1)


def transformers_step(options: argparse.Namespace) -> Callable[[], object]:
    """A step of transformers' model."""
    import torch
    from transformers import DebertaV2Config, DebertaV2ForMaskedLM

    config = DebertaV2Config(
        vocab_size=options.vocabulary,
        num_hidden_layers=options.layers,
        num_attention_heads=options.heads,
        hidden_size=options.dim,
        intermediate_size=4 * options.dim,
        hidden_dropout_prob=DROPOUT,
        attention_probs_dropout_prob=DROPOUT,
        relative_attention=True,
        position_buckets=256,
        norm_rel_ebd="layer_norm",
        share_att_key=True,
        pos_att_type="p2c|c2p",
        position_biased_input=False,
    )
    model = DebertaV2ForMaskedLM(config).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    tokens, positions, labels = (torch.tensor(x).long() for x in work(options))
    targets = torch.full_like(tokens, -100).scatter(1, positions, labels)

    def step() -> None:
        optimizer.zero_grad()
        loss = model(input_ids=tokens, attention_mask=tokens * 0 + 1, labels=targets).loss
        loss.backward()
        optimizer.step()

    return step


if __name__ == "__main__":
    main()
