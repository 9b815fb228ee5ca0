"""ALBERT's tokenizer, as its plugin offers it."""

import json

import pytest

pytest.importorskip("mlmzoo_albert")

from mlmzoo.contract.errors import PresetFormatError
from mlmzoo.data.inputs import read_texts
from mlmzoo.plugins import registry
from mlmzoo.tasks.tokenizer import Tokenizer
from mlmzoo.testing.tiny import CORPUS
from mlmzoo_albert.masked_lm import AlbertMaskedLMPreprocessor
from mlmzoo_albert.tokenizer import AlbertTokenizer


@pytest.fixture(scope="module")
def trained():
    return AlbertTokenizer.train([*CORPUS, '"quoted"'] * 2, 120)


def test_training_gives_special_tokens_the_ids_of_the_original(trained):
    assert trained.get_vocabulary()[:5] == ["<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]"]
    assert (trained.pad_token_id, trained.start_token_id, trained.end_token_id) == (0, 2, 3)
    assert trained.mask_token_id == 4
    assert trained.special_token_ids == [0, 1, 2, 3, 4]


def test_it_is_a_tokenizer_and_no_keras_layer(trained):
    keras = pytest.importorskip("keras")
    assert isinstance(trained, Tokenizer)
    assert not isinstance(trained, keras.layers.Layer)
    json.dumps(trained.get_config())


def test_text_is_uncased(trained):
    expected = trained.encode(['and god said "let"'])
    assert trained.encode(["ÁND Göd SAID ``Lét''"]) == expected
    assert 1 not in expected[0]


def test_built_in_presets_are_uncased_whichever_copy_is_read():
    for preset in registry().presets("albert").values():
        assert preset.tokenizer == {
            "lowercase": True,
            "strip_accents": True,
            "straight_quotes": True,
            "commas_apart": True,
        }


def test_pairs_are_packed_with_one_separator(trained):
    preprocessor = AlbertMaskedLMPreprocessor(trained, sequence_length=16)
    rows = preprocessor.rows(read_texts((["God said"], ["light"])))
    first, second = trained.encode(["God said", "light"])
    assert rows.ids.tolist() == [2, *first, 3, *second, 3]
    assert rows.segments.tolist() == [0] * (len(first) + 2) + [1] * (len(second) + 1)


def test_a_model_of_another_family_is_refused():
    shifted = pytest.importorskip("mlmzoo_xlm_roberta.tokenizer").XLMRobertaTokenizer
    with pytest.raises(PresetFormatError, match=r"lack the special tokens '<pad>' \(pad\)"):
        AlbertTokenizer(shifted.train(CORPUS, 100).proto)
