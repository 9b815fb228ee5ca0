"""XLM-RoBERTa for mlmzoo."""
