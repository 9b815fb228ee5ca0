"""On TensorFlow and PyTorch Adam's step is fused, and does what Keras' own does."""

import keras
import numpy as np
import pytest

from mlmzoo.tasks.fused_adam import fuse

BACKEND = keras.backend.backend()
pytestmark = pytest.mark.skipif(BACKEND == "jax", reason="XLA fuses by itself")


def run(optimizer, steps=4, fused=False):
    """Values of two variables after steps along fixed gradients, one of them transposed."""
    rng = np.random.default_rng(0)
    variables = [
        keras.Variable(rng.normal(size=shape).astype("float32"), name=name)
        for name, shape in (("kernel", (5, 3)), ("bias", (7,)))
    ]
    optimizer.build(variables)
    if fused:
        fuse(optimizer)
    for _ in range(steps):
        grads = [rng.normal(size=v.shape[::-1]).astype("float32") for v in variables]
        grads = [keras.ops.transpose(keras.ops.convert_to_tensor(g)) * 1e-3 for g in grads]
        optimizer.apply(grads, variables)
    state = [*variables, *optimizer.variables]
    return [keras.ops.convert_to_numpy(v) for v in state]


@pytest.mark.parametrize(
    "make",
    [
        lambda: keras.optimizers.Adam(0.1),
        # As large as the moments, so that where it is added shows.
        lambda: keras.optimizers.Adam(0.1, beta_2=0.9, epsilon=1e-3),
        lambda: keras.optimizers.AdamW(0.1, weight_decay=0.3, global_clipnorm=1e-3),
        lambda: keras.optimizers.Adam(
            keras.optimizers.schedules.CosineDecay(0.1, 5), gradient_accumulation_steps=2
        ),
        lambda: keras.optimizers.Adam(0.1, amsgrad=True),
    ],
    ids=["plain", "epsilon", "decay_and_clipping", "schedule_and_accumulation", "amsgrad"],
)
@pytest.mark.filterwarnings("ignore:The use of `x.T`")
def test_it_does_what_keras_does(make):
    for found, expected in zip(run(make(), fused=True), run(make()), strict=True):
        np.testing.assert_allclose(found, expected, rtol=2e-5, atol=5e-6)


def test_a_subclass_keeps_its_own_update():
    class Still(keras.optimizers.Adam):
        def update_step(self, gradient, variable, learning_rate):
            pass

    before, after = run(Still(0.1), steps=0), run(Still(0.1), fused=True)
    for found, expected in zip(after[:2], before[:2], strict=True):
        np.testing.assert_array_equal(found, expected)


def test_adam_alone_is_fused(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("fused")

    if BACKEND == "torch":
        monkeypatch.setattr("torch._fused_adam_", refuse)
    else:
        monkeypatch.setattr("tensorflow.raw_ops.ResourceApplyAdam", refuse)
    with pytest.raises(AssertionError, match="fused"):
        run(keras.optimizers.Adam(0.1), fused=True)
    run(keras.optimizers.SGD(0.1), fused=True)
    run(keras.optimizers.Adam(0.1, amsgrad=True), fused=True)
