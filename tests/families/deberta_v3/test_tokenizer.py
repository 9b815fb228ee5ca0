"""DeBERTaV3's tokenizer, as its plugin offers it."""

import pytest

pytest.importorskip("mlmzoo_deberta")

import sentencepiece

from mlmzoo.contract.errors import PresetFormatError
from mlmzoo.data.inputs import read_texts
from mlmzoo.testing.tiny import CORPUS
from mlmzoo_deberta.masked_lm import DebertaV3MaskedLMPreprocessor
from mlmzoo_deberta.tokenizer import DebertaV3Tokenizer


@pytest.fixture(scope="module")
def trained():
    return DebertaV3Tokenizer.train(CORPUS, 120)


def test_training_gives_special_tokens_the_ids_of_the_original(trained):
    assert trained.get_vocabulary()[:4] == ["[PAD]", "[CLS]", "[SEP]", "[UNK]"]
    assert (trained.pad_token_id, trained.start_token_id, trained.end_token_id) == (0, 1, 2)


def test_the_mask_follows_the_last_piece(trained):
    library = sentencepiece.SentencePieceProcessor(model_proto=trained.proto)
    assert trained.mask_token_id == len(library) == trained.vocabulary_size() - 1
    assert trained.get_vocabulary()[-1] == "[MASK]"
    assert trained.special_token_ids == [0, 1, 2, 3, len(library)]
    assert trained.encode(["the [MASK]"], "mask")[0][-1] == len(library)


def test_the_model_s_own_character_map_is_used(trained):
    assert trained.encode(["ｆｏｘ\u00a0ﬁrst"]) == trained.encode(["fox first"])


def test_pairs_are_packed_with_one_separator(trained):
    preprocessor = DebertaV3MaskedLMPreprocessor(trained, sequence_length=16)
    rows = preprocessor.rows(read_texts((["God said"], ["light"])))
    first, second = trained.encode(["God said", "light"])
    assert rows.ids.tolist() == [1, *first, 2, *second, 2]


def test_a_model_of_another_family_is_refused():
    other = pytest.importorskip("mlmzoo_fnet.tokenizer").FNetTokenizer
    with pytest.raises(PresetFormatError, match=r"lack the special tokens '\[PAD\]' \(pad\)"):
        DebertaV3Tokenizer(other.train(CORPUS, 100).proto)
