"""DeBERTaV3 for mlmzoo."""
