"""What the environment says about downloads and uploads, read at each use."""

from __future__ import annotations

import math
import os
import warnings
from pathlib import Path

from mlmzoo.contract.errors import PresetWarning

_OFFLINE = ("MLMZOO_OFFLINE", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
_PATIENCE = {"download": 60.0, "upload": 600.0}
"""Seconds. A hub that got a large file may be busy with it for minutes before it says a word."""


def offline() -> str | None:
    """The variable that forbids every request, as ``"MLMZOO_OFFLINE=1"``; ``None`` if none does."""
    for name in _OFFLINE:
        value = os.environ.get(name, "").strip()
        if value.lower() not in ("", "0", "false", "no", "off"):
            return f"{name}={value}"
    return None


def patience(transfer: str = "download") -> float:
    """Seconds without progress after which a transfer is given up.

    Args:
        transfer: ``"download"`` (MLMZOO_DOWNLOAD_TIMEOUT) or ``"upload"`` (MLMZOO_UPLOAD_TIMEOUT).
    """
    name, usual = f"MLMZOO_{transfer.upper()}_TIMEOUT", _PATIENCE[transfer]
    value = os.environ.get(name, "").strip()
    if not value:
        return usual
    try:
        seconds = float(value)
    except ValueError:
        seconds = math.nan
    if seconds > 0:
        return seconds
    warnings.warn(
        f"{name} is {value!r}, which is no number of seconds above 0; {usual:g} is used.",
        PresetWarning,
        stacklevel=2,
    )
    return usual


def cache_directory() -> Path:
    """Where mlmzoo keeps what it downloads itself (MLMZOO_CACHE, or ``~/.cache/mlmzoo``)."""
    if own := os.environ.get("MLMZOO_CACHE"):
        return Path(own).expanduser().absolute()
    if caches := os.environ.get("XDG_CACHE_HOME"):
        return Path(caches).expanduser().absolute() / "mlmzoo"
    return Path.home() / ".cache" / "mlmzoo"
