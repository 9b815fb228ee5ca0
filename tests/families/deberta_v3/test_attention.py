"""Disentangled attention against the paper's equation 4, token by token; dropout; memory."""

import keras
import numpy as np
import pytest
from keras import ops

from mlmzoo.models import DebertaV3Backbone
from mlmzoo_deberta.attention import DisentangledAttention
from mlmzoo_deberta.relative_positions import RelativePositions

D, H, BUCKETS, LONGEST = 12, 3, 4, 10


def randomise(layer, seed=0):
    rng = np.random.default_rng(seed)
    for weight in layer.weights:
        weight.assign(rng.normal(size=weight.shape, scale=0.5).astype("float32"))
    return {weight.path: ops.convert_to_numpy(weight).astype("float64") for weight in layer.weights}


@pytest.fixture
def layers():
    positions = RelativePositions(D, BUCKETS, LONGEST, 1e-7, name="relative")
    positions.build((None, None, D))
    attention = DisentangledAttention(D, H, dropout=0.4, name="attention")
    attention.build((None, None, D))
    return positions, attention


def call(layers, hidden, mask, training=False):
    positions, attention = layers
    hidden, mask = ops.convert_to_tensor(hidden), ops.convert_to_tensor(mask)
    return ops.convert_to_numpy(attention(hidden, mask, *positions(hidden), training=training))


def bucket(distance):
    """4 buckets: distances up to 2 each, then one up to 9 (the log's 1 of 1 step), then one."""
    size = abs(distance)
    return int(np.sign(distance)) * (size if size <= 2 else 3 if size <= 9 else 4)


