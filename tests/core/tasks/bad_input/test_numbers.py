"""Bad numbers among the arguments, and preprocessors that belong to another model."""

import numpy as np
import pytest

from mlmzoo.errors import InputError, RandomHeadError

row = pytest.mark.row

NO_COUNT = [0, -1, 2.5, 32.0, True, "4", float("nan"), [3]]


@row(
    "a batch size, number of steps, epochs or candidates that is 0, negative, a float or a bool",
    "error",
)
@pytest.mark.parametrize("wrong", NO_COUNT)
def test_what_is_no_count_is_refused(still, doors, texts, wrong):
    def refused(method, *args, **given):
        (name,) = given
        with pytest.raises(InputError, match=f"Asked for {name}=.*; give an integer, at least 1"):
            method(*args, **given)

    for name in ("fit", "evaluate", "predict", "fill_mask", "batches"):
        refused(getattr(still, name), texts, batch_size=wrong)
    for name in (
        "epochs",
        "steps_per_epoch",
        "validation_steps",
        "validation_batch_size",
        "validation_freq",
    ):
        if name != "validation_freq" or wrong != [3]:  # of the third epoch
            refused(still.fit, texts, **{name: wrong})
    refused(still.evaluate, texts, steps=wrong)
    refused(still.predict, texts, steps=wrong)
    refused(still.fill_mask, "<mask>", top_k=wrong)
    if wrong != 0:
        with pytest.raises(InputError, match=r"initial_epoch=.*at least 0"):
            still.fit(texts, initial_epoch=wrong)


@row("`validation_freq` as a list, tuple, set or array of epochs", "taken")
@pytest.mark.parametrize("kind", [list, tuple, set, frozenset, np.array])
def test_epochs_to_validate_after_may_be_told_one_by_one(still, texts, kind):
    def validations(epochs):
        history = still.fit(
            texts, epochs=3, validation_data=texts, validation_freq=epochs, verbose=0
        ).history
        return len(history.get("val_loss", []))

    assert validations(kind([2, 3])) == 2
    with pytest.raises(InputError, match="Asked for an epoch of validation_freq=0"):
        validations(kind([0]))


@row("a batch size, number of steps of `evaluate`, or of candidates, beyond what there is", "taken")
def test_more_than_there_is_is_all_there_is(still, texts, evaluated):
    expected = evaluated(texts)
    assert evaluated(texts, steps=1000) == expected
    assert evaluated(texts, batch_size=2**40) == pytest.approx(expected, abs=1e-6)
    assert len(still.fill_mask("<mask>", top_k=10**6, batch_size=2**40).masks[0].candidates) == 52
    assert evaluated(texts, batch_size=np.int64(4)) == pytest.approx(expected, abs=1e-5)


@row("`initial_epoch` at or beyond `epochs`", "taken")
def test_a_finished_run_trains_nothing(still, texts):
    for epoch in (1, 5):
        assert still.fit(texts, initial_epoch=epoch, verbose=0).history == {}


@row(
    "a `validation_split` of 1 or more, negative or NaN, or one that leaves no text on a side",
    "error",
)
@pytest.mark.parametrize("wrong", [1, 1.0, 1.5, -0.1, float("nan"), True, "0.5", 0.99])
def test_a_split_must_leave_something_on_both_sides(still, texts, wrong):
    with pytest.raises(InputError, match="validation_split"):
        still.fit(texts[:3], validation_split=wrong, verbose=0)


@row(
    "a `sample_weight` that is negative, NaN, above 1e20, or not one a text (a row or a mask of "
    "tokenised input)",
    "error",
)
@pytest.mark.parametrize("wrong", [-1, float("nan"), float("inf"), 1e30, None, "heavy"])
def test_senseless_weights_of_texts_are_refused(still, texts, wrong):
    for call in (still.fit, still.evaluate, still.preprocessor):
        with pytest.raises(InputError, match="sample_weight"):
            call(texts, sample_weight=[*[1] * 10, wrong])
        for shape in ([1] * 10, [[1]] * 11, 1):
            with pytest.raises(InputError, match="sample_weight of shape"):
                call(texts, sample_weight=shape)
            with pytest.raises(InputError, match="sample_weight of shape"):
                call(iter(texts), sample_weight=shape)


