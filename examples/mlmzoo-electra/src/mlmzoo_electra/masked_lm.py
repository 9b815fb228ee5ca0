"""ELECTRA's masked language model, the generator: core's own, bound to this family."""

from mlmzoo import MaskedLM, MaskedLMPreprocessor


class ElectraMaskedLMPreprocessor(MaskedLMPreprocessor):
    """Raw text to masked rows: ``[CLS] text [SEP]``, or ``[CLS] first [SEP] second [SEP]``."""

    batching = "packed"


class ElectraMaskedLM(MaskedLM):
    """ELECTRA's generator; its head works in the width of the embeddings."""
