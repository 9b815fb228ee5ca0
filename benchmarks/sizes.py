"""How large the work is: as measured, and small enough to see that everything runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


def _base(**changes: Any) -> dict[str, Any]:
    """The settings that our backbones and keras-hub's have in common, at base width."""
    return {
        "vocabulary_size": 30522,
        "num_layers": 4,
        "num_heads": 12,
        "hidden_dim": 768,
        "intermediate_dim": 3072,
        "dropout": 0.1,
        **changes,
    }


def _tiny(**changes: Any) -> dict[str, Any]:
    return _base(num_layers=2, num_heads=2, hidden_dim=32, intermediate_dim=64, **changes)


@dataclass(frozen=True)
class Sizes:
    """Sizes of all rows.

    Args:
        limit: Most tokens a short line.
        batch: Lines a batch.
        lines: Lines of a slice of ours, see `benchmarks.work`.
        peer_lines: Lines of a slice of a peer, of the same lengths.
        length: Tokens of a full row.
        rows: Full rows a batch.
        steps: Batches of full rows a slice, by experiment.
        backbone: Settings of the model of full rows.
        loaded: Settings of the preset that is loaded.
        recorded: Settings of the preset whose loading is recorded as well.
        pipeline_lines: Lines that are tokenised, masked and put into batches.
        masked_texts: Texts to be filled.
        scored_texts: Texts to be scored.
        epochs: Times round the texts before the held-out loss is compared.
        adapted_lines: Texts to train on for that; all there are where ``None``.
        matrix: Rows and columns of the matrices multiplied for the machine's peak.
    """

    limit: int = 128
    batch: int = 32
    lines: int = 512
    peer_lines: int = 64
    length: int = 512
    rows: int = 4
    steps: dict[str, int] = field(
        default_factory=lambda: {"full": 2, "bfloat16": 2, "deberta": 1, "fnet": 2}
    )
    backbone: dict[str, Any] = field(default_factory=_base)
    loaded: dict[str, Any] = field(default_factory=lambda: _base(num_layers=12))
    recorded: dict[str, Any] = field(
        default_factory=lambda: _base(num_layers=12, vocabulary_size=250_002)
    )
    pipeline_lines: int = 4096
    masked_texts: int = 1000
    scored_texts: int = 100
    epochs: int = 2
    adapted_lines: int | None = None
    matrix: int = 2048


SMOKE = Sizes(
    limit=32,
    batch=8,
    lines=32,
    peer_lines=16,
    length=32,
    rows=2,
    steps={"full": 1, "bfloat16": 1, "deberta": 1, "fnet": 1},
    backbone=_tiny(),
    loaded=_tiny(),
    recorded=_tiny(),
    pipeline_lines=64,
    masked_texts=16,
    scored_texts=4,
    epochs=1,
    adapted_lines=32,
    matrix=256,
)
