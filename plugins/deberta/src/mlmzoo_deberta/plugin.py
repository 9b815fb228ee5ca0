"""The entry point of this package: one record, and no import of Keras."""

from __future__ import annotations

from mlmzoo.contract.hookspecs import hookimpl
from mlmzoo.contract.records import Family

DEBERTA_V3 = Family(
    name="deberta_v3",
    backbone="mlmzoo_deberta.backbone:DebertaV3Backbone",
    tokenizer="mlmzoo_deberta.tokenizer:DebertaV3Tokenizer",
    preprocessor="mlmzoo_deberta.masked_lm:DebertaV3MaskedLMPreprocessor",
    masked_lm="mlmzoo_deberta.masked_lm:DebertaV3MaskedLM",
    checkpoint="mlmzoo_deberta.weights:CHECKPOINT",
    presets="mlmzoo_deberta:presets.json",
    serialized_names=(
        "keras_hub>DebertaV3Backbone",
        "keras_nlp>DebertaV3Backbone",
        "mlmzoo_deberta>DebertaV3Backbone",
    ),
    model_types=("deberta-v2",),
)


@hookimpl
def mlmzoo_families() -> list[Family]:
    """DeBERTaV3 (He et al., 2021, https://arxiv.org/abs/2111.09543)."""
    return [DEBERTA_V3]
