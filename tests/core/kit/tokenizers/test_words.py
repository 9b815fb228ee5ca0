"""Where words begin, in real text and in odd text, against plain readings of the rule."""

import gzip
import json
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

pytest.importorskip("tokenizers")
pytest.importorskip("sentencepiece")
pytest.importorskip("google.protobuf")

from mlmzoo.kit.tokenizers.base import TokenizerBase
from mlmzoo.kit.tokenizers.byte_level_bpe import ByteLevelBPE
from mlmzoo.kit.tokenizers.unigram import Unigram
from mlmzoo.kit.tokenizers.wordpiece import BERT_SPECIAL_TOKENS, WordPiece
from mlmzoo.kit.tokenizers.words import flags_of, starts

DATA = Path(__file__).parents[3] / "data"
EDGES = [
    text
    for texts in json.loads((DATA / "edge_texts.json").read_text("utf-8")).values()
    for text in texts
]
SPECIAL = {"pad": "<pad>", "unk": "<unk>", "mask": "<mask>"}


class Pieces(WordPiece):
    special_tokens: ClassVar[Mapping[str, str]] = BERT_SPECIAL_TOKENS


@pytest.fixture(scope="module")
def corpus():
    with gzip.open(DATA / "kjv.txt.gz", "rt", encoding="utf-8") as file:
        return file.read().splitlines()[::20]


@pytest.fixture(scope="module")
def texts(corpus):
    return [*corpus, *EDGES]


@pytest.fixture(scope="module")
def wordpiece(corpus):
    return Pieces.train([*corpus, *EDGES], 3000, lowercase=True)


@pytest.fixture(scope="module")
def bpe(corpus):
    return ByteLevelBPE.train([*corpus, *EDGES * 2], 2500, special_tokens=SPECIAL)


@pytest.fixture(scope="module")
def unigram(corpus):
    return Unigram.train(corpus, 2000, special_tokens={"mask": "<mask>"})


def shown(tokenizer, text, specials="none"):
    """The tokens of a text, those of a word together."""
    (ids,) = tokenizer.encode([text], specials)
    words = []
    for id, begins in zip(ids, tokenizer.word_starts(np.asarray(ids)), strict=True):
        words += [[]] if begins else []
        words[-1].append(tokenizer.id_to_token(id))
    return ["".join(word) for word in words]


def plain_reading(surfaces, special):
    """Whether a word begins at each token, from the characters on both sides.

    Args:
        surfaces: The bytes of each token.
        special: Whether it is a special token.
    """
    found = []
    before, blank = None, False
    for surface, alone in zip(surfaces, special, strict=True):
        try:
            text = surface.decode("utf-8")
        except UnicodeDecodeError:  # part of a character: no punctuation, as far as one can see
            text = None
        if text is None:
            known = surface.decode("utf-8", "replace")
            first = " " if known[:1].isspace() else _visible_or_letter(known[0])
            last = _visible_or_letter(known[-1])
            inside = 0x80 <= surface[0] < 0xC0
        else:
            first, last, inside = text[:1], text[-1:], False
        if alone or before is None:
            begins = True
        elif blank or inside:
            begins = False
        else:
            begins = any(
                character.isspace() or unicodedata.category(character)[0] in "PS"
                for character in (before, first)
            )
        found.append(begins)
        blank = not alone and text is not None and text.isspace()
        before = None if alone else last
    return found


def _visible_or_letter(character):
    return "x" if character == "\ufffd" else character


def assert_as_read(tokenizer, texts, surface):
    special = set(tokenizer.special_token_ids)
    for text, ids in zip(texts, tokenizer.encode(texts), strict=True):
        tokens = list(map(tokenizer.id_to_token, ids))
        expected = plain_reading(map(surface, tokens), [id in special for id in ids])
        assert tokenizer.word_starts(np.asarray(ids, int)).tolist() == expected, (text, tokens)


