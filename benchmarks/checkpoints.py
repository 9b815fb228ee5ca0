"""Checkpoints that the contestants load, written by ours: ``python -m benchmarks.checkpoints DIR``.

A process of its own, so that the benchmark itself imports no backend. The real weights are those of
MiniLM and of the preset that comes with `mlmzoo-bert`; those of the large models are random.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path

from benchmarks import work

SMALL = {"num_layers": 1, "num_heads": 1, "hidden_dim": 16, "intermediate_dim": 16}
ADAPTED = "bert_tiny_en_uncased_kjv"


def main() -> None:
    target, wanted = Path(sys.argv[1]), json.loads(sys.argv[2])
    warnings.simplefilter("ignore")
    for name, settings in wanted.items():
        globals()[f"write_{name}"](target / name, settings)


def write_loaded(target: Path, settings: dict) -> None:
    """A base-size masked LM, and a very small one to warm up with."""
    from mlmzoo.models import BertBackbone, BertMaskedLM, BertMaskedLMPreprocessor

    preprocessor = BertMaskedLMPreprocessor.from_preset(work.minilm())
    for name, changes in (("preset", {}), ("small", SMALL)):
        backbone = BertBackbone(**{**settings, **changes})
        task = BertMaskedLM(backbone, preprocessor, head_state="trained")
        task.save_to_preset(target / name)


def write_recorded(target: Path, settings: dict) -> None:
    """Backbones of XLM-RoBERTa, whose embedding is most of them."""
    from mlmzoo.models import XLMRobertaBackbone

    for name, changes in (("preset", {}), ("small", {**SMALL, "vocabulary_size": 100})):
        XLMRobertaBackbone(**{**settings, **changes}).save_to_preset(target / name)


def write_filled(target: Path, settings: dict) -> None:
    """MiniLM with a head, so that both sides answer. The head is random and says it is not."""
    from mlmzoo import MaskedLM

    task = MaskedLM.from_preset(work.minilm())
    task.head_state = "trained"
    task.save_to_preset(target, layout="transformers")


def write_short(target: Path, settings: dict) -> None:
    """A very small BERT with MiniLM's vocabulary, in its place where only the run is tested."""
    from mlmzoo.models import BertBackbone, BertMaskedLM, BertMaskedLMPreprocessor

    preprocessor = BertMaskedLMPreprocessor.from_preset(work.minilm())
    task = BertMaskedLM(BertBackbone(**settings), preprocessor, head_state="trained")
    task.save_to_preset(target, layout="transformers")


def write_adapted(target: Path, settings: dict) -> None:
    """The preset of `mlmzoo-bert` that has its weights inside, its head included."""
    from mlmzoo import MaskedLM

    for layout in ("keras", "transformers"):
        MaskedLM.from_preset(ADAPTED).save_to_preset(target / layout, layout=layout)


if __name__ == "__main__":
    main()
