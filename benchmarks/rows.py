"""The rows of the table: what is measured, against whom, and the least it has to show."""

from __future__ import annotations

from typing import NamedTuple

BACKENDS = ("tensorflow", "jax", "torch")
OURS, KERAS_HUB, TRANSFORMERS = "ours", "kerashub", "huggingface"
NAMES = {OURS: "mlmzoo", KERAS_HUB: "keras-hub", TRANSFORMERS: "transformers"}
BFLOAT16 = "mixed_bfloat16"
WEIGHTS = "weights"


class Floor(NamedTuple):
    """One comparison of a row.

    Args:
        ours: Our backend: its name, ``"best"``, or ``"each"``.
        peer: Library compared with; ``"weights"`` for the size of the weights, `None` where a
            figure is only recorded.
        on: The peer's backend: its name, ``"best"``, or ``"same"``.
        floor: What the ratio ours / peer has to reach; recorded only where `None`.
    """

    ours: str
    peer: str | None
    on: str = "same"
    floor: float | None = None


class Row(NamedTuple):
    """One row of the table.

    Args:
        name: For ``--rows``.
        title: What is measured.
        experiment: Whose measurements it reads, see `benchmarks.experiments`.
        floors: Its comparisons.
        metric: Which figure of ours is compared.
        peer_metric: And of the peer; the same where `None`.
        at_most: Whether ratios have to stay below the floors rather than reach them.
        dtype: Numerics of ours.
    """

    name: str
    title: str
    experiment: str
    floors: tuple[Floor, ...]
    metric: str = "lines/s"
    peer_metric: str | None = None
    at_most: bool = False
    dtype: str = "float32"

    def peers(self) -> set[str]:
        """Libraries that it needs beside ours."""
        return {floor.peer for floor in self.floors if floor.peer in NAMES} - {OURS}


ROWS = (
    Row(
        "short",
        "fine-tuning on short lines, best backend",
        "lines",
        (Floor("best", KERAS_HUB, "best", 3.5),),
    ),
    Row(
        "short-backends",
        "fine-tuning on short lines, each backend",
        "lines",
        (Floor("each", KERAS_HUB, "same", 3.0),),
    ),
    Row(
        "short-transformers",
        "fine-tuning on short lines, best backend",
        "lines",
        (Floor("best", TRANSFORMERS, "torch", 5.5),),
    ),
    Row(
        "full",
        "full rows of 512 tokens, base width",
        "full",
        (
            Floor("tensorflow", KERAS_HUB, "same", 1.05),
            Floor("jax", KERAS_HUB, "same", 1.25),
            Floor("torch", KERAS_HUB, "same", 1.5),
        ),
    ),
    Row(
        "full-transformers",
        "full rows of 512 tokens, base width",
        "full",
        (
            Floor("torch", TRANSFORMERS, "torch", 1.3),
            Floor("best", TRANSFORMERS, "torch", 2.2),
        ),
    ),
    Row(
        "full-bfloat16",
        "full rows in mixed_bfloat16, best backend",
        "bfloat16",
        (Floor("best", OURS, "best", 1.8),),
        dtype=BFLOAT16,
    ),
    Row(
        "pipeline",
        "tokenise, mask and batch alone, first epoch",
        "pipeline",
        (Floor("each", KERAS_HUB, "same", 10.0), Floor("best", TRANSFORMERS, "torch", 4.5)),
    ),
    Row(
        "pipeline-later",
        "tokenise, mask and batch alone, later epochs against the first",
        "pipeline",
        (Floor("each", OURS, "same", 3.0),),
        metric="lines/s, later epochs",
        peer_metric="lines/s",
    ),
    Row(
        "deberta",
        "DeBERTaV3 step at 512 tokens, base width",
        "deberta",
        (
            Floor("each", KERAS_HUB, "same", 1.25),
            Floor("torch", TRANSFORMERS, "torch", 2.0),
            Floor("best", TRANSFORMERS, "torch", 3.0),
        ),
    ),
    Row(
        "fnet",
        "FNet step at 512 tokens, base width",
        "fnet",
        (Floor("each", KERAS_HUB, "same", 1.2), Floor("torch", TRANSFORMERS, "torch", 1.3)),
    ),
    Row(
        "load",
        "from_preset of a base-size preset, seconds",
        "load",
        (Floor("each", KERAS_HUB, "same", 0.3),),
        metric="s",
        at_most=True,
    ),
    Row(
        "load-memory",
        "peak memory of that load over the size of the weights",
        "load",
        (
            Floor("tensorflow", WEIGHTS, floor=1.5),
            Floor("jax", WEIGHTS, floor=1.3),
            Floor("torch", WEIGHTS, floor=1.3),
        ),
        metric="MB",
        at_most=True,
    ),
    Row(
        "load-memory-xlm-roberta",
        "the same of XLM-RoBERTa base's backbone",
        "recorded",
        (Floor("each", WEIGHTS),),
        metric="MB",
        at_most=True,
    ),
    Row(
        "start-up",
        "`mlmzoo presets` against `import keras_hub`, whole processes, seconds",
        "start-up",
        (Floor("best", KERAS_HUB, "best", 0.06),),
        metric="s",
        at_most=True,
    ),
    Row(
        "fill-mask",
        "fill_mask on texts of mixed length, best backend",
        "fill-mask",
        (Floor("best", TRANSFORMERS, "torch", 2.5),),
    ),
    Row(
        "score",
        "pseudo-log-likelihood of texts of mixed length; the peer's is minicons",
        "score",
        (Floor("torch", TRANSFORMERS, "torch", 1.0), Floor("best", TRANSFORMERS, "torch", 1.0)),
    ),
    Row(
        "quality",
        "held-out loss after the same number of examples, three seeds",
        "quality",
        (Floor("best", KERAS_HUB, "best", 1.0), Floor("best", TRANSFORMERS, "torch", 1.0)),
        metric="loss",
        at_most=True,
    ),
)
