"""DistilBERT for mlmzoo."""
