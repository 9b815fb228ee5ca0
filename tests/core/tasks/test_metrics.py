"""Loss and accuracy are means over all real masked tokens, computed here again with NumPy."""

import keras
import numpy as np
import pytest

from mlmzoo.data import pipeline
from mlmzoo.data.inputs import read_texts
from mlmzoo.data.pipeline import MaskedBatches
from mlmzoo.tasks.text_batches import EVALUATION_SEED

ACCURACY = "sparse_categorical_accuracy"
BATCHINGS = [
    (3, "length"),
    (8, "length"),
    (4, "fixed"),
    (11, "fixed"),
    (3, "packed"),
    (11, "packed"),
]


@pytest.fixture(autouse=True)
def many_lengths(monkeypatch):
    """Even few texts are padded to several lengths."""
    monkeypatch.setattr(pipeline, "WORTH_A_SHAPE", 0)


@pytest.fixture(scope="module")
def make(make):
    """The toy sees one word everywhere, so that it is right now and then."""

    def make_right(**kwargs):
        task = make(**kwargs)
        bias = task.mlm_head.output_bias
        seen = task.preprocessor.tokenizer.token_to_id("beginning")
        bias.assign(np.eye(bias.shape[0])[seen])
        return task

    return make_right


def batches_of(task, texts, weights=None, seed=EVALUATION_SEED, remask=False, **options):
    preprocessor = task.preprocessor
    return MaskedBatches(
        preprocessor.rows(read_texts(texts, weights)),
        preprocessor.rule,
        sequence_length=preprocessor.sequence_length,
        pad_id=preprocessor.tokenizer.pad_token_id,
        segments=preprocessor.segments,
        seed=seed,
        remask=remask,
        **{"batch_size": 5, "shuffle": False, **options},
    )


def means(task, batches):
    """Mean loss and accuracy over all masked tokens, each counted with its weight."""
    losses, hits, weights = [], [], []
    for x, y, weight in batches:
        logits = keras.ops.convert_to_numpy(task(x, training=False)).astype("float64")
        log_sums = np.log(np.exp(logits - logits.max(-1, keepdims=True)).sum(-1))
        log_sums += logits.max(-1)
        losses.append(log_sums - np.take_along_axis(logits, y[..., None], -1)[..., 0])
        hits.append(logits.argmax(-1) == y)
        weights.append(weight)
    flat = [np.concatenate([a.ravel() for a in arrays]) for arrays in (losses, hits, weights)]
    return {
        "loss": np.average(flat[0], weights=flat[2]),
        ACCURACY: np.average(flat[1], weights=flat[2]),
    }


def close(found, expected):
    return all(found[name] == pytest.approx(expected[name], abs=1e-5) for name in expected)


@pytest.mark.parametrize(("batch_size", "batching"), BATCHINGS)
def test_evaluate_is_the_mean_over_masked_tokens(task, texts, batch_size, batching):
    found = task.evaluate(
        texts, batch_size=batch_size, batching=batching, return_dict=True, verbose=0
    )
    expected = means(task, batches_of(task, texts))
    assert close(found, expected)
    assert 0 < expected[ACCURACY] < 1


def test_batches_differ_in_length_and_in_masks(task, texts):
    batches = list(batches_of(task, texts, batch_size=3))
    assert len({x["token_ids"].shape for x, _, _ in batches}) > 1
    assert len({weight.sum() for _, _, weight in batches}) > 1


@pytest.mark.parametrize(("batch_size", "batching"), BATCHINGS[::2])
def test_sample_weights_multiply_tokens(task, texts, batch_size, batching):
    weights = np.linspace(0, 3, len(texts))
    found = task.evaluate(
        texts,
        sample_weight=weights,
        batch_size=batch_size,
        batching=batching,
        return_dict=True,
        verbose=0,
    )
    assert close(found, means(task, batches_of(task, texts, weights)))
    assert not close(found, means(task, batches_of(task, texts)))


@pytest.mark.parametrize(("batch_size", "batching"), [(3, "length"), (4, "fixed"), (4, "packed")])
def test_the_last_numbers_of_an_epoch_are_means_over_its_masked_tokens(
    make, texts, batch_size, batching
):
    task = make(seed=7)  # the toy has no dropout, and a learning rate of 0 changes nothing
    history = task.fit(
        texts,
        sample_weight=np.linspace(0.5, 1, len(texts)),
        batch_size=batch_size,
        batching=batching,
        epochs=2,
        validation_data=texts[:5],
        verbose=0,
    ).history
    batches = batches_of(
        task,
        texts,
        np.linspace(0.5, 1, len(texts)),
        seed=7,
        remask=True,
        shuffle=True,
        batch_size=batch_size,
        mode=batching,
    )
    steps = batches.steps_per_epoch
    for epoch in range(2):
        expected = means(task, [batches[i] for i in range(epoch * steps, (epoch + 1) * steps)])
        assert close({name: history[name][epoch] for name in expected}, expected)
    validation = means(task, batches_of(task, texts[:5]))
    for epoch in range(2):
        assert close({name: history[f"val_{name}"][epoch] for name in validation}, validation)


def test_a_compiled_step_computes_the_same(make, texts):
    task = make(compiled=True)
    found = task.evaluate(texts, batch_size=4, batching="fixed", return_dict=True, verbose=0)
    assert close(found, means(task, batches_of(task, texts)))
    assert found == task.evaluate(
        texts, batch_size=4, batching="fixed", return_dict=True, verbose=0
    )


def test_batches_without_a_mask_give_no_nan(make):
    task = make(learning_rate=0.1)
    # The unknown token is special, and special ones stay.
    some = ["unknown", "words", "god created"]
    history = task.fit(
        some, batch_size=1, batching="length", validation_data=some, verbose=0
    ).history
    assert history["loss"][0] > 0 and history["val_loss"][0] > 0
    assert not any(np.isnan(weight).any() for weight in task.get_weights())


def test_texts_without_a_mask_do_not_dilute_the_others(task, texts):
    alone = task.evaluate(texts[:3], batch_size=2, return_dict=True, verbose=0)
    beside = task.evaluate([*texts[:3], "unknown"], batch_size=2, return_dict=True, verbose=0)
    assert close(beside, alone)


@pytest.mark.parametrize("per", ["token", "row", "nothing"])
def test_tokenised_input_is_weighted_per_token_per_row_or_not_at_all(task, texts, per):
    x, y, weight = task.preprocessor(texts)
    rows = np.linspace(0, 2, len(texts)).astype("float32")
    given = {"token": weight, "row": rows, "nothing": None}[per]
    expected = {"token": weight, "row": rows[:, None] + 0 * y, "nothing": np.ones_like(y)}[per]
    found = task.evaluate(x, y, sample_weight=given, batch_size=4, return_dict=True, verbose=0)
    assert close(found, means(task, [(x, y, expected)]))
