"""The words that a tokenizer splits most."""

import numpy as np
import pytest

pytest.importorskip("tokenizers")
pytest.importorskip("sentencepiece")
pytest.importorskip("google.protobuf")

from mlmzoo.contract.errors import InputError
from mlmzoo.kit.tokenizers.byte_level_bpe import ByteLevelBPE
from mlmzoo.kit.tokenizers.unigram import Unigram
from mlmzoo.kit.tokenizers.wordpiece import WordPiece

VERSES = ["the fox and the ox went out", "and the fox saw the sea and the land"] * 20
CORPUS = [
    *["the electrocardiogram, and myocarditis"] * 6,
    *["The myocarditis of the fox."] * 4,
    *["pericarditis"] * 4,
    *["2024-11-27 and 20241127"] * 9,
]


@pytest.fixture(
    params=[
        lambda: WordPiece.train([*VERSES, *CORPUS[:1]], 60, lowercase=True),
        lambda: ByteLevelBPE.train(VERSES, 280),
        lambda: Unigram.train([*VERSES, *CORPUS[:1]], 45),
    ]
)
def tokenizer(request):
    return request.param()


def test_the_words_that_make_a_corpus_shortest_come_first(tokenizer):
    found = tokenizer.propose_tokens(CORPUS)
    words = [each.word for each in found]
    assert words[:2] == ["myocarditis", "electrocardiogram"] or words[:2] == [
        "electrocardiogram",
        "myocarditis",
    ]
    assert [each.saved for each in found] == sorted((each.saved for each in found), reverse=True)
    counts = {each.word: each.count for each in found}
    assert counts["myocarditis"] == 10 and counts["electrocardiogram"] == 6
    for each in found:
        assert len(each.pieces) > 1 and each.saved == each.count * (len(each.pieces) - 1)
        assert any(map(str.isalpha, each.word)) and "," not in each.word


def test_what_is_proposed_can_be_added_and_saves_what_it_said(tokenizer):
    before = sum(map(len, tokenizer.encode(CORPUS)))
    found = tokenizer.propose_tokens(CORPUS, limit=1)
    grown = tokenizer.grow([each.word for each in found]).tokenizer
    assert before - sum(map(len, grown.encode(CORPUS))) == found[0].saved
    assert found[0].word not in [each.word for each in grown.propose_tokens(CORPUS)]


def test_rare_words_and_more_than_were_asked_for_are_left_out(tokenizer):
    found = tokenizer.propose_tokens(CORPUS, min_count=6)
    assert "pericarditis" not in [each.word for each in found]
    first = tokenizer.propose_tokens(CORPUS)[:1]
    assert tokenizer.propose_tokens(CORPUS, limit=1) == first
    assert tokenizer.propose_tokens(CORPUS, limit=np.int64(1)) == first


def test_files_are_read_a_line_at_a_time(tokenizer, tmp_path):
    (tmp_path / "corpus.txt").write_text("\n".join(CORPUS))
    found = tokenizer.propose_tokens(CORPUS)
    assert tokenizer.propose_tokens(tmp_path / "*.txt") == found
    assert tokenizer.propose_tokens(text for text in CORPUS) == found


def test_a_proposal_prints_and_is_plain_data():
    tokenizer = WordPiece(["[UNK]", "fox", "##es", "the"])
    (found,) = tokenizer.propose_tokens(["the foxes"] * 6)
    assert str(found) == "'foxes': 2 pieces, 6 times"
    assert found.to_dict() == {"word": "foxes", "pieces": ("fox", "##es"), "count": 6, "saved": 6}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"limit": 0}, "limit=0 was asked for"),
        ({"min_count": True}, "min_count=True was asked for"),
        ({"data": "nowhere/*.txt"}, "no file matches"),
        ({"data": [1]}, "Text number 0 to learn from is 1"),
    ],
)
def test_bad_questions_are_refused(tokenizer, given, message):
    with pytest.raises(InputError, match=message):
        tokenizer.propose_tokens(**{"data": CORPUS, **given})


def test_nothing_to_propose_is_an_empty_list(tokenizer):
    assert tokenizer.propose_tokens(CORPUS, min_count=1000) == []
    assert tokenizer.propose_tokens([]) == []


def test_what_cannot_become_a_piece_as_it_stands_is_not_proposed():
    bpe = ByteLevelBPE.train(VERSES, 280)
    found = [each.word for each in bpe.propose_tokens(["(gloves)", "h1n1 h1n1"] * 9)]
    assert found == [], "no space before it, or parted into letters and digits"
    assert [each.word for each in bpe.propose_tokens(["the gloves)"] * 9)] == ["gloves"]
