"""Where presets are, how they are laid out, and their weights. Plain data; no Keras, no Task."""
