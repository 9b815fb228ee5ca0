"""Every form of the design's table goes through fit, evaluate and predict."""

import itertools

import keras
import numpy as np
import pytest

from mlmzoo.errors import InputError

NAMES = ("loss", "sparse_categorical_accuracy")


@pytest.fixture
def files(texts, tmp_path):
    (tmp_path / "a.txt").write_text("\n".join(texts[:4]), "utf-8")
    (tmp_path / "b.txt").write_text("\n\n".join(texts[4:]) + "\n", "utf-8")
    return tmp_path


def in_batches(items, size=4):
    return (items[i : i + size] for i in range(0, len(items), size))


def series(items):
    return pytest.importorskip("pandas").Series(items)


def dataset(items):
    return pytest.importorskip("tensorflow").data.Dataset.from_tensor_slices(items)


TEXT_FORMS = {
    "list": lambda texts, files: texts,
    "array of str": lambda texts, files: np.array(texts),
    "array of objects": lambda texts, files: np.array(texts, dtype=object),
    "Series": lambda texts, files: series(texts),
    "dict with a text column": lambda texts, files: {"text": texts},
    "glob": lambda texts, files: str(files / "*.txt"),
    "PathLike glob": lambda texts, files: files / "*.txt",
    "list of paths": lambda texts, files: [files / "a.txt", files / "b.txt"],
    "generator of texts": lambda texts, files: (text for text in texts),
    "generator of batches": lambda texts, files: in_batches(texts),
    "tf.data of texts": lambda texts, files: dataset(texts),
    "tf.data of batches": lambda texts, files: dataset(texts).batch(4),
}
PAIR_FORMS = {
    "tuple of lists": lambda first, second: (first, second),
    "tuple of arrays": lambda first, second: (np.array(first), np.array(second)),
    "tuple of Series": lambda first, second: (series(first), series(second)),
    "list of 2-tuples": lambda first, second: list(zip(first, second, strict=True)),
    "generator of pairs": lambda first, second: zip(first, second, strict=True),
    "generator of batches": lambda first, second: zip(
        in_batches(first), in_batches(second), strict=True
    ),
    "tf.data of pairs": lambda first, second: dataset((first, second)),
    "tf.data of batches": lambda first, second: dataset((first, second)).batch(4),
}


def evaluated(task, x, **options):
    return task.evaluate(x, batch_size=4, return_dict=True, verbose=0, **options)


@pytest.fixture(scope="module")
def still(make):
    """A task that stays as it is, whatever it is trained on."""
    return make()


@pytest.fixture(scope="module")
def of_list(still, texts):
    """Numbers of the plain list, from evaluate and from fit."""
    return numbers(still, lambda: texts)


@pytest.fixture(scope="module")
def of_pairs(still, texts):
    """Numbers of the plain tuple of two lists."""
    return numbers(still, lambda: (texts, texts[::-1]))


def numbers(task, given):
    history = task.fit(given(), batch_size=4, validation_data=given(), verbose=0).history
    return evaluated(task, given()), history


@pytest.mark.parametrize("form", TEXT_FORMS)
def test_texts_in_every_form_are_the_same_texts(still, texts, files, of_list, form):
    def given():
        return TEXT_FORMS[form](texts, files)

    assert numbers(still, given) == of_list
    assert [len(logits) for logits in still.predict(given(), verbose=0)] == [0] * len(texts)


@pytest.mark.parametrize("form", PAIR_FORMS)
def test_pairs_in_every_form_are_the_same_pairs(still, texts, of_list, of_pairs, form):
    assert of_pairs != of_list
    assert numbers(still, lambda: PAIR_FORMS[form](texts, texts[::-1])) == of_pairs


def test_predict_answers_each_text_at_its_masks(task):
    texts = ["in <mask> beginning", "no masks here", "<mask> and <mask> " + "day " * 15]
    together = task.predict(texts, batch_size=2, verbose=0)
    assert [logits.shape for logits in together] == [(1, 52), (0, 52), (2, 52)]
    for text, logits in zip(texts, together, strict=True):
        (alone,) = task.predict([text])
        np.testing.assert_allclose(alone, logits, atol=1e-5)


