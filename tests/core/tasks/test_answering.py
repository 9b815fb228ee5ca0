"""Texts in the form in which they are asked: streams, what is said of which text."""

from itertools import count, repeat

import pytest

from mlmzoo.errors import InputError, NoMaskError
from mlmzoo.tasks import answering


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr(answering, "AT_ONCE", 3)


def read(texts):
    """The texts as a stream, and a list of those that were pulled from it."""
    pulled = []

    def stream():
        for text in texts:
            pulled.append(text)
            yield text

    return stream(), pulled


@pytest.mark.parametrize("options", [{}, {"candidates": ["god", "heaven light"]}])
def test_the_first_answers_of_a_stream_come_after_a_few_texts(trained, options):
    stream, pulled = read(repeat("day <mask>"))
    answers = trained.fill_mask(stream, **options)
    assert len(pulled) <= 1
    assert next(answers).text == "day <mask>"
    assert len(pulled) <= answering.AT_ONCE


def test_many_candidates_are_asked_of_few_texts_at_a_time(trained):
    stream, pulled = read(repeat("day <mask>"))
    next(trained.fill_mask(stream, candidates=["god", "light"] * 50, batch_size=2))
    assert len(pulled) == 2
    stream, pulled = read(repeat("day <mask>"))
    next(trained.complete(stream, beam=50))
    assert len(pulled) == answering.AT_ONCE // 50


@pytest.mark.usefixtures("few")
def test_a_bad_text_does_not_take_the_answers_before_it_along(trained):
    texts = ["day <mask>"] * 7 + ["day"]
    answers = trained.fill_mask(iter(texts))
    assert [next(answers).text for _ in range(6)] == texts[:6]
    with pytest.raises(NoMaskError, match="The text at index 7 to be filled has no <mask>: 'day'"):
        next(answers)


@pytest.mark.usefixtures("few")
def test_batches_of_a_stream_are_answered_some_at_a_time(trained):
    texts = [f"day <mask> {word}" for word in "abcdefgh"]
    answers = trained.fill_mask(iter([texts[:5], texts[5:]]))
    assert [answer.text for answer in answers] == texts
    answers = trained.fill_mask(iter([[*texts[:4], "day"], texts]))
    assert [next(answers).text for _ in range(3)] == texts[:3]


def test_which_text_is_said_where_there_are_several(trained):
    with pytest.raises(NoMaskError, match=r"^The text to be filled has no"):
        trained.fill_mask("day")
    with pytest.raises(NoMaskError, match=r"^The text at index 1 to be filled has no"):
        trained.fill_mask(["day <mask>", "day"])
    with pytest.raises(
        NoMaskError, match=r"^The text at index 0 to be filled has 1 <mask>, and onl"
    ):
        trained.complete(["day " * 40 + "<mask>"])


@pytest.mark.parametrize("nothing", [[], (), iter([]), 3, None, [3], count()])
def test_what_a_question_takes_is_said_not_what_fit_takes(trained, nothing):
    def prefer(texts):
        return trained.prefer(texts, texts)

    for ask in (trained.fill_mask, trained.complete, trained.score, trained.embed, prefer):
        with pytest.raises(InputError) as raised:
            list(ask(nothing))
        assert "dict" not in str(raised.value)
        if nothing != ():
            assert "Give one text" in str(raised.value)
