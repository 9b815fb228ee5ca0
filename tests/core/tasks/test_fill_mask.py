"""`fill_mask`: candidates for each mask, in order; refusals where there is none to answer."""

import dataclasses
import json

import keras
import numpy as np
import pytest

from mlmzoo.errors import InputError, NoMaskError, RandomHeadError

TEXTS = [
    "in the <mask> god created",
    "day <mask>",
    "<mask> and the evening and the morning were <mask> first " + "day " * 8,
    "let there be <mask>",
]


def test_each_mask_gets_candidates_in_order_of_probability(trained):
    answer = trained.fill_mask(TEXTS[2], top_k=4)
    assert answer.text == TEXTS[2]
    assert [mask.position for mask in answer.masks] == [1, 9]
    for mask in answer.masks:
        assert len(mask.candidates) == 4
        probabilities = [candidate.probability for candidate in mask.candidates]
        assert probabilities == sorted(probabilities, reverse=True)
        for candidate in mask.candidates:
            assert trained.preprocessor.tokenizer.id_to_token(candidate.id) == candidate.token


def test_probabilities_are_softmax_of_the_models_logits(trained):
    tokenizer = trained.preprocessor.tokenizer
    ids = [tokenizer.start_token_id, *tokenizer.encode([TEXTS[0]], "mask")[0]]
    ids = np.array([[*ids, tokenizer.end_token_id]], "int32")
    inputs = {"token_ids": ids, "padding_mask": np.ones_like(ids), "mask_positions": [[3]]}
    inputs = {name: keras.ops.convert_to_tensor(value, "int32") for name, value in inputs.items()}
    logits = keras.ops.convert_to_numpy(trained(inputs))[0, 0].astype("float64")
    expected = np.exp(logits) / np.exp(logits).sum()
    candidates = trained.fill_mask(TEXTS[0], top_k=52).masks[0].candidates
    found = np.zeros(52)
    for candidate in candidates:
        found[candidate.id] = candidate.probability
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert found.sum() == pytest.approx(1)


def test_a_batch_of_mixed_lengths_equals_one_by_one(trained):
    together = trained.fill_mask(TEXTS, batch_size=3)
    assert [answer.text for answer in together] == TEXTS
    for text, answer in zip(TEXTS, together, strict=True):
        alone = trained.fill_mask(text)
        assert [mask.position for mask in alone.masks] == [mask.position for mask in answer.masks]
        for one, other in zip(alone.masks, answer.masks, strict=True):
            assert [c.probability for c in one.candidates] == pytest.approx(
                [c.probability for c in other.candidates], abs=1e-6
            )


def test_a_list_of_one_gives_a_list(trained):
    assert trained.fill_mask([TEXTS[1]]) == [trained.fill_mask(TEXTS[1])]


def test_a_pair_is_a_tuple_and_is_answered_as_one_row(trained):
    answer = trained.fill_mask(("in the beginning", "god <mask> heaven"))
    assert answer.text == ("in the beginning", "god <mask> heaven")
    assert [mask.position for mask in answer.masks] == [6]
    assert trained.fill_mask([("in the beginning", "god <mask> heaven")]) == [answer]


def test_more_candidates_than_tokens_are_all_tokens(trained):
    (mask,) = trained.fill_mask(TEXTS[1], top_k=10_000).masks
    assert len(mask.candidates) == trained.preprocessor.tokenizer.vocabulary_size()


@pytest.mark.parametrize("top_k", [0, -1])
def test_fewer_than_one_candidate_is_refused(trained, top_k):
    with pytest.raises(InputError, match=f"Asked for top_k={top_k}"):
        trained.fill_mask(TEXTS[1], top_k=top_k)


def test_a_text_without_a_mask_is_refused_and_shown(trained):
    with pytest.raises(NoMaskError, match=r"has no <mask>: 'in the beginning'.*Put <mask>"):
        trained.fill_mask([TEXTS[0], "in the beginning"])
    with pytest.raises(NoMaskError, match="in the / beginning"):
        trained.fill_mask(("in the", "beginning"))


def test_a_mask_beyond_the_sequence_length_is_refused_not_dropped(trained):
    with pytest.raises(NoMaskError, match=r"has 2 <mask>, and only 1 within .* 24 tokens"):
        trained.fill_mask("in the <mask> " + "day " * 30 + "<mask>")
    with pytest.raises(NoMaskError, match=r"has 1 <mask>, and only 0"):
        trained.fill_mask("day " * 30 + "<mask>")


def test_a_random_head_refuses(make):
    with pytest.raises(RandomHeadError, match=r"never trained.*fit\(\)"):
        make().fill_mask(TEXTS[0])


def test_an_unknown_head_answers(make):
    assert make(head_state="unknown").fill_mask(TEXTS[0])


def test_a_model_without_a_preprocessor_refuses(trained):
    trained.preprocessor = None
    with pytest.raises(InputError, match="preprocessor is None"):
        trained.fill_mask(TEXTS[0])


def test_answers_are_frozen_readable_and_plain_data(trained):
    answer = trained.fill_mask(TEXTS[0], top_k=2)
    candidate = answer.masks[0].candidates[0]
    for thing in (answer, answer.masks[0], candidate):
        with pytest.raises(dataclasses.FrozenInstanceError):
            thing.text = "other"
    assert json.loads(json.dumps(answer.to_dict())) == {
        "text": TEXTS[0],
        "masks": [
            {
                "position": 3,
                "candidates": [c.to_dict() for c in answer.masks[0].candidates],
                "span": [7, 13],
                "segment": 0,
            }
        ],
    }
    assert set(candidate.to_dict()) == {"token", "text", "id", "probability"}
    first, second = repr(answer).splitlines()
    assert first == repr(TEXTS[0])
    assert second.startswith(f"  mask at 3: {candidate.token!r} {candidate.probability:.1%}, ")
