"""FNet's Fourier mixing and its training step, beside keras-hub and transformers.

    python benchmarks/fnet_mixing.py [--backends torch tensorflow jax] [--cores 1]

Each backend has a process of its own, in which the libraries take turns: what else the machine
does meets all of them alike. Given are the median time and, of the rounds, the median ratio of
ours to each other one; below 1 ours is the faster. transformers is compared on PyTorch.

- mixing: ``Re FFT2`` of ``(B, L, 768)`` values, alone and with its gradient, as each library
  computes it in its encoder; compiled by XLA on JAX, in a graph on TensorFlow.
- training step: masked LM of two layers of FNet-base's width on tokenised batches, loss, gradient
  and Adam, as each library's own `train_on_batch` does it (transformers: the plain PyTorch loop).

Needs keras-hub and transformers beside mlmzoo-fnet.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import time
import warnings
from importlib import metadata

BACKENDS = ("torch", "tensorflow", "jax")
WIDTH, VOCABULARY, LAYERS = 768, 4000, 2
SHAPES = ((16, 128), (4, 512))
MASKED_SHARE = 0.15


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--backends", nargs="+", choices=BACKENDS, default=BACKENDS)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--cores", type=int, help="use only so many (Linux)")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        # keras-hub's model has a pooler that masked LM does not train.
        warnings.filterwarnings("ignore", message="Gradients do not exist")
        measure_all(arguments.rounds)
        return
    if arguments.cores:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: arguments.cores])
    cores = len(os.sched_getaffinity(0)) if arguments.cores else os.cpu_count()
    libraries = ("keras", "keras-hub", "transformers", *BACKENDS)
    print(
        f"{platform.machine()}, {cores} cores;", *(f"{x} {metadata.version(x)}" for x in libraries)
    )
    print("| backend | what | B, L | ms: ours, others | ours / other |")
    print("|---|---|---|---|---|", flush=True)
    for backend in arguments.backends:
        command = [sys.executable, __file__, "--child", "--rounds", str(arguments.rounds)]
        environment = {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
        subprocess.run(command, env=environment, check=True)


def measure_all(rounds: int) -> None:
    for batch, length in SHAPES:
        for what, runs in (
            ("mixing", mixing(batch, length, gradient=False)),
            ("mixing and gradient", mixing(batch, length, gradient=True)),
            ("training step", training_steps(batch, length)),
        ):
            report(what, (batch, length), compare(runs, rounds))


def compare(runs: dict, rounds: int) -> dict[str, list[float]]:
    """Seconds of each run, in turns, after two that warm it up."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for i in range(rounds + 2):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            if i >= 2:
                seconds[name].append(time.perf_counter() - start)
    return seconds


def report(what: str, shape: tuple[int, int], seconds: dict[str, list[float]]) -> None:
    ours = seconds["ours"]
    times = ", ".join(f"{name} {statistics.median(s) * 1e3:.2f}" for name, s in seconds.items())
    ratios = ", ".join(
        f"{name} {statistics.median(a / b for a, b in zip(ours, s, strict=True)):.2f}"
        for name, s in seconds.items()
        if name != "ours"
    )
    backend = os.environ["KERAS_BACKEND"]
    print(f"| {backend} | {what} | {shape[0]}, {shape[1]} | {times} | {ratios} |", flush=True)


# Mixing -------------------------------------------------------------------------------------------


