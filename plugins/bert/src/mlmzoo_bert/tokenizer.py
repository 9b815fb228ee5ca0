"""`BertTokenizer`: WordPiece with BERT's special tokens."""

from collections.abc import Mapping

from mlmzoo.kit.tokenizers.wordpiece import WordPiece
from mlmzoo.tasks.tokenizer import Tokenizer

ROLES = {"pad": "[PAD]", "unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"}


class BertTokenizer(WordPiece, Tokenizer):
    """BERT's tokenizer (Devlin et al., 2018). For its arguments see `WordPiece`."""

    special_tokens: Mapping[str, str] = ROLES
    start, end = "cls", "sep"
    transformers_class = "BertTokenizer"
