"""`ElectraTokenizer`: WordPiece with BERT's special tokens."""

from mlmzoo import Tokenizer
from mlmzoo.kit.tokenizers import BERT_SPECIAL_TOKENS, WordPiece


class ElectraTokenizer(WordPiece, Tokenizer):
    """ELECTRA's tokenizer, which is BERT's. For its arguments see `WordPiece`."""

    special_tokens = BERT_SPECIAL_TOKENS
    start, end = "cls", "sep"
    transformers_class = "BertTokenizer"