def mixing(batch: int, length: int, gradient: bool) -> dict:
    import numpy as np
    from keras import ops

    from mlmzoo_fnet.fourier import mix

    def kerashub(x):  # keras_hub 0.32, FNetEncoder.call
        x = ops.cast(x, "float32")
        real, _ = ops.fft2((x, ops.zeros_like(x)))
        return ops.cast(real, x.dtype)

    functions = {"ours": mix, "keras-hub": kerashub}
    if os.environ["KERAS_BACKEND"] == "torch":
        import torch
        from transformers.models.fnet.modeling_fnet import FNetBasicFourierTransform, FNetConfig

        layer = FNetBasicFourierTransform(FNetConfig())
        functions["transformers"] = lambda x: layer(x)[0]
        x = torch.randn(batch, length, WIDTH)
    else:
        values = np.random.default_rng(0).normal(size=(batch, length, WIDTH))
        x = ops.convert_to_tensor(values.astype("float32"))
    prepare = {"torch": for_torch, "tensorflow": for_tensorflow, "jax": for_jax}
    prepare = prepare[os.environ["KERAS_BACKEND"]]
    return {name: prepare(function, x, gradient) for name, function in functions.items()}


def for_torch(function, x, gradient: bool):
    def forward():
        function(x)

    def both():
        given = x.detach().requires_grad_()
        function(given).backward(x)

    return both if gradient else forward


def for_tensorflow(function, x, gradient: bool):
    import tensorflow as tf

    def both(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            mixed = function(x)
        return mixed, tape.gradient(mixed, x, output_gradients=x + mixed)

    signature = [tf.TensorSpec((None, None, WIDTH))]
    graph = tf.function(both if gradient else function, signature, autograph=False)
    return lambda: tf.nest.map_structure(lambda y: y.numpy(), graph(x))


def for_jax(function, x, gradient: bool):
    import jax

    def both(x):
        mixed, transpose = jax.vjp(function, x)
        # Another gradient than the input: XLA would see that it need not mix twice.
        return mixed, transpose(x + mixed)

    compiled = jax.jit(both if gradient else function)
    return lambda: jax.block_until_ready(compiled(x))


# Training -----------------------------------------------------------------------------------------


def training_steps(batch: int, length: int) -> dict:
    import keras_hub
    import numpy as np

    from mlmzoo_fnet.backbone import FNetBackbone
    from mlmzoo_fnet.masked_lm import FNetMaskedLM

    rng = np.random.default_rng(0)
    slots = int(MASKED_SHARE * length)
    tokens = rng.integers(0, VOCABULARY, (batch, length), "int32")
    positions = np.sort(rng.permuted(np.tile(np.arange(length), (batch, 1)), axis=1)[:, :slots])
    inputs = {
        "token_ids": tokens,
        "segment_ids": np.zeros_like(tokens),
        "mask_positions": positions.astype("int32"),
    }
    labels = np.take_along_axis(tokens, positions, axis=1)
    weights = np.ones(labels.shape, "float32")
    sizes = {
        "vocabulary_size": VOCABULARY,
        "num_layers": LAYERS,
        "hidden_dim": WIDTH,
        "intermediate_dim": 4 * WIDTH,
    }
    models = {
        "ours": FNetMaskedLM(FNetBackbone(**sizes)),
        "keras-hub": keras_hub.models.FNetMaskedLM(keras_hub.models.FNetBackbone(**sizes)),
    }

    def step(model):
        return lambda: model.train_on_batch(inputs, labels, weights)

    runs = {name: step(model) for name, model in models.items()}
    if os.environ["KERAS_BACKEND"] == "torch":
        runs["transformers"] = transformers_step(inputs, labels)
    return runs


def transformers_step(inputs: dict, labels):
    import torch
    from transformers import FNetConfig, FNetForMaskedLM

    config = FNetConfig(vocab_size=VOCABULARY, num_hidden_layers=LAYERS)
    model = FNetForMaskedLM(config).train()
    optimizer = torch.optim.Adam(model.parameters(), 5e-5)
    tokens, positions, wanted = (
        torch.tensor(x).long() for x in (inputs["token_ids"], inputs["mask_positions"], labels)
    )
    targets = torch.full_like(tokens, -100).scatter(1, positions, wanted)

    def step() -> None:
        optimizer.zero_grad()
        model(input_ids=tokens, labels=targets).loss.backward()
        optimizer.step()

    return step


if __name__ == "__main__":
    main()
