"""Batches for inference: as long as their longest row, or of few shapes where each is compiled."""

import keras
import numpy as np
import pytest

from mlmzoo.tasks import asking

TEXTS = ["day <mask>", "in the <mask> god created", "<mask> " + "day " * 9, "let there be <mask>"]


@pytest.fixture
def shapes(monkeypatch):
    """Rows and length of every batch framed."""
    seen = []

    def recording(*args, **kwargs):
        batch = original(*args, **kwargs)
        seen.append(batch[0]["token_ids"].shape)
        return batch

    original = asking.frame
    monkeypatch.setattr(asking, "frame", recording)
    return seen


def test_batches_are_as_long_as_their_rows_where_shapes_cost_nothing(make, shapes, monkeypatch):
    monkeypatch.setattr(asking, "compiles_every_shape", lambda task: False)
    make(head_state="trained").fill_mask(TEXTS, batch_size=3)
    assert shapes == [(3, 7), (1, 12)]


def test_batches_have_few_shapes_where_each_is_compiled(make, shapes, monkeypatch):
    monkeypatch.setattr(asking, "compiles_every_shape", lambda task: True)
    make(head_state="trained").fill_mask(TEXTS, batch_size=3)
    assert shapes == [(3, 16), (1, 16)]


def test_shapes_are_compiled_on_jax_and_wherever_it_was_asked_for(make):
    task = make()
    task.compile(run_eagerly=True)
    assert not asking.compiles_every_shape(task)
    task.compile(run_eagerly=False)
    assert asking.compiles_every_shape(task) == (keras.backend.backend() == "jax")
    task.compile(run_eagerly=False, jit_compile=True)
    assert asking.compiles_every_shape(task)


def test_answers_do_not_depend_on_how_rows_were_grouped(make, monkeypatch):
    task = make(head_state="trained")
    logits = []
    for compiled in (False, True):
        monkeypatch.setattr(asking, "compiles_every_shape", lambda task, it=compiled: it)
        logits.append(task.predict([*TEXTS, "no mask"], batch_size=3))
    assert [len(array) for array in logits[0]] == [1, 1, 1, 1, 0]
    for tight, few in zip(*logits, strict=True):
        np.testing.assert_allclose(tight, few, atol=1e-5)
