"""Ours beside keras-hub and transformers, alternately on the same work: ``python -m benchmarks``."""
