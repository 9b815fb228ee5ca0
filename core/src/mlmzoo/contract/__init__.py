"""The thin core a plugin author reads. Imports nothing else of ours and no Keras."""
