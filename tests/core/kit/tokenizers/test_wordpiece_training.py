"""Learning a WordPiece vocabulary."""

import gzip
import hashlib
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

pytest.importorskip("tokenizers")

from mlmzoo.contract.errors import InputError
from mlmzoo.kit.tokenizers.wordpiece import WordPiece

TEXTS = [
    "In the beginning God created the heaven and the earth.",
    "And the earth was without form, and void; and darkness was upon the face of the deep.",
    "And God said, Let there be light: and there was light. [MASK]",
    "El niño comió café, 日本.",
] * 3
SPECIALS = {"pad": "[PAD]", "mask": "[MASK]"}


class Toy(WordPiece):
    special_tokens: Mapping[str, str] = {"pad": "[PAD]", "unk": "[UNK]", "mask": "[MASK]"}


def test_special_tokens_come_first_then_characters_then_pieces():
    tokenizer = Toy.train(TEXTS, 120, lowercase=True, added_tokens=["the earth"])
    tokens = tokenizer.get_vocabulary()
    assert tokens[:4] == ["[PAD]", "[UNK]", "[MASK]", "the earth"]
    assert tokenizer.pad_token_id == 0
    assert len(tokens) == 120
    bare = [token.removeprefix("##") for token in tokens[4:]]
    assert [len(token) for token in bare] == sorted((len(t) for t in bare), key=lambda n: n > 1)
    assert "the" in tokens
    assert "日" in tokens
    assert "ñ" in tokens
    assert tokenizer.encode(["God said"], "none") == [
        [tokenizer.token_to_id(token) for token in ("god", "said")]
    ]
    assert 1 not in tokenizer(TEXTS[0])


def test_training_follows_the_options_of_the_tokenizer():
    plain = Toy.train(TEXTS, 150).get_vocabulary()
    stripped = Toy.train(TEXTS, 150, lowercase=True, strip_accents=True).get_vocabulary()
    assert {"G", "ñ"} <= set(plain)
    assert not {"G", "ñ"} & set(stripped)
    marked = Toy.train(TEXTS, 150, suffix_indicator="@@")
    assert any(token.startswith("@@") for token in marked.get_vocabulary())
    assert marked.get_config()["suffix_indicator"] == "@@"


def test_a_rare_pair_is_not_joined():
    few = Toy.train(["zebra quagga", *TEXTS], 1000).get_vocabulary()
    assert "zebra" not in few
    assert len(few) < 1000
    assert "zebra" in Toy.train(["zebra quagga", *TEXTS], 1000, min_frequency=1).get_vocabulary()


def test_the_same_text_gives_the_same_vocabulary_in_every_process():
    """The library numbers characters in the order of a hash map, so one process proves nothing."""
    corpus = Path(__file__).parents[3] / "data" / "kjv.txt.gz"
    code = (
        "import hashlib, gzip; from mlmzoo.kit.tokenizers.wordpiece import WordPiece\n"
        f"lines = gzip.open({str(corpus)!r}, 'rt', encoding='utf-8').readlines()[:2000]\n"
        "t = WordPiece.train(lines, 800, lowercase=True, limit_alphabet=24)\n"
        "print(hashlib.sha256('\\n'.join(t.get_vocabulary()).encode()).hexdigest())"
    )
    run = [sys.executable, "-c", code]
    found = {subprocess.run(run, capture_output=True, check=True).stdout for _ in range(4)}
    assert len(found) == 1


def test_limit_alphabet_keeps_the_most_frequent_characters():
    texts = ["aaa b ccc", "aaa b ddd"] * 3
    tokens = WordPiece.train(texts, 50, limit_alphabet=2).get_vocabulary()
    assert [token for token in tokens if len(token) == 1] == ["a", "c"]  # as frequent as d
    assert {token[-1] for token in tokens[1:]} == {"a", "c"}


def test_a_size_that_holds_no_alphabet_is_refused():
    with pytest.raises(InputError, match=r"vocabulary_size=20.*take \d+ already"):
        Toy.train(TEXTS, 20)


def test_text_comes_from_files_too(tmp_path):
    (tmp_path / "a.txt").write_text("\n".join(TEXTS[:6]), encoding="utf-8")
    with gzip.open(tmp_path / "b.txt.gz", "wt", encoding="utf-8") as file:
        file.write("\n".join(TEXTS[6:]))
    expected = Toy.train(TEXTS, 90).get_vocabulary()
    a, b = tmp_path / "a.txt", tmp_path / "b.txt.gz"
    for data in ([a, b], [str(a), str(b)], str(tmp_path / "*.txt*"), iter(TEXTS)):
        assert Toy.train(data, 90).get_vocabulary() == expected
    with gzip.open(b, "rt", encoding="utf-8") as file:
        half = file.read().splitlines()
    assert Toy.train(b, 90).get_vocabulary() == Toy.train(half, 90).get_vocabulary()


def test_what_is_no_text_is_refused(tmp_path):
    with pytest.raises(InputError, match="no file matches"):
        Toy.train(str(tmp_path / "*.txt"), 90)
    with pytest.raises(InputError, match=r"missing\.txt, and there is no such file"):
        Toy.train([str(tmp_path / "missing.txt")], 90)
    with pytest.raises(InputError, match=r"Text number 1 .* 5 of type int"):
        Toy.train(["light", 5], 90)
    for empty in ([], ["", "  "]):
        with pytest.raises(InputError, match="no text"):
            Toy.train(empty, 90)
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9\n")
    with pytest.raises(InputError, match="not UTF-8"):
        Toy.train(tmp_path / "latin.txt", 90)


def test_the_shipped_corpus_is_the_one_it_says_it_is():
    corpus = Path(__file__).parents[3] / "data" / "kjv.txt.gz"
    text = gzip.decompress(corpus.read_bytes())
    assert len(text.splitlines()) == 31102
    assert hashlib.sha256(text).hexdigest() == (
        "f8e1b312f5384b263a2021ae6db370d18b7b6a61c11735f9a83f85cf17d355a0"
    )