def test_the_batch_size_of_a_stream_is_kept(make, texts):
    task = make()
    steps = []
    counts = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: steps.append(1))
    task.fit(in_batches(texts, 3), callbacks=counts, verbose=0)
    assert len(steps) == 4


def test_an_endless_stream_needs_and_keeps_to_steps_per_epoch(task, texts):
    pulled = []
    endless = (pulled.append(text) or text for text in itertools.cycle(texts))
    steps = []
    counts = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: steps.append(1))
    history = task.fit(
        endless, batch_size=3, steps_per_epoch=2, epochs=3, callbacks=[counts], verbose=0
    )
    assert len(history.epoch) == 3
    assert len(steps) == 6
    assert len(pulled) == 18


def test_a_run_resumed_on_a_stream_goes_on_where_it_would_have_been(task, texts):
    def losses(**given):
        stream = in_batches((texts * 3)[:24], 3)
        return task.fit(
            stream, steps_per_epoch=2, epochs=3, shuffle=False, verbose=0, **given
        ).history["loss"]

    assert losses(initial_epoch=2) == [pytest.approx(losses()[2], abs=1e-6)]


# Tokenised input ----------------------------------------------------------------------------------


@pytest.fixture
def tokenised(task, texts):
    """A batch, and a task that takes nothing else."""
    batch = task.preprocessor(texts)
    task.preprocessor = None
    return task, batch


def test_tokenised_input_goes_to_keras(tokenised):
    task, (x, y, weight) = tokenised
    expected = task.evaluate(x, y, sample_weight=weight, batch_size=4, return_dict=True, verbose=0)
    history = task.fit(
        x, y, sample_weight=weight, batch_size=4, validation_data=(x, y, weight), verbose=0
    ).history
    for name in NAMES:
        assert history[name][0] == pytest.approx(expected[name], abs=1e-5)
        assert history[f"val_{name}"][0] == pytest.approx(expected[name], abs=1e-5)
    assert task.predict(x, verbose=0).shape == (*y.shape, 52)
    history = task.fit(x, y.tolist(), validation_split=0.3, verbose=0).history
    assert np.isfinite(history["val_loss"]).all()


def test_streams_of_tokenised_batches_go_to_keras(tokenised):
    task, batch = tokenised

    def stream():
        for rows in (slice(0, 6), slice(6, None)):
            yield keras.tree.map_structure(lambda array, rows=rows: array[rows], batch)

    expected = evaluated_on(task, batch)
    # Keras warns of a generator that ends before it was told to.
    found = task.evaluate(stream(), steps=2, return_dict=True, verbose=0)
    history = task.fit(
        stream(), steps_per_epoch=2, validation_data=stream(), validation_steps=2, verbose=0
    ).history
    for name in NAMES:
        assert found[name] == pytest.approx(expected[name], abs=1e-5)
        assert history[f"val_{name}"][0] == pytest.approx(expected[name], abs=1e-5)


def test_a_tf_data_set_mapped_by_the_preprocessor_trains(task, texts):
    preprocessor = task.preprocessor
    singles = dataset(texts).map(preprocessor).batch(4)
    batches = dataset(texts).batch(4).map(preprocessor)
    pairs = dataset((texts, texts)).map(lambda a, b: preprocessor(x=(a, b))).batch(4)
    for mapped in (singles, batches, pairs):
        x, y, weight = next(iter(mapped))
        assert x["token_ids"].shape == x["padding_mask"].shape == (4, 24)
        assert x["mask_positions"].shape == y.shape == weight.shape == (4, 8)
        history = task.fit(mapped, validation_data=mapped, verbose=0).history
        assert np.isfinite(history["loss"] + history["val_loss"]).all()


