"""Whole words and spans from texts on: what a preprocessor with another masking makes."""

import json
import warnings
from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import pytest

pytest.importorskip("tokenizers")
pytest.importorskip("sentencepiece")
pytest.importorskip("google.protobuf")

import mlmzoo
from mlmzoo.data.inputs import Texts
from mlmzoo.errors import InputError, PresetWarning
from mlmzoo.kit.tokenizers.byte_level_bpe import ByteLevelBPE
from mlmzoo.kit.tokenizers.unigram import Unigram
from mlmzoo.kit.tokenizers.wordpiece import BERT_SPECIAL_TOKENS, WordPiece
from mlmzoo.plugins import registry
from mlmzoo.testing.tiny import CORPUS as ENGLISH

CORPUS = list(ENGLISH)
CHINESE = ["我爱北京天安门", "天安门上太阳升", "我爱你 北京"]
WORDS = {
    "我爱北京天安门": "我 爱 北京 天安门",
    "天安门上太阳升": "天安门 上 太阳 升",
    "我爱你 北京": "我 爱 你 北京",
}
CHARACTERS = sorted({character for text in CHINESE for character in text} - {" "})
TURNED = [CHARACTERS[n::-1] + CHARACTERS[:n:-1] for n in range(len(CHARACTERS))]
TRAINING = [*CORPUS * 20, *map("".join, TURNED)]
"""Each Chinese character is known, and no two of them are frequent enough for a token."""
ROLES = {"pad": "<pad>", "unk": "<unk>", "cls": "<s>", "sep": "</s>", "mask": "<mask>"}


class Pieces(WordPiece):
    special_tokens: ClassVar[Mapping[str, str]] = BERT_SPECIAL_TOKENS
    start, end = "cls", "sep"


class Octets(ByteLevelBPE):
    special_tokens: ClassVar[Mapping[str, str]] = ROLES
    start, end = "cls", "sep"


class Sentences(Unigram):
    special_tokens: ClassVar[Mapping[str, str]] = ROLES
    start, end = "cls", "sep"
    model_tokens = tuple(ROLES.values())


def segmenter(text):
    return WORDS[text].split()


@pytest.fixture(scope="module", params=["wordpiece", "bpe", "unigram"])
def tokenizer(request):
    if request.param == "wordpiece":
        return Pieces.train(TRAINING, 300, split_on_cjk=False, min_frequency=20)
    if request.param == "bpe":
        return Octets.train(TRAINING, 420, min_frequency=20)
    return Sentences.train(TRAINING, 100, character_coverage=1.0)


def preprocess(tokenizer, masking, **settings):
    settings = {"sequence_length": 48, "seed": 1, **settings}
    return mlmzoo.MaskedLMPreprocessor(tokenizer, masking=masking, **settings)


def words_of(preprocessor, rows, index):
    """The text of each word of a row, special tokens left out."""
    tokenizer = preprocessor.tokenizer
    span = slice(rows.offsets[index], rows.offsets[index + 1])
    words = []
    for id, begins in zip(rows.ids[span].tolist(), rows.words[span], strict=True):
        if id in tokenizer.special_token_ids:
            continue
        words += [[]] if begins or not words else []
        words[-1].append(id)
    return [tokenizer.detokenize(word).strip().removeprefix("##") for word in words]


@pytest.mark.parametrize("masking", ["whole_word", "span"])
def test_real_text_is_masked_in_words(tokenizer, masking):
    preprocessor = preprocess(tokenizer, masking, mask_token_rate=1.0, random_token_rate=0.0)
    rows = preprocessor.rows(Texts(CORPUS))
    x, y, weight = preprocessor(CORPUS)
    assert (weight.sum(axis=1) > 0).all()
    for index in range(len(CORPUS)):
        begin, end = rows.offsets[index : index + 2]
        begins = np.append(rows.words[begin:end], True)
        masked = np.zeros(end - begin + 1, bool)
        places = x["mask_positions"][index][weight[index] > 0]
        masked[places] = True
        np.testing.assert_array_equal(rows.ids[begin:end][places], y[index][: len(places)])
        cut = np.flatnonzero(masked[1:] != masked[:-1]) + 1
        inside = [place for place in cut if not begins[place]]
        assert len(inside) <= (masking == "span"), "only the last span may end inside of a word"
        assert not np.isin(y[index][: len(places)], tokenizer.special_token_ids).any()


def test_a_segmenter_says_where_words_begin(tokenizer):
    preprocessor = preprocess(tokenizer, "whole_word", segmenter=segmenter)
    rows = preprocessor.rows(Texts(CHINESE))
    for index, text in enumerate(CHINESE):
        assert words_of(preprocessor, rows, index) == segmenter(text)


