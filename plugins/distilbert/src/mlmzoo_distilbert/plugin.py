"""The entry point of this package: one record, and no import of Keras."""

from __future__ import annotations

from mlmzoo.contract.hookspecs import hookimpl
from mlmzoo.contract.records import Family

DISTIL_BERT = Family(
    name="distil_bert",
    backbone="mlmzoo_distilbert.backbone:DistilBertBackbone",
    tokenizer="mlmzoo_distilbert.tokenizer:DistilBertTokenizer",
    preprocessor="mlmzoo_distilbert.masked_lm:DistilBertMaskedLMPreprocessor",
    masked_lm="mlmzoo_distilbert.masked_lm:DistilBertMaskedLM",
    checkpoint="mlmzoo_distilbert.weights:CHECKPOINT",
    presets="mlmzoo_distilbert:presets.json",
    serialized_names=(
        "keras_hub>DistilBertBackbone",
        "keras_nlp>DistilBertBackbone",
        "mlmzoo_distilbert>DistilBertBackbone",
    ),
    model_types=("distilbert",),
)


@hookimpl
def mlmzoo_families() -> list[Family]:
    """DistilBERT (Sanh et al., 2019, https://arxiv.org/abs/1910.01108)."""
    return [DISTIL_BERT]
