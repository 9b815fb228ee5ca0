"""`FNetTokenizer`: a sentencepiece model with FNet's special tokens."""

from collections.abc import Mapping

from mlmzoo import Tokenizer
from mlmzoo.kit.tokenizers import Unigram

ROLES = {"unk": "<unk>", "pad": "<pad>", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"}


class FNetTokenizer(Unigram, Tokenizer):
    """FNet's tokenizer (Lee-Thorp et al., 2021). For its arguments see `Unigram`.

    The published models are cased, and their text goes to sentencepiece as it is
    (https://github.com/google-research/google-research, ``f_net/input_pipeline.py``).
    """

    special_tokens: Mapping[str, str] = ROLES
    start, end = "cls", "sep"
    model_tokens = ("<unk>", "<s>", "</s>", "<pad>", "[CLS]", "[SEP]", "[MASK]")
    model_file = "spiece.model"
    transformers_switches = ("do_lower_case", "keep_accents")
    transformers_inputs = ("input_ids", "token_type_ids")
