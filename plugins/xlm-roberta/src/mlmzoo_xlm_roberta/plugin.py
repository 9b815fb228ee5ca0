"""The entry point of this package: one record, and no import of Keras."""

from __future__ import annotations

from mlmzoo.contract.hookspecs import hookimpl
from mlmzoo.contract.records import Family

XLM_ROBERTA = Family(
    name="xlm_roberta",
    backbone="mlmzoo_xlm_roberta.backbone:XLMRobertaBackbone",
    tokenizer="mlmzoo_xlm_roberta.tokenizer:XLMRobertaTokenizer",
    preprocessor="mlmzoo_xlm_roberta.masked_lm:XLMRobertaMaskedLMPreprocessor",
    masked_lm="mlmzoo_xlm_roberta.masked_lm:XLMRobertaMaskedLM",
    checkpoint="mlmzoo_xlm_roberta.weights:CHECKPOINT",
    presets="mlmzoo_xlm_roberta:presets.json",
    serialized_names=(
        "keras_hub>XLMRobertaBackbone",
        "keras_nlp>XLMRobertaBackbone",
        "mlmzoo_xlm_roberta>XLMRobertaBackbone",
    ),
    model_types=("xlm-roberta",),
)


@hookimpl
def mlmzoo_families() -> list[Family]:
    """XLM-RoBERTa (Conneau et al., 2019, https://arxiv.org/abs/1911.02116)."""
    return [XLM_ROBERTA]
