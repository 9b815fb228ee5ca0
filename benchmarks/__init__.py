"""Ours beside keras-hub and transformers, in turns on the same work: ``python -m benchmarks``."""
