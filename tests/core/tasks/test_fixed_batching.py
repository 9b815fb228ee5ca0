"""A family without an attention mask pads every row to one length, in training and in inference."""

import pytest

from mlmzoo.data import pipeline
from mlmzoo.tasks import asking

TEXTS = ["in the beginning", "and god said let there be light and there was light"] * 4
MASKED = ["in the <mask>", "and god said let there be <mask> and there was light"]


@pytest.fixture
def lengths(monkeypatch):
    """Lengths that rows were padded to."""
    seen = set()

    def recording(original):
        def frame(rows, masks, length, *args, **kwargs):
            seen.add(int(length))
            return original(rows, masks, length, *args, **kwargs)

        return frame

    for module in (pipeline, asking):
        monkeypatch.setattr(module, "frame", recording(module.frame))
    return seen


@pytest.fixture
def task(make, monkeypatch):
    task = make(head_state="trained")
    monkeypatch.setattr(type(task.preprocessor), "batching", "fixed")
    return task


def test_training_and_evaluation_pad_to_the_sequence_length(task, lengths):
    task.fit(TEXTS, batch_size=4, validation_data=TEXTS, verbose=0)
    task.evaluate(TEXTS, batch_size=4, verbose=0)
    assert lengths == {task.preprocessor.sequence_length}


def test_filling_and_predicting_pad_to_the_sequence_length(task, lengths):
    task.fill_mask(MASKED)
    task.predict(MASKED)
    assert lengths == {task.preprocessor.sequence_length}


def test_the_caller_has_the_last_word(task, lengths):
    task.evaluate(TEXTS[:1] * 4, batch_size=4, batching="length", verbose=0)
    assert max(lengths) < task.preprocessor.sequence_length


def test_other_families_pad_to_what_suits_the_data(make, lengths):
    task = make(head_state="trained")
    task.fill_mask(MASKED[0])
    assert max(lengths) < task.preprocessor.sequence_length
