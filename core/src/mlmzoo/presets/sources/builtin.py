"""Core's own places for presets, announced through the hook that plugins use."""

from __future__ import annotations

from mlmzoo.contract.hookspecs import hookimpl
from mlmzoo.contract.protocols import Source
from mlmzoo.presets.sources.huggingface import HuggingFaceSource
from mlmzoo.presets.sources.kaggle import KaggleSource
from mlmzoo.presets.sources.package import PackageSource


@hookimpl
def mlmzoo_sources() -> list[Source]:
    """Installed packages, Kaggle and Hugging Face."""
    return [PackageSource(), KaggleSource(), HuggingFaceSource()]
