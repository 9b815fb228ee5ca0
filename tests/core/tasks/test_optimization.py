"""The optimizer of the training runs: its updates, its learning rate, what decays."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from mlmzoo.contract.errors import InputError
from mlmzoo.tasks.adaptation import adapt
from mlmzoo.tasks.optimization import FitsSchedule, WarmUp, learning_rate, scheduled_adamw
from mlmzoo.tasks.recipe import DECAYS, Training
from mlmzoo.testing.tiny import CORPUS

ROWS, LENGTH, SLOTS = 12, 10, 3


@pytest.fixture(scope="module")
def data():
    """Tokenised rows that all have as many masked tokens."""
    rng = np.random.default_rng(3)
    x = {
        "token_ids": rng.integers(5, 50, (ROWS, LENGTH)).astype("int32"),
        "padding_mask": np.ones((ROWS, LENGTH), "int32"),
        "mask_positions": np.tile(np.array([1, 4, 8], "int32"), (ROWS, 1)),
    }
    return x, rng.integers(5, 50, (ROWS, SLOTS)).astype("int32"), np.ones((ROWS, SLOTS), "float32")


@pytest.fixture
def trained(make, eagerly):
    """Weights after training on these batches, from the same start."""

    def train(optimizer, batches):
        task = make()
        task.compile(optimizer=optimizer, **eagerly)
        for x, y, weights in batches:
            task.train_on_batch(x, y, weights)
        return [np.array(weight) for weight in task.trainable_weights]

    return train


def parts(data, *sizes):
    """The rows in batches of these sizes."""
    ends = np.cumsum(sizes)
    x, y, weights = data
    for start, end in zip(ends - sizes, ends, strict=True):
        part = slice(start, end)
        yield {name: array[part] for name, array in x.items()}, y[part], weights[part]


def assert_close(found, expected, tolerance):
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, atol=tolerance)


@pytest.mark.parametrize("accumulate", [2, 4])
def test_accumulated_batches_of_as_many_tokens_are_one_large_batch(data, trained, accumulate):
    sgd = keras.optimizers.SGD
    large = trained(sgd(0.5), parts(data, ROWS))
    small = [ROWS // accumulate] * accumulate
    found = trained(sgd(0.5, gradient_accumulation_steps=accumulate), parts(data, *small))
    assert_close(found, large, 1e-6)
    start = trained(sgd(0.5), [])
    assert max(np.abs(a - b).max() for a, b in zip(found, start, strict=True)) > 1e-2


def test_an_accumulating_run_is_that_of_the_large_batch_schedule_and_all(data, trained):
    """Warm-up, decay, clipping and weight decay see updates, and not batches."""
    settings = {"learning_rate": 0.05, "warmup_share": 0.5, "weight_decay": 0.1, "clip_norm": 0.01}
    large = scheduled_adamw(Training(**settings), steps=6)
    small = scheduled_adamw(Training(**settings, accumulate=3), steps=18)
    expected = trained(large, list(parts(data, 6, 6)) * 3)
    found = trained(small, list(parts(data, *[2] * 6)) * 3)
    # Adam divides by tiny second moments where a gradient is tiny: a rounding of 1e-9 in one that
    # clipping has made 1e-7 is one in a hundred of the rate. A wrong schedule is off by the rate.
    assert_close(found, expected, 5e-4)


def test_one_batch_counts_as_much_as_another_whatever_its_tokens(data, trained):
    """What the documentation says of accumulation: the mean of the batches' own means."""
    start = trained(keras.optimizers.SGD(0.5), [])
    few, many = parts(data, 2, 10)
    steps = [
        [after - before for after, before in zip(weights, start, strict=True)]
        for weights in (trained(keras.optimizers.SGD(0.5), [batch]) for batch in (few, many))
    ]
    expected = [w + (a + b) / 2 for w, a, b in zip(start, *steps, strict=True)]
    optimizer = keras.optimizers.SGD(0.5, gradient_accumulation_steps=2)
    found = trained(optimizer, [few, many])
    assert_close(found, expected, 1e-6)
    one = trained(keras.optimizers.SGD(0.5), parts(data, 12))
    assert max(np.abs(a - b).max() for a, b in zip(found, one, strict=True)) > 1e-3


def rates(training, steps):
    """The rate of each batch, and after the last."""
    optimizer = scheduled_adamw(training, steps)
    return [float(optimizer._learning_rate(step)) for step in range(steps + 1)]


