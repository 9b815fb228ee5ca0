"""Texts longer than the sequence length, and batches for loops of one's own."""

import keras
import numpy as np
import pytest

from mlmzoo.errors import InputError

LONG = " ".join(["in the beginning god created the heaven and the earth"] * 5)
TEXTS = ["in the beginning", LONG, "and god said"]


def tokens(task, batches):
    """What the batches hold without their masks, text by text."""
    found = []
    for x, y, weight in batches.epoch():
        for row in range(len(y)):
            ids, real = x["token_ids"][row].copy(), weight[row] > 0
            ids[x["mask_positions"][row, real]] = y[row, real]
            for number in range(1, x["padding_mask"][row].max() + 1):
                text = ids[x["padding_mask"][row] == number]
                if len(text) > 1:
                    found.append(task.preprocessor.tokenizer.detokenize(text[1:-1].tolist()))
    return found


@pytest.mark.parametrize("batching", ["length", "packed", "fixed"])
def test_split_loses_no_token(make, batching):
    task = make(sequence_length=16)
    options = {"batching": batching, "long_texts": "split", "shuffle": False, "batch_size": 2}
    found = tokens(task, task.batches(TEXTS, **options))
    assert sum(len(text.split()) for text in found) == sum(len(text.split()) for text in TEXTS)
    lengths = sorted(len(text.split()) for text in found)
    assert lengths.count(14) == len(LONG.split()) // 14


def test_truncate_is_what_happens_unasked(make):
    task = make(sequence_length=16)
    found = tokens(task, task.batches(TEXTS, shuffle=False))
    assert len(found) == len(TEXTS)
    assert max(len(text.split()) for text in found) == 14


def test_pieces_weigh_what_their_text_weighs(make):
    task = make(sequence_length=16)
    opened = task._open(TEXTS, [1.0, 2.0, 3.0], None, None)
    rows = task._rows(opened, "split")
    pieces = -(-len(LONG.split()) // 14)
    assert rows.weights.tolist() == [1, *[2] * pieces, 3]


def test_words_are_split_where_their_tokens_are(make):
    task = make(sequence_length=16)
    task.preprocessor.masking = "whole_word"
    rows = task._rows(task._open(TEXTS, None, None, None), "split")
    assert len(rows.words) == len(rows.ids)
    assert rows.words[rows.offsets[:-1]].all()


def test_fit_and_evaluate_split_too(make):
    task = make(sequence_length=16)
    task.fit(TEXTS, long_texts="split", validation_data=TEXTS, batching="packed", verbose=0)
    whole = task.evaluate(TEXTS, long_texts="split", verbose=0)
    assert whole != task.evaluate(TEXTS, verbose=0)


def test_pairs_are_not_split(make):
    with pytest.raises(InputError, match="part what belongs together"):
        make().fit((TEXTS, TEXTS), long_texts="split")


def test_another_way_to_treat_long_texts_is_refused(make):
    with pytest.raises(InputError, match=r"long_texts='cut'.*'truncate', 'split'"):
        make().evaluate(TEXTS, long_texts="cut")


@pytest.fixture
def recorded(make):
    """A task, and the labels and weights of the batches that it is trained on."""
    task, seen = make(seed=7), []
    task.compile(run_eagerly=True, jit_compile=False)  # to see arrays
    train_step = task.train_step

    def recording(*arguments):
        _, *rest = arguments[-1]
        seen.append([keras.ops.convert_to_numpy(array) for array in rest])
        if len(arguments) == 2:  # on JAX, which takes a minute for steps that are not compiled
            return {"loss": 0.0}, arguments[0]
        return train_step(*arguments)

    task.train_step = recording
    return task, seen


def test_batches_are_those_that_fit_trains_on(recorded, texts):
    task, seen = recorded
    task.fit(texts, batch_size=4, epochs=2, verbose=0)
    batches = task.batches(texts, batch_size=4)
    expected = [y for number in range(2) for _, y, _ in batches.epoch(number)]
    assert len(seen) == 2 * len(batches)
    assert all((one[0] == other).all() for one, other in zip(seen, expected, strict=True))


def test_batches_of_what_is_tokenised_are_refused(make):
    with pytest.raises(InputError, match="tokenised already"):
        make().batches({"token_ids": np.ones((2, 3), "int32")})


def test_a_family_that_would_mix_packed_texts_is_not_packed(make, monkeypatch):
    task = make()
    monkeypatch.setattr(type(task.preprocessor), "batching", "length")
    with pytest.raises(InputError, match=r"batching='packed'.*would be mixed.*'length' or 'auto'"):
        task.fit(TEXTS, batching="packed")
    shapes = {x["padding_mask"].max() for x, _, _ in task.batches(TEXTS).epoch()}
    assert shapes == {1}


@pytest.mark.parametrize("method", ["fit", "evaluate", "batches"])
def test_a_misspelt_batching_is_refused_before_anything_is_tokenised(make, method):
    read = []
    stream = (read.append(text) or text for text in TEXTS)
    with pytest.raises(InputError, match=r"batching='pakced' was asked for.*'auto'.*'packed'"):
        getattr(make(), method)(stream, batching="pakced")
    assert len(read) == 1


def test_auto_packs_where_the_family_can(make):
    numbers = {x["padding_mask"].max() for x, _, _ in make().batches(TEXTS).epoch()}
    assert max(numbers) > 1


def test_auto_does_not_pack_far_more_texts_into_a_row_than_a_batch_has(make):
    texts = ["god"] * 20 + [LONG]
    batches = make().batches(texts, batch_size=2)
    assert len(batches) == 11
    assert {x["padding_mask"].max() for x, _, _ in batches.epoch()} == {1}


def test_a_schedule_of_the_masking_rate_reaches_the_masks(recorded):
    task, seen = recorded
    task.fit(
        [LONG] * 8,
        batch_size=4,
        epochs=4,
        mask_rate_schedule=lambda done: 0.3 - 0.25 * done,
        verbose=0,
    )
    masked = [weight.sum() for _, weight in seen]
    assert len(masked) == 8
    assert masked == sorted(masked, reverse=True)
    assert masked[0] > 2 * masked[-1]
