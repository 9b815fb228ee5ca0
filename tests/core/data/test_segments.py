import pytest

from mlmzoo.contract.errors import InputError
from mlmzoo.data.segments import word_starts

TEXT = "我爱 北京天安门"
WORDS = ["我", "爱", "北京", "天安门"]


def starts(spans, text=TEXT, words=WORDS):
    return word_starts(text, lambda given: words, spans).astype(int).tolist()


def test_a_word_begins_where_the_segmenter_says():
    assert starts([(n, n + 1) for n in range(8) if n != 2]) == [1, 1, 1, 0, 1, 0, 0]


def test_words_that_share_a_token_are_one():
    assert starts([(0, 2), (3, 6), (6, 7), (7, 8)]) == [1, 1, 0, 0]


def test_a_token_of_a_space_belongs_to_the_word_behind_it():
    assert starts([(0, 1), (1, 2), (2, 3), (3, 4), (4, 8)]) == [1, 1, 1, 0, 0]
    assert starts([(0, 0), (0, 1), (1, 2), (3, 3), (3, 5), (5, 8)]) == [1, 0, 1, 1, 0, 1]


def test_bytes_of_one_character_are_in_one_word():
    assert starts([(0, 1), (0, 1), (1, 2), (1, 2)]) == [1, 0, 1, 0]


def test_whitespace_of_words_does_not_matter():
    assert starts([(0, 3), (4, 8), (9, 12)], "New York now", [" New York", "now "]) == [1, 0, 1]


def test_no_tokens_no_words():
    assert starts([], "", []) == []
    assert starts([(0, 1)], " ", []) == [1]


@pytest.mark.parametrize(
    "words", [["我", "爱"], [*WORDS, "。"], ["我爱北京天安们"], "我爱北京天安门", [1, 2]]
)
def test_words_that_are_not_the_text_are_refused(words):
    with pytest.raises(InputError, match="segmenter was asked for the words of '我爱"):
        starts([(0, 1)], words=words)
