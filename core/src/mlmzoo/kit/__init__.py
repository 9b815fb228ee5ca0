"""What families are made of: layers and tokenizers."""
