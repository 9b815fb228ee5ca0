"""Tokenizers that families are made of: plain data, no Keras."""

from mlmzoo.kit.tokenizers.byte_level_bpe import ByteLevelBPE
from mlmzoo.kit.tokenizers.unigram import Unigram
from mlmzoo.kit.tokenizers.wordpiece import BERT_SPECIAL_TOKENS, WordPiece

__all__ = ["BERT_SPECIAL_TOKENS", "ByteLevelBPE", "Unigram", "WordPiece"]
