"""XLM-RoBERTa's masked language model: RoBERTa's, bound to this family."""

from mlmzoo_roberta.masked_lm import RobertaMaskedLM, RobertaMaskedLMPreprocessor


class XLMRobertaMaskedLMPreprocessor(RobertaMaskedLMPreprocessor):
    """Raw text to masked rows: ``<s> text </s>``, or ``<s> first </s></s> second </s>``."""


class XLMRobertaMaskedLM(RobertaMaskedLM):
    """XLM-RoBERTa with the masked-LM head of the paper (https://arxiv.org/abs/1911.02116)."""
