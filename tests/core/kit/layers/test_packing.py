"""Several texts in a row: who sees whom, and where each token stands."""

import keras
import numpy as np
import pytest

from mlmzoo.kit.layers import PositionEmbedding, SelfAttention, positions_in_text, visible_tokens


def call(function, *arguments, **options):
    tensors = map(keras.ops.convert_to_tensor, arguments)
    return keras.ops.convert_to_numpy(function(*tensors, **options))


def test_a_token_sees_its_own_text_and_padding_sees_every_text():
    found = call(visible_tokens, np.array([[1, 1, 2, 0]], "int32"))
    expected = [[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [1, 1, 1, 0]]
    np.testing.assert_array_equal(found[0, 0], np.array(expected, bool))


def test_masks_of_ones_and_zeros_hide_padding_only(rng):
    mask = rng.integers(0, 2, (4, 9)).astype("int32")
    found = call(visible_tokens, mask)
    np.testing.assert_array_equal(found, np.broadcast_to(mask[:, None, None] != 0, (4, 1, 9, 9)))


@pytest.mark.parametrize(
    ("mask", "positions"),
    [
        ([1, 1, 1, 2, 2, 3, 0, 0], [0, 1, 2, 0, 1, 0, 6, 7]),
        ([1, 1, 0, 2, 2, 0, 3, 3], [0, 1, 2, 0, 1, 5, 0, 1]),
        ([1, 1, 1, 0, 0, 0, 0, 0], [0, 1, 2, 3, 4, 5, 6, 7]),
        ([0, 0, 1, 1, 1, 1, 1, 1], [0, 1, 2, 3, 4, 5, 6, 7]),
        ([0, 0, 0, 0, 0, 0, 0, 0], [0, 1, 2, 3, 4, 5, 6, 7]),
    ],
)
def test_positions_restart_at_each_text_after_the_first(mask, positions):
    np.testing.assert_array_equal(
        call(positions_in_text, np.array([mask], "int32")), np.array([positions])
    )


def test_position_embeddings_are_those_of_the_positions():
    layer = PositionEmbedding(6, 3)
    layer.build((2, 4, 3))
    table = keras.ops.convert_to_numpy(layer.embeddings)
    mask = np.array([[1, 1, 2, 2], [1, 1, 1, 0]], "int32")
    found = call(layer, np.zeros((2, 4, 3), "float32"), mask)
    np.testing.assert_array_equal(found, table[[[0, 1, 0, 1], [0, 1, 2, 3]]])


@pytest.mark.parametrize("training", [False, True])
def test_attention_stays_within_each_text(rng, randomise, training):
    layer = SelfAttention(8, 2, dropout=0.4, name="attention")
    layer.build((1, 7, 8), (1, 7))
    randomise(layer)
    layer.dropout.rate = 1e-9  # in training the way with dropout, and nothing dropped
    hidden = rng.normal(size=(1, 7, 8)).astype("float32")
    mask = np.array([[1, 1, 1, 2, 2, 0, 0]], "int32")
    together = call(layer, hidden, mask, training=training)
    for text in (slice(0, 3), slice(3, 5)):
        alone = call(layer, hidden[:, text], np.ones_like(mask[:, text]), training=training)
        np.testing.assert_allclose(together[:, text], alone, atol=1e-5)
