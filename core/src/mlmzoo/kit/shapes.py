"""The shapes of a model's variables, found out without allocating one."""

from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import keras

from mlmzoo.kit.layers import skip_initialization


def variable_shapes(build: Callable[[], Any]) -> dict[str, tuple[int, ...]]:
    """Path -> shape of the weights of a model that is built and holds none of them.

    Args:
        build: Makes the model.
    """

    def shapes() -> dict[str, tuple[int, ...]]:
        scope = keras.StatelessScope(initialize_variables=False)
        with skip_initialization(), scope:
            return {w.path: tuple(int(n) for n in w.shape) for w in build().weights}

    # Layers with dropout draw a seed; the model that is built afterwards is to draw the same.
    state = random.getstate()
    # Keras keeps a list, one a thread, of variables that have no values yet, and gives them values
    # at the next occasion. With this thread its list goes.
    try:
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(shapes).result()
    finally:
        random.setstate(state)
