"""The masked-LM head against NumPy."""

import keras
import numpy as np
import pytest

from mlmzoo.errors import UnsupportedSettingError
from mlmzoo.kit.layers import MaskedLMHead, token_embedding

B, L, D, V = 2, 6, 8, 20


@pytest.mark.parametrize("width", [D, 5])
def test_it_answers_at_the_masked_positions_through_the_embedding(rng, randomise, width):
    embedding = token_embedding(V, width)
    embedding.build()
    head = MaskedLMHead(V, width, "relu", 1e-3, name="head")
    head.build((B, L, D))
    w = {**randomise(embedding), **randomise(head)}
    hidden = rng.normal(size=(B, L, D)).astype("float32")
    positions = np.array([[1, 5, 0], [3, 3, 2]], "int32")
    found = head(
        keras.ops.convert_to_tensor(hidden),
        keras.ops.convert_to_tensor(positions),
        token_embedding=embedding,
    )
    masked = np.take_along_axis(hidden, positions[..., None], axis=1)
    inner = np.maximum(masked @ w["head/dense/kernel"] + w["head/dense/bias"], 0)
    inner = (inner - inner.mean(-1, keepdims=True)) / np.sqrt(inner.var(-1, keepdims=True) + 1e-3)
    inner = inner * w["head/layer_norm/gamma"] + w["head/layer_norm/beta"]
    expected = inner @ w["token_embedding/embeddings"].T + w["head/output_bias"]
    np.testing.assert_allclose(keras.ops.convert_to_numpy(found), expected, atol=1e-5)


def test_it_owns_no_matrix_of_the_vocabulary():
    head = MaskedLMHead(V, D, "relu", 1e-3, name="head")
    head.build((B, L, D))
    assert {weight.path: tuple(weight.shape) for weight in head.weights} == {
        "head/dense/kernel": (D, D),
        "head/dense/bias": (D,),
        "head/layer_norm/gamma": (D,),
        "head/layer_norm/beta": (D,),
        "head/output_bias": (V,),
    }


def test_an_unknown_activation_is_refused_with_the_known_ones():
    with pytest.raises(UnsupportedSettingError, match=r"'swish' was asked for.*gelu_tanh.*silu"):
        MaskedLMHead(V, D, "swish", 1e-3)
