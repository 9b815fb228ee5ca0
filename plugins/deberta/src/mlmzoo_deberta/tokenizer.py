"""`DebertaV3Tokenizer`: a Unigram model with DeBERTaV3's special tokens."""

from collections.abc import Mapping

from mlmzoo import Tokenizer
from mlmzoo.kit.tokenizers import Unigram

ROLES = {"pad": "[PAD]", "cls": "[CLS]", "sep": "[SEP]", "unk": "[UNK]", "mask": "[MASK]"}


class DebertaV3Tokenizer(Unigram, Tokenizer):
    """DeBERTaV3's tokenizer (He et al., 2021). For its arguments see `Unigram`.

    The model has no piece for the mask: its id follows the last piece.
    """

    special_tokens: Mapping[str, str] = ROLES
    start, end = "cls", "sep"
    model_tokens = ("[PAD]", "[CLS]", "[SEP]", "[UNK]")
    tokens_after = ("[MASK]",)
    model_file = "spm.model"
    transformers_switches = ("do_lower_case",)
