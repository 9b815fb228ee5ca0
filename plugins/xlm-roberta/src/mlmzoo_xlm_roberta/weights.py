"""Where each variable and setting of XLM-RoBERTa lives: where RoBERTa's does."""

from dataclasses import replace

from mlmzoo_roberta.weights import CHECKPOINT as ROBERTA

CHECKPOINT = replace(
    ROBERTA,
    # transformers' default: https://huggingface.co/docs/transformers/model_doc/xlm-roberta
    settings=tuple(
        replace(row, default=30522) if row.ours == "vocabulary_size" else row
        for row in ROBERTA.settings
    ),
    architecture="XLMRobertaForMaskedLM",
)
