"""Places presets come from, one module each, and what they share."""
