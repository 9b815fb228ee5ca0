"""RoBERTa for mlmzoo."""
