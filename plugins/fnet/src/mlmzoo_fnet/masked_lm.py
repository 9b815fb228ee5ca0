"""FNet's masked language model: core's own, bound to this family."""

from mlmzoo import MaskedLM, MaskedLMPreprocessor


class FNetMaskedLMPreprocessor(MaskedLMPreprocessor):
    """Raw text to masked rows: ``[CLS] text [SEP]``, or ``[CLS] first [SEP] second [SEP]``.

    FNet has no attention mask: its Fourier transforms mix padding with everything else, and a
    row of 20 tokens padded to 32 is another input than the same row padded to 512. So rows are
    padded to `sequence_length` always, as they were when the published models were trained
    (512 tokens), and not to the lengths that suit the data. Give another `sequence_length` to
    train a model for it.
    """

    batching = "fixed"


class FNetMaskedLM(MaskedLM):
    """FNet with the masked-LM head of the paper (https://arxiv.org/abs/2105.03824)."""
