"""Seeds everything that is random in a run, without importing what the backend does not use."""

from __future__ import annotations

import random

import keras
import numpy as np


def set_seed(seed: int) -> None:
    """Seed initial weights, dropout, masks and order of a run.

    As `keras.utils.set_random_seed`, which imports TensorFlow on every backend.

    Args:
        seed: Non-negative integer.
    """
    if keras.backend.backend() == "tensorflow":
        keras.utils.set_random_seed(seed)
        return
    # Keras draws the seeds of its layers from Python's generator.
    random.seed(seed)
    np.random.seed(seed)
    if keras.backend.backend() == "torch":
        import torch

        torch.manual_seed(seed)
