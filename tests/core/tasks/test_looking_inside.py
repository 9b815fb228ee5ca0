"""Vectors and hidden states of a task; families' attention is tested in tests/families."""

import numpy as np
import pytest

from mlmzoo.errors import InputError

TEXTS = ["in the beginning god created", "god", "let there be light and the evening"]


def test_hidden_states_end_with_the_sequence_output(task, row):
    states = task.hidden_states(TEXTS[0])
    length = len(row(task, TEXTS[0]))
    assert states.shape[1] == length
    assert len(states) == len(task.backbone.hidden_states)
    ids = np.array([row(task, TEXTS[0])], "int32")
    whole = task.backbone.predict_on_batch({"token_ids": ids, "padding_mask": np.ones_like(ids)})
    np.testing.assert_allclose(states[-1], np.asarray(whole["sequence_output"])[0], atol=1e-5)


@pytest.mark.parametrize("layer", [0, 1, -1])
def test_vectors_pool_the_tokens_of_each_text(task, layer):
    for pooling, pool in (
        ("mean", lambda states: states.mean(axis=0)),
        ("max", lambda states: states.max(axis=0)),
        ("cls", lambda states: states[0]),
    ):
        found = task.embed(TEXTS, pooling=pooling, layer=layer, batch_size=2)
        wanted = [pool(task.hidden_states(text)[layer]) for text in TEXTS]
        np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_one_text_gives_one_vector_and_a_stream_gives_all(task):
    every = task.embed(TEXTS)
    np.testing.assert_allclose(task.embed(TEXTS[1]), every[1], atol=1e-5)
    np.testing.assert_allclose(task.embed(text for text in TEXTS), every, atol=1e-5)
    assert task.embed(("in the", "beginning")).shape == every[0].shape


def test_normalised_vectors_have_length_one(task):
    np.testing.assert_allclose(
        np.linalg.norm(task.embed(TEXTS, normalize=True), axis=1), 1, atol=1e-5
    )


def test_vectors_follow_training_and_another_backbone(make):
    task = make(learning_rate=0.5)
    before = task.embed(TEXTS[0])
    task.fit(TEXTS, verbose=0)
    assert not np.allclose(task.embed(TEXTS[0]), before)
    other = make()
    task.backbone = other.backbone
    np.testing.assert_allclose(task.embed(TEXTS[0]), other.embed(TEXTS[0]), atol=1e-6)


def test_a_backbone_without_hidden_states_tells_its_last_layer_only(task):
    last = task.embed(TEXTS)
    task.backbone.hidden_states = ()
    np.testing.assert_allclose(task.embed(TEXTS), last, atol=1e-6)
    with pytest.raises(InputError, match="Layer 1 was asked of ToyBackbone, which tells its last"):
        task.embed(TEXTS, layer=1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"layer": 1.5}, "layer=1.5 was asked for"),
        ({"layer": True}, "layer=True was asked for"),
        ({"layer": None}, "layer=None was asked for"),
        ({"pooling": "sum"}, "pooling='sum' was asked for. Give one of 'mean'"),
        ({"layer": 9}, r"layer=9 was asked for. The backbone has layers 0 to \d"),
        ({"layer": -9}, "layer=-9 was asked for"),
    ],
)
def test_what_is_not_there_is_refused(task, arguments, message):
    with pytest.raises(InputError, match=message):
        task.embed(TEXTS, **arguments)


def test_blocks_without_attention_say_so(task):
    with pytest.raises(InputError, match=r"ToyBackbone, whose blocks \(Mix\) have none to show"):
        task.attentions(TEXTS[0])


def test_a_model_without_preprocessor_refuses(task):
    task.preprocessor = None
    for ask in (task.embed, task.hidden_states, task.attentions):
        with pytest.raises(InputError, match="preprocessor is None"):
            ask(TEXTS[0])


def test_one_text_is_looked_into_at_a_time(task):
    for ask in (task.hidden_states, task.attentions):
        for many in (TEXTS, [TEXTS[0]], 3):
            with pytest.raises(InputError, match="Give one text, or a pair"):
                ask(many)
