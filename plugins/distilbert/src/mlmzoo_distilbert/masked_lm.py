"""DistilBERT's masked language model: core's own, bound to this family."""

from mlmzoo import MaskedLM, MaskedLMPreprocessor


class DistilBertMaskedLMPreprocessor(MaskedLMPreprocessor):
    """Raw text to masked rows: ``[CLS] text [SEP]``, or ``[CLS] first [SEP] second [SEP]``."""

    batching = "packed"
    segments = False


class DistilBertMaskedLM(MaskedLM):
    """DistilBERT with the masked-LM head it was distilled with (Sanh et al., 2019)."""
