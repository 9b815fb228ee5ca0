"""ELECTRA's generators for mlmzoo."""
