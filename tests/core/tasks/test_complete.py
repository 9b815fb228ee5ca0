"""`complete`: joint probabilities, held against enumeration."""

import json

import numpy as np
import pytest

from mlmzoo.errors import InputError, NoMaskError, RandomHeadError
from mlmzoo.kit.tokenizers.wordpiece import WordPiece
from mlmzoo.tasks.joint_filling import _needs_space

TEXT = "in the <mask> god <mask> heaven"


def everything(task, ids, order, ask):
    """Every way to fill the masks of a row, and its log-probability, without a beam."""
    tokenizer = task.preprocessor.tokenizer
    ordinary = sorted(set(range(tokenizer.vocabulary_size())) - set(tokenizer.special_token_ids))
    masked = [at for at, id in enumerate(ids) if id == tokenizer.mask_token_id]
    if not masked:
        return {tuple(ids): 0.0}
    said = {at: ask(task, ids, at) for at in masked}
    if order == "left_to_right":
        at = masked[0]
    else:
        at = max(masked, key=lambda at: said[at][ordinary].max())
    found = {}
    for id in ordinary:
        rest = everything(task, [*ids[:at], id, *ids[at + 1 :]], order, ask)
        found.update({key: value + said[at][id] for key, value in rest.items()})
    return found


@pytest.mark.parametrize("order", ["confident", "left_to_right"])
def test_a_beam_as_wide_as_the_vocabulary_finds_the_best_of_all_completions(
    trained, order, row, log_probabilities
):
    known = everything(trained, row(trained, TEXT), order, log_probabilities)
    best = sorted(known.items(), key=lambda item: -item[1])[:10]
    found = trained.complete(TEXT, beam=100, order=order).completions
    assert len(found) == 100
    for (ids, log_probability), completion in zip(best, found, strict=False):
        assert completion.log_probability == pytest.approx(log_probability, abs=1e-4)
        assert [fill.ids for fill in completion.fills] == [(ids[3],), (ids[5],)]
    for completion in found:
        (first,), (second,) = (fill.ids for fill in completion.fills)
        ids = row(trained, TEXT)
        ids[3], ids[5] = first, second
        assert completion.log_probability == pytest.approx(known[tuple(ids)], abs=1e-4)


def test_completions_say_where_and_what(trained):
    answer = trained.complete(TEXT, beam=3)
    assert len(answer.completions) == 3
    probabilities = [completion.probability for completion in answer.completions]
    assert probabilities == sorted(probabilities, reverse=True)
    for completion in answer.completions:
        first, second = completion.fills
        assert TEXT[slice(*first.span)] == TEXT[slice(*second.span)] == "<mask>"
        assert completion.text == f"in the {first.text} god {second.text} heaven"
    assert json.loads(json.dumps(answer.to_dict()))["text"] == TEXT
    assert repr(answer).count("\n") == 3


def test_a_mask_becomes_several_tokens_where_that_is_more_probable_per_token(trained):
    answer = trained.complete("in the <mask> heaven", beam=4, num_tokens=(1, 3))
    singles = [
        trained.complete("in the " + " ".join(["<mask>"] * n) + " heaven", beam=4).completions
        for n in (1, 2, 3)
    ]
    expected = sorted((one.score for of in singles for one in of), reverse=True)[:4]
    assert [one.score for one in answer.completions] == pytest.approx(expected, abs=1e-4)
    for completion in answer.completions:
        (fill,) = completion.fills
        assert completion.text == f"in the {fill.text} heaven"
        assert len(fill.ids) == len(fill.tokens) == len(fill.text.split())


def test_the_same_tokens_shared_out_in_two_ways_are_one_completion(trained):
    answer = trained.complete("in <mask> <mask> heaven", beam=30, num_tokens=(1, 2))
    tokens = [sum((fill.ids for fill in one.fills), ()) for one in answer.completions]
    assert len(set(tokens)) == len(tokens) == 30


