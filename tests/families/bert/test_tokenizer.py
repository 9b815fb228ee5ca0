"""BERT's tokenizer, as its plugin offers it."""

import gzip
import json
from pathlib import Path

import pytest

pytest.importorskip("mlmzoo_bert")

from mlmzoo.contract.errors import InputError
from mlmzoo.tasks.tokenizer import Tokenizer
from mlmzoo_bert.tokenizer import BertTokenizer

DATA = Path(__file__).parents[2] / "data"


@pytest.fixture(scope="module")
def corpus():
    with gzip.open(DATA / "kjv.txt.gz", "rt", encoding="utf-8") as file:
        return file.read().splitlines()


@pytest.fixture(scope="module")
def trained(corpus):
    return BertTokenizer.train(corpus[:3000], 1500, lowercase=True, strip_accents=True)


def test_kerashubs_examples_run():
    vocabulary = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"]
    vocabulary += ["The", "quick", "brown", "fox", "jumped", "."]
    tokenizer = BertTokenizer(vocabulary=vocabulary)
    assert tokenizer("The quick brown fox jumped.").tolist() == [5, 6, 7, 8, 9, 10]
    assert [row.tolist() for row in tokenizer(["The fox", "."])] == [[5, 8], [10]]
    assert tokenizer.detokenize(tokenizer("The fox.")) == "The fox ."
    assert tokenizer.cls_token_id == tokenizer.start_token_id == 1
    assert tokenizer.sep_token_id == tokenizer.end_token_id == 2
    assert (tokenizer.pad_token_id, tokenizer.mask_token_id) == (3, 4)


def test_it_is_a_tokenizer_and_no_keras_layer(trained):
    keras = pytest.importorskip("keras")
    assert isinstance(trained, Tokenizer)
    assert not isinstance(trained, keras.layers.Layer)
    json.dumps(trained.get_config())


def test_the_paper_s_special_tokens_are_needed():
    with pytest.raises(InputError, match=r"'\[CLS\]' \(cls\), '\[SEP\]' \(sep\)"):
        BertTokenizer(["[PAD]", "[UNK]", "[MASK]"])


def test_training_puts_padding_at_zero_and_learns_the_corpus(trained, corpus):
    assert trained.get_vocabulary()[:5] == ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    assert trained.vocabulary_size() == 1500
    assert trained.unk_token_id not in {i for row in trained.encode(corpus[:3000]) for i in row}


def test_detokenized_text_gives_the_same_tokens(trained, corpus):
    ids = trained.encode(corpus[::10])
    assert trained.encode(trained.detokenize(ids)) == ids


def test_every_edge_text_is_accepted_and_covered_by_its_offsets(trained):
    edges = json.loads((DATA / "edge_texts.json").read_text(encoding="utf-8"))
    texts = [text for category in edges.values() for text in category]
    ids, offsets = trained.encode_with_offsets(texts, specials="all")
    assert ids == trained.encode(texts, specials="all")
    for text, spans in zip(texts, offsets, strict=True):
        assert all(0 <= start < end <= len(text) for start, end in spans)
        assert spans == sorted(spans)


def test_presets_come_and_go_through_the_task_layer(trained, monkeypatch, tmp_path):
    from mlmzoo.tasks import loading, saving

    calls = []
    monkeypatch.setattr(
        loading, "load_tokenizer", lambda *args, **kwargs: calls.append((args, kwargs)) or trained
    )
    monkeypatch.setattr(saving, "save_tokenizer", lambda *args, **how: calls.append((*args, how)))
    assert BertTokenizer.from_preset("bert_base_en", lowercase=True) is trained
    trained.save_to_preset(tmp_path)
    trained.save_to_preset(tmp_path, layout="transformers")
    assert calls == [
        ((BertTokenizer, "bert_base_en"), {"lowercase": True}),
        (trained, tmp_path, "keras", {"overwrite": False}),
        (trained, tmp_path, "transformers", {"overwrite": False}),
    ]
