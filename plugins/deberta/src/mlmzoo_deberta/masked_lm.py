"""DeBERTaV3's masked language model: core's own, bound to this family."""

from mlmzoo import MaskedLM, MaskedLMPreprocessor


class DebertaV3MaskedLMPreprocessor(MaskedLMPreprocessor):
    """Raw text to masked rows: ``[CLS] text [SEP]``, or ``[CLS] first [SEP] second [SEP]``."""

    batching = "packed"
    segments = False


class DebertaV3MaskedLM(MaskedLM):
    """DeBERTaV3 with a masked-LM head (https://arxiv.org/abs/2111.09543).

    The published models are the discriminators of the paper's section 3, which tell replaced
    tokens from real ones: their masked-LM head is untrained. Train it with `fit`, or load a
    generator.
    """
