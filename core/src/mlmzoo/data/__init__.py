"""Texts in, batches out: read, pack, mask, group. Plain arrays; only `pipeline` knows Keras."""
