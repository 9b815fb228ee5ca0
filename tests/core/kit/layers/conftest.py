import keras
import numpy as np
import pytest


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def randomise(rng):
    """Gives every weight of a built layer random values, so that none of them hides."""

    def randomise(layer):
        for weight in layer.weights:
            weight.assign(rng.normal(size=weight.shape, scale=0.5).astype("float32"))
        return {weight.path: keras.ops.convert_to_numpy(weight) for weight in layer.weights}

    return randomise
