"""RoBERTa's tokenizer, as its plugin offers it."""

import gzip
import json
from pathlib import Path

import pytest

pytest.importorskip("mlmzoo_roberta")

from mlmzoo.contract.errors import InputError
from mlmzoo.tasks.tokenizer import Tokenizer
from mlmzoo_roberta.tokenizer import RobertaTokenizer

DATA = Path(__file__).parents[2] / "data"


@pytest.fixture(scope="module")
def corpus():
    with gzip.open(DATA / "kjv.txt.gz", "rt", encoding="utf-8") as file:
        return file.read().splitlines()[:3000]


@pytest.fixture(scope="module")
def trained(corpus):
    return RobertaTokenizer.train(corpus, 1500)


@pytest.fixture(scope="module")
def edges():
    edges = json.loads((DATA / "edge_texts.json").read_text(encoding="utf-8"))
    return [text for category in edges.values() for text in category]


def test_a_vocabulary_as_kerashub_s_examples_have_it_is_enough():
    merges = ["Ġ q", "u i", "c k", "ui ck", "Ġq uick", "Ġ f", "o x", "Ġf ox"]
    pieces = {piece for merge in merges for piece in (*merge.split(), "".join(merge.split()))}
    tokens = ["<s>", "<pad>", "</s>", "<mask>", "a", *sorted(pieces)]
    tokenizer = RobertaTokenizer(
        vocabulary={token: id for id, token in enumerate(tokens)}, merges=merges
    )
    expected = [tokens.index(token) for token in ("a", "Ġquick", "Ġfox")]
    assert tokenizer("a quick fox").tolist() == expected
    assert tokenizer.detokenize(expected) == "a quick fox"
    assert tokenizer.start_token_id == tokenizer.cls_token_id == 0
    assert tokenizer.end_token_id == tokenizer.sep_token_id == 2
    assert (tokenizer.pad_token_id, tokenizer.mask_token_id) == (1, 3)
    assert "unk" not in tokenizer.special_tokens


def test_it_is_a_tokenizer_and_no_keras_layer(trained):
    keras = pytest.importorskip("keras")
    assert isinstance(trained, Tokenizer)
    assert not isinstance(trained, keras.layers.Layer)
    json.dumps(trained.get_config())


def test_the_special_tokens_of_the_original_are_needed():
    with pytest.raises(InputError, match=r"'<s>' \(cls\), '</s>' \(sep\), '<mask>' \(mask\)"):
        RobertaTokenizer(["<pad>", "<unk>"], [])


def test_training_gives_special_tokens_the_ids_of_the_original(trained):
    assert trained.get_vocabulary()[:4] == ["<s>", "<pad>", "</s>", "<unk>"]
    assert trained.mask_token_id == 1499
    assert trained.vocabulary_size() == 1500
    assert trained.special_token_ids == [0, 1, 2, 3, 1499]


def test_two_separators_stand_between_the_texts_of_a_pair(trained):
    from mlmzoo.data.inputs import read_texts
    from mlmzoo_roberta.masked_lm import RobertaMaskedLMPreprocessor

    preprocessor = RobertaMaskedLMPreprocessor(trained, sequence_length=16)
    rows = preprocessor.rows(read_texts((["God said"], ["light"])))
    first, second = trained.encode(["God said", "light"])
    assert rows.ids.tolist() == [0, *first, 2, 2, *second, 2]
    inputs, _, _ = preprocessor(("God said", "light"))
    assert set(inputs) == {"token_ids", "padding_mask", "mask_positions"}  # no segments
    padding = inputs["token_ids"][inputs["padding_mask"] == 0]
    assert padding.tolist() == [1] * (16 - len(rows.ids))


def test_texts_come_back_byte_for_byte(trained, corpus, edges):
    for texts in (corpus[::10], edges):
        assert trained.detokenize(trained.encode(texts)) == texts


def test_every_edge_text_is_accepted_and_covered_by_its_offsets(trained, edges):
    ids, offsets = trained.encode_with_offsets(edges, specials="all")
    assert ids == trained.encode(edges, specials="all")
    for text, row, spans in zip(edges, ids, offsets, strict=True):
        assert len(row) == len(spans)
        assert all(0 <= start <= end <= len(text) for start, end in spans)
        assert spans == sorted(spans)


def test_a_predicted_word_brings_the_space_that_the_mask_took(trained):
    (row,) = trained.encode(["And God <mask>, Let there be light"], "mask")
    said = trained.token_to_id("Ġsaid")
    filled = [said if id == trained.mask_token_id else id for id in row]
    assert trained.detokenize(filled) == "And God said, Let there be light"
    assert filled == trained("And God said, Let there be light").tolist()
