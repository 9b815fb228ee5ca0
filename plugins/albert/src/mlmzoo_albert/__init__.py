"""ALBERT for mlmzoo."""