def slow_attention(hidden, mask, w, vectors):
    """Equation 4 of He et al. (2020), one pair of tokens at a time."""

    def project(x, layer):
        return (x @ w[f"attention/{layer}/kernel"] + w[f"attention/{layer}/bias"]).reshape(
            *x.shape[:-1], H, D // H
        )

    batch, length, _ = hidden.shape
    query, key, value = (project(hidden, layer) for layer in ("query", "key", "value"))
    position_query, position_key = project(vectors, "query"), project(vectors, "key")
    out = np.zeros((batch, length, H, D // H))
    for b, i, h in np.ndindex(batch, length, H):
        scores = np.full(length, -np.inf)
        for j in np.flatnonzero(mask[b]):
            vector = np.clip(bucket(i - j) + BUCKETS, 0, 2 * BUCKETS - 1)
            content = query[b, i, h] @ key[b, j, h]
            to_position = query[b, i, h] @ position_key[vector, h]
            from_position = key[b, j, h] @ position_query[vector, h]
            scores[j] = (content + to_position + from_position) / np.sqrt(3 * D // H)
        weights = np.exp(scores - scores.max())
        out[b, i, h] = weights / weights.sum() @ value[b, :, h]
    return out.reshape(batch, length, D) @ w["attention/output/kernel"] + w["attention/output/bias"]


def normalised(w):
    x = w["relative/embeddings"]
    x = (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 1e-7)
    return x * w["relative/layer_norm/gamma"] + w["relative/layer_norm/beta"]


@pytest.mark.parametrize("length", [2, 10, 25])
def test_it_computes_the_papers_formula_at_every_length(layers, length):
    positions, attention = map(randomise, layers)
    hidden = np.random.default_rng(1).normal(size=(3, length, D)).astype("float32")
    mask = (np.arange(length) < np.array([[length], [1], [length // 2 + 1]])).astype("int32")
    wanted = slow_attention(hidden.astype("float64"), mask, attention, normalised(positions))
    np.testing.assert_allclose(call(layers, hidden, mask), wanted, atol=2e-5)


def test_hidden_tokens_change_nothing(layers):
    for layer in layers:
        randomise(layer)
    hidden = np.random.default_rng(1).normal(size=(2, 8, D)).astype("float32")
    mask = (np.arange(8) < np.array([[8], [5]])).astype("int32")
    other = np.where(mask[..., None] == 1, hidden, 100).astype("float32")
    seen = mask.astype(bool)
    np.testing.assert_allclose(
        call(layers, hidden, mask)[seen], call(layers, other, mask)[seen], atol=1e-5
    )


def test_weights_and_positions_are_dropped_in_training_only(layers):
    for layer in layers:
        randomise(layer)
    hidden = np.random.default_rng(1).normal(size=(2, 8, D)).astype("float32")
    mask = np.ones((2, 8), "int32")
    plain = call(layers, hidden, mask)
    np.testing.assert_array_equal(plain, call(layers, hidden, mask))
    _, attention = layers
    for dropped, other in (("dropout", "position_dropout"), ("position_dropout", "dropout")):
        getattr(attention, dropped).rate, getattr(attention, other).rate = 0.4, 0.0
        assert np.abs(call(layers, hidden, mask, training=True) - plain).max() > 1e-3
    attention.dropout.rate = attention.position_dropout.rate = 0.0
    np.testing.assert_allclose(call(layers, hidden, mask, training=True), plain, atol=1e-6)


def test_attention_weights_are_dropped_at_the_configured_rate():
    backbone = DebertaV3Backbone(50, 2, 2, 8, 16, dropout=0.3)
    attention = backbone.get_layer("layer_1").attention
    assert attention.dropout.rate == attention.position_dropout.rate == 0.3
    kept = attention.dropout(ops.ones((200, 200)), training=True)
    assert np.mean(ops.convert_to_numpy(kept) == 0) == pytest.approx(0.3, abs=0.02)


def test_texts_of_one_row_do_not_see_each_other(layers):
    """The padding mask numbers them."""
    for layer in layers:
        randomise(layer)
    hidden = np.random.default_rng(1).normal(size=(1, 9, D)).astype("float32")
    packed = call(layers, hidden, np.array([[1, 1, 1, 1, 2, 2, 2, 0, 0]], "int32"))
    for text in (slice(0, 4), slice(4, 7)):
        alone = hidden[:, text]
        wanted = call(layers, alone, np.ones(alone.shape[:2], "int32"))
        np.testing.assert_allclose(packed[:, text], wanted, atol=1e-5)


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="PyTorch has a kernel of its own")
def test_the_kernels_gradients_are_those_of_its_steps(layers):
    import torch

    _, attention = layers
    rng = np.random.default_rng(2)
    length, vectors, d = 11, 2 * BUCKETS, D // H
    shapes = [(2, length, H, d)] * 3 + [(vectors, H, d)] * 2
    values = [torch.tensor(rng.normal(size=shape), dtype=torch.float32) for shape in shapes]
    distance = np.subtract.outer(np.arange(length), np.arange(length))
    vector_of = torch.tensor(np.clip(distance, -BUCKETS, BUCKETS - 1) + BUCKETS)
    visible = torch.tensor(np.arange(length) < np.array([[length], [5]]))[:, None, None, :]
    weights = torch.tensor(rng.normal(size=shapes[0]), dtype=torch.float32)
    found = []
    for way in (attention._attend, attention._attend_by_text):
        given = [x.clone().requires_grad_() for x in values]
        context = way(*given, vector_of, visible.expand(-1, 1, length, -1), False)
        (context * weights).sum().backward()
        found.append([context.detach(), *(x.grad for x in given)])
    for wanted, got in zip(*found, strict=True):
        np.testing.assert_allclose(got.numpy(), wanted.numpy(), atol=1e-5)


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="PyTorch has a kernel of its own")
def test_the_kernels_gradients_know_what_is_dropped():
    import torch

    from mlmzoo_deberta.torch_attention import attend

    torch.manual_seed(0)
    length = 7
    given = [torch.randn(2, H, length, 4).double().requires_grad_() for _ in range(3)]
    given += [torch.randn(H, 2 * length, 4).double().requires_grad_() for _ in range(2)]
    place = torch.arange(length)
    vector_of = place[:, None] - place + length
    visible = torch.ones(2, 1, length, length, dtype=torch.bool)

    def dropping(*given):
        return attend(*given, vector_of, visible, 0.4, 3)

    assert (dropping(*given) - attend(*given, vector_of, visible)).abs().max() > 0.1
    assert torch.autograd.gradcheck(dropping, given)


# Memory -------------------------------------------------------------------------------------------

B, LENGTH, WIDTH, HEADS = 4, 40, 16, 8
SCORES = B * HEADS * LENGTH * LENGTH * 4
"""Bytes of the scores: larger than all else that a layer of these sizes needs."""


def made_by_torch(step):
    """Sizes in bytes of what each operation of a step makes, views left out."""
    from torch.utils._python_dispatch import TorchDispatchMode

    sizes = []

    class Record(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            made = function(*args, **(kwargs or {}))
            for each in made if isinstance(made, (tuple, list)) else (made,):
                if hasattr(each, "untyped_storage"):
                    sizes.append(each.untyped_storage().nbytes())
            return made

    with Record():
        step()
    return sizes


def made_by_jax(step):
    import jax

    return [
        each.aval.size * each.aval.dtype.itemsize
        for equation in jax.make_jaxpr(step)().eqns
        for each in equation.outvars
        if hasattr(each.aval, "size") and each.aval.dtype != jax.numpy.dtype("bool")
    ]


def made_by_tensorflow(step):
    import tensorflow as tf

    return [
        each.shape.num_elements() * each.dtype.size
        for operation in tf.function(step).get_concrete_function().graph.get_operations()
        for each in operation.outputs
        if each.shape.num_elements() and each.dtype.is_floating | each.dtype.is_integer
    ]


def test_nothing_larger_than_the_scores_is_made():
    """In no operation of a training step's way forward, an index least of all."""
    positions = RelativePositions(WIDTH, 8, 32, 1e-7)
    attention = DisentangledAttention(WIDTH, HEADS, dropout=0.1)
    hidden, mask = ops.ones((B, LENGTH, WIDTH)), ops.ones((B, LENGTH), dtype="int32")
    positions.build(hidden.shape)
    attention.build(hidden.shape)

    def step():
        return attention(hidden, mask, *positions(hidden), training=True)

    made = {"torch": made_by_torch, "jax": made_by_jax, "tensorflow": made_by_tensorflow}
    sizes = made[keras.backend.backend()](step)
    assert max(sizes) == SCORES


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="PyTorch's own bookkeeping")
def test_the_backward_pass_keeps_the_weights_alone():
    """And not the scores, the tables they were looked up in, or which weights are dropped."""
    import torch

    positions = RelativePositions(WIDTH, 8, 32, 1e-7)
    attention = DisentangledAttention(WIDTH, HEADS, dropout=0.1)
    hidden = ops.ones((B, LENGTH, WIDTH)).requires_grad_()
    kept = {}

    def keep(x):
        kept[x.untyped_storage().data_ptr()] = x
        return x

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda x: x):
        attention(hidden, ops.ones((B, LENGTH)), *positions(hidden), training=True)
    large = [x for x in kept.values() if x.untyped_storage().nbytes() >= SCORES // 2]
    assert len(large) == 1
