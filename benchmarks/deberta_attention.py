"""A training step of DeBERTaV3's encoder here, in keras-hub and in transformers: time and memory.

    python benchmarks/deberta_attention.py --backends torch jax --layers 2 --rounds 3

Needs keras-hub and transformers. Each contestant runs in a process of its own, one at a time and in
turns. A step is forward, backward and Adam, in float32 with dropout, on full rows. Of all steps the
fastest counts, by the clock and by the processor time of all threads, which other programs on the
machine change less. Memory is the peak of the process, and how much of it came with the steps.
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

DROPOUT = 0.1


def main() -> None:
    """Run all contestants and print a table."""
    options = read_options()
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
        "vocabulary": 1000,
    }.items():
        parser.add_argument(f"--{name}", type=int, default=size)
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
    """A step of our backbone or keras-hub's, compiled as Keras does by default."""
    import keras
    import numpy as np

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

        backbone = DebertaV3Backbone(**settings)
        model = keras.Model(backbone.input, backbone.output["sequence_output"])
    else:
        from keras_hub.models import DebertaV3Backbone

        model = DebertaV3Backbone(**settings)
    model.compile("adam", "mse")
    rng = np.random.default_rng(0)
    shape = (options.batch, options.length)
    x = {
        "token_ids": rng.integers(1, options.vocabulary, shape, "int32"),
        "padding_mask": np.ones(shape, "int32"),
    }
    y = rng.normal(size=(*shape, options.dim)).astype("float32")
    return lambda: float(model.train_on_batch(x, y))


def transformers_step(options: argparse.Namespace) -> Callable[[], object]:
    """A step of transformers' encoder."""
    import torch
    from transformers import DebertaV2Config, DebertaV2Model

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
    model = DebertaV2Model(config).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    shape = (options.batch, options.length)
    token_ids = torch.randint(1, options.vocabulary, shape)
    mask = torch.ones(shape, dtype=torch.long)
    y = torch.randn(*shape, options.dim)

    def step() -> float:
        optimizer.zero_grad()
        hidden = model(input_ids=token_ids, attention_mask=mask).last_hidden_state
        loss = torch.nn.functional.mse_loss(hidden, y)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


if __name__ == "__main__":
    main()
