"""Dropout whose random bits are cheap (Srivastava et al., 2014)."""

from __future__ import annotations

from typing import Any

import keras

from mlmzoo.kit.layers.kernels import drop


class Dropout(keras.layers.Dropout):
    """`keras.layers.Dropout` with random bits that cost less: see there for the arguments.

    Every element is still dropped by a decision of its own, at the configured rate, afresh at every
    call, from the layer's seed. Only the generator differs: a hash on JAX, and 16 bits an element
    on TensorFlow and PyTorch.
    """

    def call(self, inputs: Any, training: bool = False) -> Any:
        if not training or not 0 < self.rate < 1 or self.noise_shape is not None:
            return super().call(inputs, training=training)
        return drop(inputs, self.rate, self.seed_generator)
