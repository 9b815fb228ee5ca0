"""The entry point of this package: one record, and no import of Keras."""

from __future__ import annotations

from mlmzoo.contract.hookspecs import hookimpl
from mlmzoo.contract.records import Family

ROBERTA = Family(
    name="roberta",
    backbone="mlmzoo_roberta.backbone:RobertaBackbone",
    tokenizer="mlmzoo_roberta.tokenizer:RobertaTokenizer",
    preprocessor="mlmzoo_roberta.masked_lm:RobertaMaskedLMPreprocessor",
    masked_lm="mlmzoo_roberta.masked_lm:RobertaMaskedLM",
    checkpoint="mlmzoo_roberta.weights:CHECKPOINT",
    presets="mlmzoo_roberta:presets.json",
    serialized_names=(
        "keras_hub>RobertaBackbone",
        "keras_nlp>RobertaBackbone",
        "mlmzoo_roberta>RobertaBackbone",
    ),
    model_types=("roberta",),
)


@hookimpl
def mlmzoo_families() -> list[Family]:
    """RoBERTa (Liu et al., 2019, https://arxiv.org/abs/1907.11692)."""
    return [ROBERTA]