def test_words_of_word_pieces_are_what_the_text_was_split_into(wordpiece, texts):
    for text, ids in zip(texts, wordpiece.encode(texts), strict=True):
        words = wordpiece._encoder("none").encode(text, add_special_tokens=False).word_ids
        expected = np.diff(words, prepend=-1) != 0
        np.testing.assert_array_equal(wordpiece.word_starts(np.asarray(ids, int)), expected)


def test_words_of_byte_level_pieces_are_those_of_the_rule(bpe, texts):
    assert_as_read(bpe, texts, bpe._surface)


def test_words_of_sentence_pieces_are_those_of_the_rule(unigram, texts):
    assert_as_read(unigram, texts, lambda token: token.replace("▁", " ").encode())


@pytest.mark.parametrize("kind", ["wordpiece", "bpe", "unigram"])
def test_words_of_real_text_are_its_words_and_its_punctuation(kind, corpus, request):
    tokenizer = request.getfixturevalue(kind)
    text = "And God said, Let there be light: and there was light."
    words = [word.strip("Ġ▁").lower() for word in shown(tokenizer, text)]
    expected = "and god said , let there be light : and there was light ."
    assert [word.replace("##", "") for word in words] == expected.split()


@pytest.mark.parametrize("kind", ["wordpiece", "bpe", "unigram"])
def test_special_tokens_stand_alone(kind, request):
    tokenizer = request.getfixturevalue(kind)
    mask = tokenizer.mask_token
    assert mask in shown(tokenizer, f"light{mask}light {mask}", "all")
    (ids,) = tokenizer.encode([f"{mask}light"], "all")
    assert tokenizer.word_starts(np.asarray(ids))[:2].all()


def test_a_contraction_is_three_words(wordpiece):
    assert shown(wordpiece, "don't") == ["do##n", "'", "t"]


def test_bytes_of_a_character_stay_with_their_word(bpe):
    (word,) = shown(bpe, "Łódź")
    assert len(bpe.encode(["Łódź"])[0]) > 1
    assert word


@pytest.mark.parametrize(
    ("surfaces", "expected"),
    [
        (["the", " fox", "es"], [1, 1, 0]),
        (["a", ".", "b"], [1, 1, 1]),
        (["wait", "..", ".", "go"], [1, 1, 1, 1]),
        ([" (", "ever", ")", ","], [1, 1, 1, 1]),
        (["don", "'t"], [1, 1]),
        (["U", ".S", "."], [1, 1, 1]),
        ([" ", "fox", "es"], [1, 0, 0]),
        ([" ", " ", " fox"], [1, 0, 0]),
        (["x", "\n", "y"], [1, 1, 0]),
        (["go.\n", "on"], [1, 1]),
        (["5", "€", "😀", "s"], [1, 1, 1, 1]),
        ([b"\xc5", b"\x81", "d"], [1, 0, 0]),
        (["a", b"\xe2\x80", b"\x94", "b"], [1, 0, 0, 0]),
        ([".", b"\xe2\x80", b"\x94", "b"], [1, 1, 0, 0]),
        ([b" \xf0\x9f", b"\x98\x80.", "b"], [1, 0, 1]),
        (["", "a"], [1, 0]),
    ],
)
def test_mixed_pieces(surfaces, expected):
    flags = [flags_of(s.encode() if isinstance(s, str) else s) for s in surfaces]
    assert starts(np.asarray(flags, np.uint8)).astype(int).tolist() == expected


def test_no_tokens_no_words(wordpiece):
    assert wordpiece.word_starts(np.zeros(0, np.int32)).shape == (0,)


def test_byte_tokens_of_a_model_stay_with_their_word(monkeypatch, unigram):
    monkeypatch.setattr(unigram, "_byte_fallback", True)
    flags = [unigram._word_flags(token) for token in ("▁a", "<0xC5>", "<0x81>", "b", "<0x2E>")]
    assert starts(np.asarray(flags, np.uint8)).tolist() == [True, False, False, False, True]


def test_a_tokenizer_that_says_nothing_of_words_says_so():
    with pytest.raises(NotImplementedError, match="TokenizerBase does not say where words begin"):
        TokenizerBase(["a"]).word_starts(np.zeros(1, int))
