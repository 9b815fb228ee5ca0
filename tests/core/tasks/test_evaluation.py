"""`evaluate_texts`: loss and accuracy of `evaluate`, pseudo-perplexity of `score`, intervals."""

import json
import math

import numpy as np
import pytest

from mlmzoo import pseudo_perplexity
from mlmzoo.errors import InputError, RandomHeadError
from mlmzoo.tasks import evaluation
from mlmzoo.tasks.evaluation import evaluate_texts


@pytest.fixture(scope="module")
def trained(make):
    return make(head_state="trained")


def test_loss_and_accuracy_are_those_of_evaluate(trained, texts):
    found = evaluate_texts(trained, texts)
    wanted = trained.evaluate(texts, verbose=0, return_dict=True)
    assert found.texts == len(texts)
    assert found.loss.value == pytest.approx(wanted["loss"], rel=1e-4)
    accuracy = next(value for name, value in wanted.items() if name != "loss")
    assert found.accuracy.value == pytest.approx(accuracy, rel=1e-5)


@pytest.mark.parametrize("method", ["pll", "one_pass"])
def test_pseudo_perplexity_is_that_of_the_scores(trained, texts, method):
    found = evaluate_texts(trained, texts, method=method)
    scores = trained.score(texts, method)
    assert found.pseudo_perplexity.value == pytest.approx(pseudo_perplexity(scores), rel=1e-4)
    assert found.scored_texts == len(texts)
    assert found.scored_tokens == sum(len(score.tokens) for score in scores)
    assert found.approximate == (method == "one_pass")


def test_figures_lie_in_their_intervals(trained, texts):
    found = evaluate_texts(trained, texts)
    for estimate in (found.loss, found.accuracy, found.pseudo_perplexity):
        assert estimate.low <= estimate.value <= estimate.high
    assert found.loss.low < found.loss.high
    assert found.pseudo_perplexity.low < found.pseudo_perplexity.high


def test_the_seed_settles_masks_sample_and_intervals(trained, texts):
    def found(seed):
        return evaluate_texts(trained, texts, seed=seed, sample=3)

    assert found(3) == found(3)
    one, other = found(3), found(4)
    assert one.loss.value != other.loss.value
    assert one.pseudo_perplexity.value != other.pseudo_perplexity.value


def test_only_a_sample_is_scored_and_its_texts_are_those_given(trained, texts, monkeypatch):
    scored = []

    def score(some, *args):
        scored.extend(some)
        return type(trained).score(trained, some, *args)

    monkeypatch.setattr(trained, "score", score)
    found = evaluate_texts(trained, texts, sample=4)
    assert found.scored_texts == len(scored) == 4
    assert [text for text in texts if text in scored] == scored  # in the order of the file
    assert found.texts == len(texts)


def test_a_text_of_exactly_the_sequence_length_is_scored_and_a_longer_one_is_counted(trained):
    length = trained.preprocessor.sequence_length
    exact, longer = " ".join(["god"] * (length - 2)), " ".join(["god"] * (length - 1))
    found = evaluate_texts(trained, [exact, longer, "in the beginning"])
    assert (found.texts, found.scored_texts, found.too_long) == (3, 2, 1)
    assert found.scored_tokens == length - 2 + 3


@pytest.mark.parametrize("form", [tuple, np.array, iter], ids=["pairs", "array", "stream"])
def test_texts_come_in_all_forms_that_fit_takes(trained, texts, form):
    if form is tuple:
        texts = [(text, "day") for text in texts]
        assert evaluate_texts(trained, texts).scored_texts == len(texts)
        return
    assert evaluate_texts(trained, form(texts)) == evaluate_texts(trained, texts)


def test_a_mask_in_a_text_is_text_to_the_loss_and_a_gap_to_the_score(trained):
    found = evaluate_texts(trained, ["in the <mask> god", "god and god"])
    assert found.scored_tokens == 6


def test_no_answer_takes_long_to_be_refused(trained, texts, monkeypatch):
    monkeypatch.setattr(evaluation, "judge", None)  # nothing is computed
    long = ["god " * 30]
    for given, options, message in [
        ("in the beginning", {}, "one str 'in the beginning'. Give a list"),
        ({"token_ids": [[1]]}, {}, "which is tokenised already"),
        ([], {}, "found none"),
        (["", ""], {}, "The 2 texts to evaluate on hold no token"),
        (long, {}, "None of the 1 texts fits the sequence length of 24 tokens"),
        (texts, {"method": "ppl"}, "method='ppl'"),
        (texts, {"sample": 0}, "sample=0"),
        (texts, {"seed": -1}, "seed=-1"),
        (texts, {"batch_size": 0}, "batch_size=0"),
    ]:
        with pytest.raises(InputError, match=message):
            evaluate_texts(trained, given, **options)


def test_texts_without_a_token_to_score_are_refused(trained):
    with pytest.raises(InputError, match="hold no tokens"):
        evaluate_texts(trained, ["<mask>", "god " * 30])


def test_a_random_head_refuses(make, texts):
    with pytest.raises(RandomHeadError, match="evaluate_texts was asked"):
        evaluate_texts(make(), texts)


def test_evaluations_are_plain_data(trained, texts):
    found = json.loads(json.dumps(evaluate_texts(trained, texts, method="one_pass").to_dict()))
    assert found["approximate"] is True
    assert found["too_long"] == 0
    assert math.log(found["pseudo_perplexity"]["value"]) > 0
