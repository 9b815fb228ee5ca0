"""The toy once more, in NumPy: from a checkpoint in the transformers layout to logits."""

import json

import numpy as np
from safetensors.numpy import load_file

ACTIVATIONS = {"relu": lambda x: np.maximum(x, 0), "tanh": np.tanh}


def reference(directory, inputs):
    """Logits ``(B, L, V)`` of the model saved in `directory`, for rows of one text each."""
    config = json.loads((directory / "config.json").read_text())
    saved = load_file(directory / "model.safetensors")
    real = inputs["padding_mask"].astype(float)[:, :, None]
    x = saved["toy.tokens.weight"][inputs["token_ids"]]
    x = x + saved["toy.positions.weight"][: x.shape[1]]
    for i in range(config["num_layers"]):
        mean = (x * real).sum(1, keepdims=True) / real.sum(1, keepdims=True)
        x = x + np.tanh((x + mean) @ saved[f"toy.mix.{i}.weight"].T + saved[f"toy.mix.{i}.bias"])
    x = ACTIVATIONS[config["hidden_act"]](x @ saved["head.weight"].T + saved["head.bias"])
    x = x - x.mean(-1, keepdims=True)
    x = x / np.sqrt((x**2).mean(-1, keepdims=True) + config["layer_norm_eps"])
    x = x * saved["head.norm.weight"] + saved["head.norm.bias"]
    return x @ saved["toy.tokens.weight"].T + saved["head.output_bias"]
