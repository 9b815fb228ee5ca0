"""RoBERTa's masked language model: core's own, bound to this family."""

from mlmzoo import MaskedLM, MaskedLMPreprocessor


class RobertaMaskedLMPreprocessor(MaskedLMPreprocessor):
    """Raw text to masked rows: ``<s> text </s>``, or ``<s> first </s></s> second </s>``."""

    batching = "packed"
    segments = False


class RobertaMaskedLM(MaskedLM):
    """RoBERTa with the masked-LM head of the paper (https://arxiv.org/abs/1907.11692)."""
