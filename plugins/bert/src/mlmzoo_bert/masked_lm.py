"""BERT's masked language model: core's own, bound to this family."""

from mlmzoo import MaskedLM, MaskedLMPreprocessor


class BertMaskedLMPreprocessor(MaskedLMPreprocessor):
    """Raw text to masked rows: ``[CLS] text [SEP]``, or ``[CLS] first [SEP] second [SEP]``."""

    batching = "packed"


class BertMaskedLM(MaskedLM):
    """BERT with the masked-LM head of the paper (https://arxiv.org/abs/1810.04805)."""
