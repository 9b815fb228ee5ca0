"""What the environment says about downloads, read at each use."""

from __future__ import annotations

import math
import os
import warnings
from pathlib import Path

from mlmzoo.contract.errors import PresetWarning

_OFFLINE = ("MLMZOO_OFFLINE", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
_PATIENCE = "MLMZOO_DOWNLOAD_TIMEOUT"
_USUAL_PATIENCE = 60.0


def offline() -> str | None:
    """The variable that forbids every request, as ``"MLMZOO_OFFLINE=1"``; ``None`` if none does."""
    for name in _OFFLINE:
        value = os.environ.get(name, "").strip()
        if value.lower() not in ("", "0", "false", "no", "off"):
            return f"{name}={value}"
    return None


def patience() -> float:
    """Seconds without progress after which a download is given up (MLMZOO_DOWNLOAD_TIMEOUT)."""
    value = os.environ.get(_PATIENCE, "").strip()
    if not value:
        return _USUAL_PATIENCE
    try:
        seconds = float(value)
    except ValueError:
        seconds = math.nan
    if seconds > 0:
        return seconds
    warnings.warn(
        f"{_PATIENCE} is {value!r}, which is no number of seconds above 0; "
        f"{_USUAL_PATIENCE:g} is used.",
        PresetWarning,
        stacklevel=2,
    )
    return _USUAL_PATIENCE


def cache_directory() -> Path:
    """Where mlmzoo keeps what it downloads itself (MLMZOO_CACHE, or ``~/.cache/mlmzoo``)."""
    if own := os.environ.get("MLMZOO_CACHE"):
        return Path(own).expanduser().absolute()
    if caches := os.environ.get("XDG_CACHE_HOME"):
        return Path(caches).expanduser().absolute() / "mlmzoo"
    return Path.home() / ".cache" / "mlmzoo"