@row("`sample_weight` 0 for all", "error")
def test_texts_that_weigh_nothing_are_refused(still, texts, evaluated):
    for call in (still.fit, still.evaluate):
        with pytest.raises(InputError, match="all of them have sample_weight 0"):
            call(texts, sample_weight=[0] * 11)
    # What is left must have something to mask.
    with pytest.raises(InputError, match="none that can be"):
        still.fit(["god", ""], sample_weight=[0, 1])
    evaluated(texts, sample_weight=[0] * 10 + [True])


# Masking ------------------------------------------------------------------------------------------


@pytest.fixture
def with_preprocessor(still):
    """The task with another preprocessor, for a while."""
    own = still.preprocessor

    def with_preprocessor(**settings):
        settings = {"sequence_length": 24, "mask_selection_length": 8, "seed": 7, **settings}
        still.preprocessor = type(own)(own.tokenizer, **settings)
        return still

    yield with_preprocessor
    still.preprocessor = own


@row("a masking rate of 0", "error")
def test_a_rate_of_0_teaches_nothing(with_preprocessor, texts):
    task = with_preprocessor(mask_selection_rate=0)
    for call in (task.fit, task.evaluate, task.batches):
        with pytest.raises(InputError, match=r"masking rate of 0.*rate above 0"):
            call(texts)
    with pytest.raises(InputError, match="masking rate of 0"):
        task.fit(texts, mask_rate_schedule=lambda done: 0.0)
    assert task.preprocessor(texts)[2].sum() == 0


@row("a masking rate of 1", "taken")
@pytest.mark.parametrize("masking", ["token", "whole_word", "span"])
def test_a_rate_of_1_masks_every_ordinary_token(with_preprocessor, texts, masking):
    task = with_preprocessor(mask_selection_rate=1, masking=masking, mask_selection_length=None)
    ordinary = ~task.preprocessor.rule.is_special[task.preprocessor.inputs(texts)["token_ids"]]
    weight = task.preprocessor(texts)[2]
    assert (weight.sum(axis=1) == ordinary.sum(axis=1)).all() and weight.any()
    if masking == "token":
        assert np.isfinite(task.fit(texts, verbose=0).history["loss"]).all()


@row(
    "a rate outside of 0 to 1, NaN, a bool or a str; replacement rates that sum to more than 1",
    "error",
)
@pytest.mark.parametrize("wrong", [1.5, -0.1, float("nan"), float("inf"), True, "0.15", None])
def test_what_is_no_rate_is_refused(with_preprocessor, wrong):
    for name in ("mask_selection_rate", "mask_token_rate", "random_token_rate", "span_end_rate"):
        with pytest.raises(InputError, match=f"{name}="):
            with_preprocessor(**{name: wrong})
    with pytest.raises(InputError, match="together they are more than 1"):
        with_preprocessor(mask_token_rate=0.8, random_token_rate=0.3)


@row("a `mask_rate_schedule` that gives 0 for a part of the run", "taken")
def test_a_schedule_may_rest(still, texts):
    history = still.fit(
        texts,
        batch_size=4,
        epochs=2,
        mask_rate_schedule=lambda done: 0.15 if done < 0.5 else 0,
        verbose=0,
    ).history
    assert np.isfinite(history["loss"]).all()
    assert history["loss"][0] > 0


@row("a `mask_rate_schedule` that is no function, or gives something that is no rate", "error")
@pytest.mark.parametrize("wrong", [1.5, -0.1, float("nan"), True, "0.15", None])
def test_a_schedule_must_give_rates(still, texts, wrong):
    with pytest.raises(InputError, match=r"mask_rate_schedule\(0\)="):
        still.fit(texts, mask_rate_schedule=lambda done: wrong, verbose=0)
    with pytest.raises(InputError, match=r"mask_rate_schedule=0\.2; give a function"):
        still.fit(texts, mask_rate_schedule=0.2, verbose=0)


