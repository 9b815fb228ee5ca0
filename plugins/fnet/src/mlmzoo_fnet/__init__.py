"""FNet for mlmzoo."""
