"""Held-out text: never trained on, the same every time, judged with the masks of `evaluate`."""

from __future__ import annotations

import numpy as np
import pytest

from mlmzoo.contract.errors import InputError
from mlmzoo.data.pipeline import MaskedBatches
from mlmzoo.plugins import registry
from mlmzoo.tasks.held_out import held_out_split, masked_labels, unigram_baseline
from mlmzoo.testing.tiny import CORPUS, tiny_task

TEXTS = [f"text {i}" for i in range(200)]


def test_parts_are_disjoint_complete_and_in_order():
    seen, held_out = held_out_split(TEXTS, 0.1, seed=4)
    assert len(held_out) == 20
    assert sorted(seen + held_out) == sorted(TEXTS)
    assert seen == [text for text in TEXTS if text in set(seen)]


def test_copies_of_a_text_stay_together():
    seen, held_out = held_out_split(TEXTS * 3, 0.1, seed=4)
    assert not set(seen) & set(held_out)
    assert len(held_out) == 60


def test_the_seed_decides_and_the_same_seed_decides_the_same():
    assert held_out_split(TEXTS, 0.1, 4) == held_out_split(TEXTS, 0.1, 4)
    assert held_out_split(TEXTS, 0.1, 4) != held_out_split(TEXTS, 0.1, 5)
    # Written down: a published figure is about these texts on every machine.
    assert held_out_split(TEXTS, 0.01, 4)[1] == ["text 64", "text 135"]


def test_at_least_one_text_is_held_out():
    assert len(held_out_split(["a", "b", "c"], 0.1, 0)[1]) == 1


@pytest.mark.parametrize("share", [0, 1, -0.1, 1.5])
def test_a_share_that_is_none_is_refused(share):
    with pytest.raises(InputError, match="between 0 and 1"):
        held_out_split(TEXTS, share, 0)


@pytest.mark.parametrize("texts", [[], ["a"], ["a", "a"]])
def test_too_few_texts_are_refused(texts):
    with pytest.raises(InputError, match="leaves none to train on"):
        held_out_split(texts, 0.5, 0)


@pytest.fixture(scope="module")
def task():
    return tiny_task(registry().family("toy"), settings={"vocabulary_size": 60})


def test_labels_are_those_that_evaluate_asks_for(task):
    asked = []
    rows = task._rows(task._open(list(CORPUS), None, None, 4), "truncate")
    batches = task._fixed_batches(rows, 4, "length")
    assert isinstance(batches, MaskedBatches)
    for index in range(len(batches)):
        _, labels, weights = batches[index]
        asked.extend(labels[weights > 0])
    assert sorted(asked) == sorted(masked_labels(task.preprocessor, CORPUS))


def test_the_baseline_counts_the_training_texts_only(task):
    common = ["the the the the the"]
    found = unigram_baseline(task.preprocessor, common, CORPUS)
    labels = masked_labels(task.preprocessor, CORPUS)
    the = task.preprocessor.tokenizer.token_to_id("the")
    assert found.most_frequent == the
    assert found.accuracy == pytest.approx(np.mean(labels == the))