@pytest.mark.parametrize("accumulate", [1, 5])
@pytest.mark.parametrize("decay", DECAYS)
def test_the_learning_rate_is_highest_after_the_warm_up_and_0_at_the_end(accumulate, decay):
    training = Training(learning_rate=0.5, warmup_share=0.2, decay=decay, accumulate=accumulate)
    found = rates(training, 20 * accumulate)
    updates = found[::accumulate]
    assert found[:-1] == [rate for rate in updates[:-1] for _ in range(accumulate)]
    assert updates[:5] == pytest.approx([0, 0.125, 0.25, 0.375, 0.5])
    assert updates[12] == pytest.approx(0.5 if decay == "constant" else 0.25)
    assert updates[20] == pytest.approx(0.5 if decay == "constant" else 0, abs=1e-6)
    assert max(found) == pytest.approx(0.5)


def test_without_warm_up_it_starts_at_the_highest():
    assert rates(Training(learning_rate=0.5, warmup_share=0.0), 100)[0] == pytest.approx(0.5)


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_the_shortest_run_still_learns_something(steps):
    found = rates(Training(learning_rate=0.5, warmup_share=0.99), steps)
    assert found[steps - 1] == pytest.approx(0.5)


def test_what_is_left_over_after_whole_updates_does_not_count():
    training = Training(accumulate=4)
    assert rates(training, 43)[:41] == rates(training, 40)


@pytest.mark.parametrize("steps", [0, 1, 7])
def test_a_run_without_one_update_is_refused(steps):
    with pytest.raises(InputError, match=f"accumulate=8.*{steps} batches"):
        scheduled_adamw(Training(accumulate=8), steps)


def test_such_a_run_is_refused_before_it_trains(make):
    with pytest.raises(InputError, match="accumulate=99"):
        adapt(make(), CORPUS, Training(accumulate=99, held_out_share=0.2))


def test_the_schedule_is_fitted_to_the_batches_there_are(make, texts, eagerly):
    """The run has fewer than there are texts, as with packed rows."""
    task, training = make(), Training(accumulate=2)
    task.compile(optimizer=scheduled_adamw(training, 1000), **eagerly)
    fitted = {"batching": "length", "callbacks": [FitsSchedule(training)], "verbose": 0}
    task.fit(texts, batch_size=2, epochs=2, **fitted)
    assert int(task.optimizer._iterations) == 12
    assert float(task.optimizer.learning_rate) == pytest.approx(0, abs=1e-9)
    schedule = task.optimizer._learning_rate
    expected = learning_rate(training, 12)
    assert [float(schedule(i)) for i in range(12)] == [float(expected(i)) for i in range(12)]


def test_adapting_fits_the_schedule_where_the_estimate_is_wrong(make, monkeypatch):
    import mlmzoo.tasks.adaptation as adaptation

    monkeypatch.setattr(adaptation, "scheduled_adamw", lambda t, steps: scheduled_adamw(t, 99))
    task = make()
    adapt(task, CORPUS, Training(epochs=2, batch_size=2, held_out_share=0.2))
    assert float(task.optimizer.learning_rate) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_a_run_makes_as_many_updates_as_it_has_whole_accumulations(make, policy):
    """With half precision, too, where Keras wraps the optimizer in one that scales the loss."""
    training = Training(epochs=3, batch_size=2, accumulate=2, held_out_share=0.2)
    task = make(dtype=policy)
    before = np.array(task.backbone.token_embedding.embeddings)
    result = adapt(task, CORPUS, training)
    assert int(task.optimizer.iterations) == 3 * 3 // 2
    assert np.abs(before - np.array(task.backbone.token_embedding.embeddings)).max() > 1e-4
    assert np.isfinite(result.after.loss)


def test_biases_and_normalisations_do_not_decay(task):
    optimizer = scheduled_adamw(Training(), 10)
    decaying = {w.path.split("/")[-1] for w in task.weights if optimizer._use_weight_decay(w)}
    assert decaying == {"embeddings", "kernel"}


def test_a_name_that_only_begins_like_one_of_these_decays():
    optimizer = scheduled_adamw(Training(), 10)
    weight = keras.Variable(np.ones((2, 2)), name="alphabeta_kernel")
    assert optimizer._use_weight_decay(weight)


def test_the_schedule_survives_saving():
    schedule = WarmUp(keras.optimizers.schedules.CosineDecay(0.5, 6), steps=3, accumulate=2)
    twin = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(schedule))
    assert twin.get_config() == schedule.get_config()
    assert [float(twin(i)) for i in range(20)] == [float(schedule(i)) for i in range(20)]


@pytest.mark.parametrize("numbers", [{"steps": -1}, {"accumulate": 0}])
def test_numbers_that_make_no_schedule_are_refused(numbers):
    with pytest.raises(InputError, match="WarmUp"):
        WarmUp(keras.optimizers.schedules.CosineDecay(0.5, 6), **numbers)
