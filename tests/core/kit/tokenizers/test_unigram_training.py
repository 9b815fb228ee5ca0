"""Sentencepiece models learnt from text."""

import gzip
import subprocess
import sys
from collections.abc import Mapping
from itertools import islice
from pathlib import Path

import pytest

pytest.importorskip("sentencepiece")

from mlmzoo.contract.errors import InputError
from mlmzoo.kit.tokenizers.unigram import Unigram
from mlmzoo.testing.tiny import CORPUS


class Toy(Unigram):
    special_tokens: Mapping[str, str] = {"pad": "<pad>", "unk": "<unk>", "mask": "[MASK]"}
    model_tokens = ("<pad>", "[MASK]", "<unk>")


class Shifted(Unigram):
    special_tokens: Mapping[str, str] = {"pad": "<pad>", "unk": "<unk>", "mask": "[MASK]"}
    tokens_before = ("<pad>", "<s>", "</s>", "<unk>", "<further>")
    tokens_after = ("[MASK]", "<last>")


@pytest.mark.parametrize("size", [60, 120, 300])
def test_the_same_text_gives_the_same_model(size):
    first, second = (Toy.train(CORPUS, vocabulary_size=size) for _ in range(2))
    assert first.proto == second.proto
    assert 50 < first.vocabulary_size() <= size


def test_more_text_gives_as_many_tokens_as_were_asked_for():
    with gzip.open(Path(__file__).parents[3] / "data" / "kjv.txt.gz", "rt") as file:
        texts = list(islice(file, 300))
    for kind in (Toy, Shifted):
        assert kind.train(texts, 150).vocabulary_size() == 150


def test_special_tokens_come_first_in_the_order_of_the_family():
    assert Toy.train(CORPUS, 100).get_vocabulary()[:3] == ["<pad>", "[MASK]", "<unk>"]
    assert Unigram.train(CORPUS, 100).get_vocabulary()[:3] == ["<unk>", "<s>", "</s>"]
    tokenizer = Toy.train(CORPUS, 100, special_tokens=["<a>", "<b>"])
    assert tokenizer.get_vocabulary()[3:5] == ["<a>", "<b>"]
    assert {"<a>", "<b>"} <= set(tokenizer.special_tokens.values())


def test_text_is_prepared_before_it_is_learnt_from():
    texts = ["ÀB ``CD''"] * 5
    tokenizer = Toy.train(texts, 40, lowercase=True, strip_accents=True, straight_quotes=True)
    assert set("".join(tokenizer.get_vocabulary()[3:])) == set('▁ab"cd')
    assert tokenizer.unknown_token not in map(tokenizer.id_to_token, tokenizer(texts[0]))


def test_rare_characters_can_be_left_out():
    texts = ["abc" * 1000, "日"]
    assert "日" not in Toy.train(texts, 40).get_vocabulary()
    assert "日" in Toy.train(texts, 40, character_coverage=1.0).get_vocabulary()


def test_long_texts_are_learnt_from():
    assert "z" in Toy.train(["a b c " * 2000 + "z " * 100], 40).get_vocabulary()


def test_texts_come_from_files_too(tmp_path):
    expected = Toy.train(CORPUS, 90).proto
    text = "".join(f"{line}\n" for line in CORPUS)
    (tmp_path / "a.txt").write_text(text)
    with gzip.open(tmp_path / "b.txt.gz", "wt") as file:
        file.write(text)
    for data in (tmp_path / "a.txt", str(tmp_path / "a*.txt"), [str(tmp_path / "b.txt.gz")]):
        assert Toy.train(data, 90).proto == expected


def test_nothing_is_printed():
    code = (
        "from mlmzoo.kit.tokenizers.unigram import Unigram\n"
        f"Unigram.train([*{CORPUS}, '', 'x' * 9999], 90)('the light')"
    )
    # In a process of its own: sentencepiece keeps its level of logging.
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


@pytest.mark.parametrize("data", [[], ["", "  "]])
def test_no_text_is_an_error(data):
    with pytest.raises(InputError, match="no text"):
        Toy.train(data, 90)


def test_too_small_a_size_says_what_is_needed():
    with pytest.raises(InputError, match=r"vocabulary_size=20 .* at least (\d+)") as error:
        Toy.train(CORPUS, 20)
    smallest = int(str(error.value).split("at least ")[1].split(".")[0])
    assert Toy.train(CORPUS, smallest).vocabulary_size() <= smallest
    with pytest.raises(InputError, match="could not learn"):
        Toy.train(CORPUS, smallest - 1)


def test_a_file_that_is_not_text_is_named(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"fine\n" * 5000 + b"\xff\xfe\n")
    with pytest.raises(InputError, match=r"^The text file .*a\.txt is not UTF-8"):
        Toy.train(tmp_path / "a.txt", 90)
    with pytest.raises(InputError, match="no file matches"):
        Toy.train(tmp_path / "b.txt", 90)
    with pytest.raises(InputError, match="unknown argument"):
        Toy.train(CORPUS, 90, lower=True)
