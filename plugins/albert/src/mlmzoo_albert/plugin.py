"""The entry point of this package: one record, and no import of Keras."""

from __future__ import annotations

from mlmzoo.contract.hookspecs import hookimpl
from mlmzoo.contract.records import Family

ALBERT = Family(
    name="albert",
    backbone="mlmzoo_albert.backbone:AlbertBackbone",
    tokenizer="mlmzoo_albert.tokenizer:AlbertTokenizer",
    preprocessor="mlmzoo_albert.masked_lm:AlbertMaskedLMPreprocessor",
    masked_lm="mlmzoo_albert.masked_lm:AlbertMaskedLM",
    checkpoint="mlmzoo_albert.weights:CHECKPOINT",
    presets="mlmzoo_albert:presets.json",
    serialized_names=(
        "keras_hub>AlbertBackbone",
        "keras_nlp>AlbertBackbone",
        "mlmzoo_albert>AlbertBackbone",
    ),
    model_types=("albert",),
)


@hookimpl
def mlmzoo_families() -> list[Family]:
    """ALBERT (Lan et al., 2019, https://arxiv.org/abs/1909.11942)."""
    return [ALBERT]
