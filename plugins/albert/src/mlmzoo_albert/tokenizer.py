"""`AlbertTokenizer`: a Unigram model with ALBERT's special tokens."""

from collections.abc import Mapping
from typing import ClassVar

from mlmzoo import Tokenizer
from mlmzoo.kit.tokenizers import Unigram

ROLES = {"pad": "<pad>", "unk": "<unk>", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"}


class AlbertTokenizer(Unigram, Tokenizer):
    """ALBERT's tokenizer (Lan et al., 2019). For its arguments see `Unigram`.

    Text is lowercased and stripped of accents (``preprocess_text`` in ``tokenization.py`` of
    https://github.com/google-research/albert), and its quotes are made straight (as transformers
    does), unless these are switched off.
    """

    special_tokens: Mapping[str, str] = ROLES
    start, end = "cls", "sep"
    preparation: ClassVar[Mapping[str, bool]] = {
        "lowercase": True,
        "strip_accents": True,
        "straight_quotes": True,
    }
    model_tokens = ("<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]")
    model_file = "spiece.model"
    transformers_class = "AlbertTokenizer"
    transformers_switches = ("do_lower_case", "keep_accents")
