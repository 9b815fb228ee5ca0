"""BERT for mlmzoo."""
