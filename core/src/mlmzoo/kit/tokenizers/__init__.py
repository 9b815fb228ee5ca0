"""Tokenizers that families are made of: plain data, no Keras."""
