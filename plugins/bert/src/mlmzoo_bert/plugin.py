"""The entry point of this package: one record, and no import of Keras."""

from __future__ import annotations

from mlmzoo.contract.hookspecs import hookimpl
from mlmzoo.contract.records import Family

BERT = Family(
    name="bert",
    backbone="mlmzoo_bert.backbone:BertBackbone",
    tokenizer="mlmzoo_bert.tokenizer:BertTokenizer",
    preprocessor="mlmzoo_bert.masked_lm:BertMaskedLMPreprocessor",
    masked_lm="mlmzoo_bert.masked_lm:BertMaskedLM",
    checkpoint="mlmzoo_bert.weights:CHECKPOINT",
    presets="mlmzoo_bert:presets.json",
    serialized_names=(
        "keras_hub>BertBackbone",
        "keras_nlp>BertBackbone",
        "mlmzoo_bert>BertBackbone",
    ),
    model_types=("bert",),
)


@hookimpl
def mlmzoo_families() -> list[Family]:
    """BERT (Devlin et al., 2018, https://arxiv.org/abs/1810.04805)."""
    return [BERT]