def test_a_segmenter_says_it_of_pairs_and_of_texts_that_are_cut(tokenizer):
    preprocessor = preprocess(tokenizer, "whole_word", segmenter=segmenter, sequence_length=60)
    rows = preprocessor.rows(Texts(CHINESE[:2], CHINESE[1:], np.ones(2, np.float32)))
    for index in range(2):
        expected = segmenter(CHINESE[index]) + segmenter(CHINESE[index + 1])
        assert words_of(preprocessor, rows, index) == expected
    assert rows.weights.tolist() == [1, 1]
    short = preprocess(tokenizer, "whole_word", segmenter=segmenter, sequence_length=6)
    cut = short.rows(Texts(CHINESE))
    assert len(cut.words) == len(cut.ids)
    np.testing.assert_array_equal(cut.words[1:5], rows.words[1:5])


def test_the_words_of_pairs_are_those_of_the_tokenizer(tokenizer):
    preprocessor = preprocess(tokenizer, "whole_word")
    rows = preprocessor.rows(Texts(CORPUS[:2], CORPUS[2:4]))
    np.testing.assert_array_equal(rows.words, tokenizer.word_starts(rows.ids))


def test_words_are_not_looked_for_where_nobody_needs_them(tokenizer):
    assert preprocess(tokenizer, "token").rows(Texts(CORPUS)).words is None
    spoilt = preprocess(tokenizer, "span", segmenter=lambda text: [])
    assert spoilt.rows(Texts(CORPUS), "mask").words is None, "to predict"


def test_a_segmenter_that_changes_the_text_is_refused(tokenizer):
    preprocessor = preprocess(tokenizer, "span", segmenter=lambda text: text.split()[:1])
    with pytest.raises(InputError, match="segmenter was asked for the words of"):
        preprocessor(CORPUS)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"masking": "words"}, "masking='words'"),
        ({"masking": "whole_word", "longest_word": 0}, "longest_word=0"),
        ({"masking": "span", "span_end_rate": 2}, "span_end_rate=2"),
        ({"masking": "token", "segmenter": str.split}, "segmenter was given.*needs no words"),
    ],
)
def test_senseless_arguments_are_refused(tokenizer, given, message):
    with pytest.raises(InputError, match=message):
        preprocess(tokenizer, **given)


# Saved and loaded ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def toy():
    from mlmzoo.testing import tiny_tokenizer

    kind = registry().load("mlmzoo_toy.model:ToyMaskedLMPreprocessor")

    def toy(**settings):
        return kind(tiny_tokenizer(registry().family("toy")), sequence_length=10, **settings)

    return toy


OTHER = {"masking": "span", "span_end_rate": 0.5, "longest_span": 3, "longest_word": 4}


def test_a_configuration_brings_the_masking_back(toy):
    preprocessor = toy(**OTHER)
    again = type(preprocessor).from_config(preprocessor.get_config())
    assert {name: getattr(again, name) for name in OTHER} == OTHER
    assert again.rule == preprocessor.rule


def test_a_preset_brings_the_masking_back_under_our_own_key(toy, tmp_path):
    toy(**OTHER).save_to_preset(tmp_path)
    written = json.loads((tmp_path / "preprocessor.json").read_text("utf-8"))
    assert not OTHER.keys() & written["config"].keys(), "KerasHub does not know them"
    assert OTHER.items() <= written["mlmzoo"]["preprocessor"].items()


def test_a_preset_says_nothing_of_masking_where_it_is_kerashubs(toy, tmp_path):
    toy(masking="token").save_to_preset(tmp_path)
    assert not set(OTHER) & set(toy().settings())
    assert "span" not in (tmp_path / "preprocessor.json").read_text("utf-8")


def test_a_segmenter_is_not_saved_and_that_is_said(toy, tmp_path):
    preprocessor = toy(masking="whole_word", segmenter=str.split)
    with pytest.warns(PresetWarning, match="segmenter is a function"):
        config = preprocessor.get_config()
    assert "segmenter" not in config
    json.dumps(config)
    with pytest.warns(PresetWarning, match="segmenter"):
        preprocessor.save_to_preset(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        toy(masking="whole_word").get_config()


@pytest.mark.parametrize("masking", ["whole_word", "span"])
def test_a_model_trains_with_it(make, texts, masking):
    task = make()
    task.preprocessor.masking = masking
    history = task.fit(texts, batch_size=4, epochs=2, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    assert np.isfinite(task.evaluate(texts, verbose=0)).all()