def test_a_batch_equals_one_by_one_and_a_stream_stays_one(trained):
    texts = [TEXT, "day <mask>", "<mask> the evening " + "day " * 9]
    together = trained.complete(texts, beam=2, batch_size=3)
    for text, answer in zip(texts, together, strict=True):
        alone = trained.complete(text, beam=2)
        assert answer.text == text
        assert [c.fills for c in answer.completions] == [c.fills for c in alone.completions]
    streamed = trained.complete((text for text in texts), beam=2)
    assert not isinstance(streamed, list)
    assert [answer.text for answer in streamed] == texts


def test_a_space_is_put_where_other_tokens_would_be_read_without_it():
    tokenizer = WordPiece(["[UNK]", "日", "本", "god", "."])
    for before, said, id, needed in (
        ("god", "god", 3, True),
        ("god ", "god", 3, False),
        ("", "god", 3, False),
        ("god", ".", 4, False),
        (".", "god", 3, False),
        ("日", "本", 2, False),
    ):
        assert _needs_space(tokenizer, before, said, [id]) == needed


def test_pairs_are_completed_in_both_texts(trained):
    answer = trained.complete(("in the <mask>", "god <mask> heaven"), beam=1)
    (completion,) = answer.completions
    first, second = completion.fills
    assert (first.segment, second.segment) == (0, 1)
    assert completion.text == (f"in the {first.text}", f"god {second.text} heaven")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"beam": 0}, "Asked for beam=0"),
        ({"order": "random"}, "order='random' was asked for. Give one of 'confident'"),
        ({"num_tokens": 0}, "num_tokens=0 was asked for"),
        ({"num_tokens": (3, 1)}, r"num_tokens=\(3, 1\) was asked for"),
        ({"num_tokens": 1.5}, "num_tokens=1.5 was asked for"),
        ({"num_tokens": (1, 9)}, "fill 2 masks with 1 to 9 tokens each, 81 ways"),
        ({"num_tokens": (1, 2, 3)}, r"num_tokens=\(1, 2, 3\) was asked for"),
        ({"num_tokens": True}, "num_tokens=True was asked for"),
        ({"num_tokens": 12}, "With 12, 12 tokens in its masks only 19 of 24 are within"),
    ],
)
def test_numbers_that_make_no_sense_are_refused(trained, arguments, message):
    with pytest.raises(InputError, match=message):
        trained.complete(TEXT, **arguments)


def test_numbers_of_numpy_are_numbers(trained):
    one, two = np.int64(1), np.int64(2)
    assert trained.complete("in <mask>", beam=two, num_tokens=(one, two)) == trained.complete(
        "in <mask>", beam=2, num_tokens=(1, 2)
    )


def test_a_long_text_is_cut(trained):
    answer = trained.complete("in the <mask> " + "day " * 30, beam=2, num_tokens=2)
    assert answer.completions[0].text.endswith("day " * 30)
    short = trained.complete("in the <mask> " + "day " * 18, beam=2, num_tokens=2)
    for one, other in zip(answer.completions, short.completions, strict=True):
        assert one.fills == other.fills
        assert one.log_probability == pytest.approx(other.log_probability, abs=1e-5)


def test_too_many_masks_are_refused_and_what_to_do_is_said(trained):
    trained.preprocessor.sequence_length = 48
    with pytest.raises(
        InputError, match=r"fill 40 masks .* at index 1: .* or fill_mask, which answers each"
    ):
        trained.complete(["<mask>", "<mask> " * 40])


def test_no_mask_a_mask_beyond_the_limit_and_a_random_head_are_refused(make, trained):
    with pytest.raises(NoMaskError, match="has no <mask>"):
        trained.complete(["day <mask>", "day"])
    with pytest.raises(NoMaskError, match="only 0 within the sequence length"):
        trained.complete("day " * 30 + "<mask>")
    with pytest.raises(RandomHeadError, match="complete was asked"):
        make().complete(TEXT)
    with pytest.raises(InputError):
        trained.complete([])
