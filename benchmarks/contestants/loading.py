"""Time and memory of one load in a fresh process, for both libraries on Keras."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from benchmarks.turns import Turns


def measure(turns: Turns, load: Callable[[str], Any], work: dict[str, Any]) -> None:
    """Load a small preset, so that all is imported and started; then the one that counts, once."""
    load(work["small"])
    base = status("VmRSS")
    turns.ready(base=base)
    while turns.wait() is not None:
        start = time.perf_counter()
        task = load(work["preset"])
        seconds = time.perf_counter() - start
        turns.report(seconds=seconds, peak=status("VmHWM") - base, parameters=task.count_params())


def status(name: str) -> int:
    """An entry of this process' ``/proc`` status, in bytes."""
    with open("/proc/self/status", encoding="utf-8") as file:
        for line in file:
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) * 1024
    raise RuntimeError(f"/proc/self/status has no {name}; memory is measured on Linux only")
