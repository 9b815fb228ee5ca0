"""`BertTokenizer`: WordPiece with BERT's special tokens."""

from collections.abc import Mapping

from mlmzoo import Tokenizer
from mlmzoo.kit.tokenizers import BERT_SPECIAL_TOKENS, WordPiece


class BertTokenizer(WordPiece, Tokenizer):
    """BERT's tokenizer (Devlin et al., 2018). For its arguments see `WordPiece`."""

    special_tokens: Mapping[str, str] = BERT_SPECIAL_TOKENS
    start, end = "cls", "sep"
    transformers_class = "BertTokenizer"