@row("a `mask_rate_schedule` that is no function, or gives something that is no rate", "error")
@pytest.mark.parametrize("wrong", [1.5, float("nan"), ZeroDivisionError])
def test_a_schedule_that_fails_in_the_middle_of_a_run_says_where(still, texts, wrong):
    def schedule(done):
        if 0.331 < done < 0.339:  # between the points that are asked for at the start
            if wrong is ZeroDivisionError:
                raise wrong
            return wrong
        return 0.15

    error, match = InputError, r"mask_rate_schedule\(0\.333"
    if wrong is ZeroDivisionError:
        error, match = wrong, None
    with pytest.raises(error, match=match):
        still.fit(texts, epochs=3, mask_rate_schedule=schedule, verbose=0)


@row("a seed that is negative, a float, a bool or a str", "error")
@pytest.mark.parametrize("wrong", [-1, 1.5, 7.0, True, "7", float("nan")])
def test_what_is_no_seed_is_refused(with_preprocessor, still, texts, wrong):
    with pytest.raises(InputError, match="seed="):
        with_preprocessor(seed=wrong)
    with pytest.raises(InputError, match="seed="):
        still.batches(texts, seed=wrong)


@row("a seed that is negative, a float, a bool or a str", "error")
def test_any_other_integer_is_a_seed(with_preprocessor, texts):
    for seed in (0, 2**70, np.int64(3), None):
        assert with_preprocessor(seed=seed).preprocessor(texts)[2].sum() > 0


# Preprocessor and model ---------------------------------------------------------------------------


@row(
    "a `sequence_length` that leaves no room beside the special tokens: 0 to 2, or 3 for pairs",
    "error",
)
@pytest.mark.parametrize("wrong", [0, 1, 2, -1, 5.0, True, "24", None, float("nan")])
def test_a_sequence_length_must_leave_room(with_preprocessor, wrong):
    with pytest.raises(InputError, match=r"sequence_length=.*at least 3"):
        with_preprocessor(sequence_length=wrong)


@row(
    "a `sequence_length` that leaves no room beside the special tokens: 0 to 2, or 3 for pairs",
    "error",
)
def test_pairs_need_room_for_one_token_more(with_preprocessor, texts, evaluated):
    task = with_preprocessor(sequence_length=3)
    evaluated(texts, task)
    with pytest.raises(InputError, match="sequence_length at least 4"):
        task.fit((texts, texts))
    with pytest.raises(InputError, match="alone take 3"):
        task.preprocessor((texts, texts))
    evaluated((texts, texts), with_preprocessor(sequence_length=4))


TOO_LONG = "a `sequence_length` above the model's positions"


@row(TOO_LONG, "error")
def test_rows_too_long_for_a_model_are_seen_when_the_two_meet(still, make, with_preprocessor):
    kind, tokenizer = type(still.preprocessor), still.preprocessor.tokenizer
    match = "with 48 positions; its sequence_length is 49. Give it sequence_length=48 or less"
    with pytest.raises(InputError, match=match):
        with_preprocessor(sequence_length=49)
    with pytest.raises(InputError, match=match):
        type(still)(still.backbone, kind(tokenizer, sequence_length=49))
    assert with_preprocessor(sequence_length=48).preprocessor.sequence_length == 48


@row(TOO_LONG, "error")
def test_rows_too_long_for_a_model_are_seen_when_they_are_made_so(refused, still, monkeypatch):
    monkeypatch.setattr(still.preprocessor, "sequence_length", 49)
    doors = ("fit", "evaluate", "validation_data", "batches", "predict", "fill_mask")
    refused(["god <mask>"], "with 48 positions", doors)


@row(TOO_LONG, "error")
def test_rows_too_long_for_a_backbone_are_seen_when_it_comes(still):
    backbone = still.backbone
    small = type(backbone)(**{**backbone.settings, "max_sequence_length": 16})
    with pytest.raises(InputError, match="with 16 positions; its sequence_length is 24"):
        still.backbone = small
    assert still.backbone is backbone


@row("a tokenizer with more ids than the model's embedding has rows", "error")
def test_a_tokenizer_of_another_model_is_seen_when_the_two_meet(still):
    own = still.preprocessor
    larger = type(own.tokenizer)([*own.tokenizer.get_vocabulary(), "more"])
    with pytest.raises(InputError, match="embedding of 52 rows; its tokenizer has 53 ids"):
        still.preprocessor = type(own)(larger, sequence_length=24)
    assert still.preprocessor is own


def test_a_random_head_is_asked_nothing(make):
    with pytest.raises(RandomHeadError):
        make().fill_mask("<mask>")
