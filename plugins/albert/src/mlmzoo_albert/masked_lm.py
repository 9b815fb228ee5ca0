"""ALBERT's masked language model: core's own, bound to this family."""

from mlmzoo import MaskedLM, MaskedLMPreprocessor


class AlbertMaskedLMPreprocessor(MaskedLMPreprocessor):
    """Raw text to masked rows: ``[CLS] text [SEP]``, or ``[CLS] first [SEP] second [SEP]``."""

    batching = "packed"


class AlbertMaskedLM(MaskedLM):
    """ALBERT with the masked-LM head of the paper (https://arxiv.org/abs/1909.11942).

    The head works in the narrow width of the embeddings.
    """