def test_weights_reach_a_mapped_tf_data_set(task, texts):
    weighted = dataset((texts, np.arange(len(texts), dtype="float64")))
    for mapped in (
        weighted.map(lambda x, w: task.preprocessor(x, sample_weight=w)).batch(11),
        weighted.batch(11).map(lambda x, w: task.preprocessor(x, sample_weight=w)),
    ):
        weight = next(iter(mapped))[2].numpy()
        np.testing.assert_array_equal(weight.max(axis=1), np.arange(len(texts)))


def evaluated_on(task, batch):
    x, y, weight = batch
    return task.evaluate(x, y, sample_weight=weight, return_dict=True, verbose=0)


# The other arguments of fit -----------------------------------------------------------------------


def test_validation_split_keeps_the_last_texts(task, texts):
    history = task.fit(texts, validation_split=0.28, verbose=0).history
    expected = evaluated(task, texts[-4:])
    for name in NAMES:
        assert history[f"val_{name}"][0] == pytest.approx(expected[name], abs=1e-5)


def test_validation_split_keeps_weights_and_pairs_with_their_texts(task, texts):
    weights = np.arange(1.0, 12)
    pairs = (texts, texts[::-1])
    history = task.fit(pairs, sample_weight=weights, validation_split=0.28, verbose=0).history
    expected = evaluated(task, (texts[-4:], texts[3::-1]), sample_weight=weights[-4:])
    assert history["val_loss"][0] == pytest.approx(expected["loss"], abs=1e-5)


@pytest.mark.parametrize("share", [0.99, 1.5, -1])
def test_a_validation_split_that_leaves_nothing_is_refused(task, texts, share):
    with pytest.raises(InputError, match="validation_split"):
        task.fit(texts[:3], validation_split=share, verbose=0)


def test_initial_epoch_goes_on_with_the_masks_of_that_epoch(task, texts):
    whole = task.fit(texts, batch_size=4, epochs=3, verbose=0).history["loss"]
    rest = task.fit(texts, batch_size=4, epochs=3, initial_epoch=2, verbose=0).history["loss"]
    assert len(set(whole)) == 3
    assert rest == [pytest.approx(whole[2], abs=1e-6)]


def test_a_restored_run_goes_on_with_the_masks_it_would_have_had(make, texts, tmp_path):
    class Interrupt(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                raise KeyboardInterrupt

    def fit(*callbacks):
        return task.fit(texts, epochs=3, callbacks=list(callbacks), verbose=0).history["loss"]

    task = make()
    whole = fit()
    backup = keras.callbacks.BackupAndRestore(tmp_path / "backup")
    with pytest.raises(KeyboardInterrupt):
        fit(backup, Interrupt())
    assert fit(backup) == pytest.approx(whole[1:], abs=1e-6)
    # The next run begins at the beginning.
    assert fit() == pytest.approx(whole, abs=1e-6)


def test_a_frozen_backbone_stays_and_the_head_learns(make, texts, eagerly):
    task = make()
    task.backbone.trainable = False
    task.compile(optimizer=keras.optimizers.SGD(0.5), **eagerly)
    backbone, head = task.backbone.get_weights(), task.mlm_head.get_weights()
    task.fit(texts, verbose=0)
    for before, after in zip(backbone, task.backbone.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)
    assert any(
        (before != after).any()
        for before, after in zip(head, task.mlm_head.get_weights(), strict=True)
    )


# Refusals -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", [{"y": [1]}, {"class_weight": {0: 1.0}}])
def test_labels_of_texts_are_refused(task, texts, given):
    with pytest.raises(InputError, match=f"{next(iter(given))} was given with raw text"):
        task.fit(texts, verbose=0, **given)


def test_texts_without_a_preprocessor_are_refused(task, texts):
    task.preprocessor = None
    for method in (task.fit, task.evaluate, task.predict):
        with pytest.raises(InputError, match="whose preprocessor is None"):
            method(texts, verbose=0)


def test_a_tuple_of_str_is_refused_with_both_spellings(task):
    for method in (task.fit, task.evaluate, task.predict):
        with pytest.raises(
            InputError, match=r"\['text one', 'text two'\].*\[\('first', 'second'\)"
        ):
            method(("in the beginning", "light and day"), verbose=0)
