"""Shapes of variables without the variables."""

import random

import keras

from mlmzoo.kit.layers import kernel_initializer
from mlmzoo.kit.shapes import variable_shapes
from mlmzoo.plugins import registry
from mlmzoo.testing import tiny_settings


def backbone(**sizes):
    toy = registry().family("toy")
    return registry().load(toy.backbone)(**{**tiny_settings(toy, 40), **sizes})


def test_they_are_those_of_the_model():
    weights = {w.path: tuple(w.shape) for w in backbone().weights}
    assert variable_shapes(backbone) == weights


def test_nothing_is_allocated_then_or_later():
    shapes = variable_shapes(lambda: backbone(vocabulary_size=2**31 - 1, hidden_dim=2**20))
    assert shapes["token_embedding/embeddings"] == (2**31 - 1, 2**20)

    class Layer(keras.layers.Layer):
        def build(self, shape):
            self.kernel = self.add_weight((2**40,), initializer=kernel_initializer())

    def build():
        layer = Layer()
        layer.build(None)
        return layer

    assert list(variable_shapes(build).values()) == [(2**40,)]
    assert backbone().count_params() < 10_000


def test_no_seed_is_drawn():
    state = random.getstate()
    variable_shapes(lambda: keras.Sequential([keras.Input((3,)), keras.layers.Dropout(0.1)]))
    assert random.getstate() == state
    keras.layers.Dropout(0.1)
    assert random.getstate() != state
