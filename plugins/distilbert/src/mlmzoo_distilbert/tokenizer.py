"""`DistilBertTokenizer`: WordPiece with BERT's special tokens."""

from collections.abc import Mapping

from mlmzoo import Tokenizer
from mlmzoo.kit.tokenizers import BERT_SPECIAL_TOKENS, WordPiece


class DistilBertTokenizer(WordPiece, Tokenizer):
    """DistilBERT's tokenizer, which is BERT's (Sanh et al., 2019). See `WordPiece`."""

    special_tokens: Mapping[str, str] = BERT_SPECIAL_TOKENS
    start, end = "cls", "sep"
    transformers_class = "DistilBertTokenizer"
