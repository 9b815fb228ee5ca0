"""`XLMRobertaTokenizer`: a Unigram model with XLM-RoBERTa's special tokens."""

from collections.abc import Mapping

from mlmzoo import Tokenizer
from mlmzoo.kit.tokenizers import Unigram

ROLES = {"cls": "<s>", "pad": "<pad>", "sep": "</s>", "unk": "<unk>", "mask": "<mask>"}


class XLMRobertaTokenizer(Unigram, Tokenizer):
    """XLM-RoBERTa's tokenizer (Conneau et al., 2019). For its arguments see `Unigram`.

    fairseq has four tokens of its own in the place of the model's first three, so that every
    piece's id is one higher than in the model; the mask follows the last piece.
    """

    special_tokens: Mapping[str, str] = ROLES
    start, end = "cls", "sep"
    pair_separators = 2
    model_tokens = ("<unk>", "<s>", "</s>")
    tokens_before = ("<s>", "<pad>", "</s>", "<unk>")
    tokens_after = ("<mask>",)
    model_file = "sentencepiece.bpe.model"
    transformers_class = "XLMRobertaTokenizer"
    transformers_inputs = ("input_ids", "attention_mask")
