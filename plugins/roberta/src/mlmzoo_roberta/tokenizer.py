"""`RobertaTokenizer`: byte-level BPE with RoBERTa's special tokens."""

from collections.abc import Mapping

from mlmzoo import Tokenizer
from mlmzoo.kit.tokenizers import ByteLevelBPE

ROLES = {"cls": "<s>", "pad": "<pad>", "sep": "</s>", "unk": "<unk>", "mask": "<mask>"}


class RobertaTokenizer(ByteLevelBPE, Tokenizer):
    """RoBERTa's tokenizer (Liu et al., 2019). For its arguments see `ByteLevelBPE`."""

    special_tokens: Mapping[str, str] = ROLES
    start, end = "cls", "sep"
    pair_separators = 2
    transformers_class = "RobertaTokenizer"
