"""The machine's own matrix-multiplication peak, by the fastest library at hand."""

from __future__ import annotations

import time
from collections.abc import Callable
from operator import matmul
from typing import Any

from benchmarks.turns import Turns

TRIES = 12


def peak(turns: Turns, work: dict[str, Any]) -> None:
    """GFLOP/s of the fastest of a few products of two square matrices, in float32 and bfloat16."""
    import torch

    size = work["matrix"]
    matrices = {
        name: torch.randn(2, size, size).to(dtype)
        for name, dtype in (("float32", torch.float32), ("bfloat16", torch.bfloat16))
    }
    for a, b in matrices.values():
        a @ b
    turns.ready(threads=torch.get_num_threads())
    while turns.wait() is not None:
        turns.report(**{name: _fastest(a, b) for name, (a, b) in matrices.items()})


def _fastest(a: Any, b: Any) -> float:
    seconds = []
    for product in (matmul, *_onednn()):
        for _ in range(TRIES):
            start = time.perf_counter()
            product(a, b)
            seconds.append(time.perf_counter() - start)
    return 2 * len(a) ** 3 / min(seconds) / 1e9


def _onednn() -> list[Callable[[Any, Any], Any]]:
    """The kernel that TensorFlow takes, too: on some processors twice as fast as PyTorch's own."""
    import torch

    if not hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        return []
    return [lambda a, b: torch.ops.mkldnn._linear_pointwise(a, b.mT, None, "none", [], "")]
