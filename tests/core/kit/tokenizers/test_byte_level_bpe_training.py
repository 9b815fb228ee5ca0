"""Learning a byte-level BPE vocabulary."""

import gzip
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

pytest.importorskip("tokenizers")

from mlmzoo.contract.errors import InputError
from mlmzoo.kit.tokenizers.byte_level_bpe import ByteLevelBPE, byte_of

CORPUS = Path(__file__).parents[3] / "data" / "kjv.txt.gz"
TEXTS = [
    "In the beginning God created the heaven and the earth.",
    "And the earth was without form, and void; and darkness was upon the face of the deep.",
    "And God said, Let there be light: and there was light. <mask>",
    "El niño comió café, 日本.",
] * 3


class Toy(ByteLevelBPE):
    special_tokens: Mapping[str, str] = {
        "cls": "<s>",
        "pad": "<pad>",
        "sep": "</s>",
        "unk": "<unk>",
        "mask": "<mask>",
    }


def test_ids_are_in_the_order_of_the_published_vocabulary():
    tokenizer = Toy.train(TEXTS, 290, added_tokens=["the earth"])
    tokens = tokenizer.get_vocabulary()
    assert len(tokens) == 290
    assert tokens[:5] == ["<s>", "<pad>", "</s>", "<unk>", "the earth"]
    assert tokens[5:261] == sorted(byte_of())
    assert tokens[261:-1] == ["".join(merge.split()) for merge in tokenizer.merges]
    assert tokens[-1] == "<mask>"
    assert "Ġthe" in tokens
    assert tokenizer.encode(["x the earth"]) == [
        [tokenizer.token_to_id(token) for token in ("x", "Ġ", "the earth")]
    ]


def test_every_byte_is_in_it_whatever_the_text():
    tokenizer = Toy.train(["light"] * 2, 261)
    assert tokenizer.merges == []
    text = "日本 \U0001f600\x00é"
    assert tokenizer.detokenize(tokenizer(text)) == text


def test_training_follows_the_options_of_the_tokenizer():
    words = ["niño comió"] * 9
    plain, spaced = Toy.train(words, 400), Toy.train(words, 400, add_prefix_space=True)
    assert "niÃ±o" in plain.get_vocabulary()
    assert "ĠniÃ±o" in spaced.get_vocabulary()
    assert spaced.add_prefix_space
    named = Toy.train(TEXTS, 280, special_tokens={"mask": "[M]", "pad": "[P]"}, oov_token="?!")
    assert named.get_vocabulary()[:5] == ["<s>", "[P]", "</s>", "<unk>", "?!"]
    assert named.mask_token_id == 279
    further = Toy.train(TEXTS, 280, special_tokens=["<sp>"], unsplittable_tokens=["ab", "<mask>"])
    assert further.get_vocabulary()[:6] == ["<s>", "<pad>", "</s>", "<unk>", "<sp>", "ab"]
    assert further.mask_token_id == 279


def test_without_roles_there_are_only_bytes_and_pieces():
    assert ByteLevelBPE.train(TEXTS, 260).get_vocabulary()[:256] == sorted(byte_of())


def test_a_special_token_that_the_text_would_make_too_is_there_once():
    texts = ["the the"] * 9
    first, second, *_ = ("".join(merge.split()) for merge in Toy.train(texts, 400).merges)
    tokenizer = Toy.train(texts, 400, special_tokens={"mask": first, "cls": second})
    tokens = tokenizer.get_vocabulary()
    assert len(set(tokens)) == len(tokens)
    assert (tokens[0], tokens[-1]) == (second, first)
    assert not {*tokenizer("the the")} & {*tokenizer.special_token_ids}


def test_a_rare_pair_is_not_joined():
    texts = ["zebra quagga", *TEXTS]
    few = Toy.train(texts, 1000).get_vocabulary()
    assert "zebra" not in few
    assert len(few) < 1000
    assert "zebra" in Toy.train(texts, 1000, min_frequency=1).get_vocabulary()


def test_the_same_text_gives_the_same_vocabulary_in_every_process():
    """The library counts in hash maps and threads, so one process proves nothing."""
    code = (
        "import hashlib, gzip; from mlmzoo.kit.tokenizers.byte_level_bpe import ByteLevelBPE\n"
        f"lines = gzip.open({str(CORPUS)!r}, 'rt', encoding='utf-8').readlines()[:2000]\n"
        "t = ByteLevelBPE.train(lines, 1200)\n"
        "print(hashlib.sha256(repr(t.get_config()).encode()).hexdigest())"
    )
    run = [sys.executable, "-c", code]
    found = {subprocess.run(run, capture_output=True, check=True).stdout for _ in range(4)}
    assert len(found) == 1


def test_a_size_that_does_not_hold_the_bytes_is_refused():
    assert Toy.train(TEXTS, 261).vocabulary_size() == 261
    assert Toy.train(TEXTS, 260, special_tokens={"pad": "!"}).vocabulary_size() == 260
    with pytest.raises(InputError, match=r"vocabulary_size=260.*take 261 already"):
        Toy.train(TEXTS, 260)


def test_text_comes_from_files_too(tmp_path):
    (tmp_path / "a.txt").write_text("\n".join(TEXTS[:6]), encoding="utf-8")
    with gzip.open(tmp_path / "b.txt.gz", "wt", encoding="utf-8") as file:
        file.write("\n".join(TEXTS[6:]))
    expected = Toy.train(TEXTS, 290).get_config()
    for data in ([tmp_path / "a.txt", tmp_path / "b.txt.gz"], str(tmp_path / "*.txt*")):
        assert Toy.train(data, 290).get_config() == expected
    assert Toy.train(iter(TEXTS), 290).get_config() == expected


@pytest.mark.parametrize("empty", [[], ["", " \n"]])
def test_what_holds_no_text_is_refused(empty):
    with pytest.raises(InputError, match="no text"):
        Toy.train(empty, 300)
