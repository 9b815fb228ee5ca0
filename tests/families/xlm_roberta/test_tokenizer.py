"""XLM-RoBERTa's tokenizer, as its plugin offers it."""

import pytest

pytest.importorskip("mlmzoo_xlm_roberta")

import sentencepiece

from mlmzoo.contract.errors import PresetFormatError
from mlmzoo.data.inputs import read_texts
from mlmzoo.testing.tiny import CORPUS
from mlmzoo_xlm_roberta.masked_lm import XLMRobertaMaskedLMPreprocessor
from mlmzoo_xlm_roberta.tokenizer import XLMRobertaTokenizer


@pytest.fixture(scope="module")
def trained():
    return XLMRobertaTokenizer.train(CORPUS, 120)


def test_training_gives_special_tokens_the_ids_of_the_original(trained):
    assert trained.get_vocabulary()[:4] == ["<s>", "<pad>", "</s>", "<unk>"]
    assert (trained.start_token_id, trained.pad_token_id, trained.end_token_id) == (0, 1, 2)
    assert trained.mask_token_id == trained.vocabulary_size() - 1
    assert trained.special_token_ids == [0, 1, 2, 3, trained.mask_token_id]


def test_ids_are_one_more_than_the_model_s(trained):
    library = sentencepiece.SentencePieceProcessor(model_proto=trained.proto)
    assert [library.id_to_piece(id) for id in range(3)] == ["<unk>", "<s>", "</s>"]
    assert trained.vocabulary_size() == len(library) + 2
    expected = [[id + 1 for id in row] for row in library.encode(list(CORPUS))]
    assert trained.encode(CORPUS) == expected
    assert trained.encode(["日"])[0][-1] == 3  # the model says 0


def test_two_separators_stand_between_the_texts_of_a_pair(trained):
    preprocessor = XLMRobertaMaskedLMPreprocessor(trained, sequence_length=16)
    rows = preprocessor.rows(read_texts((["God said"], ["light"])))
    first, second = trained.encode(["God said", "light"])
    assert rows.ids.tolist() == [0, *first, 2, 2, *second, 2]
    inputs, _, _ = preprocessor(("God said", "light"))
    assert set(inputs) == {"token_ids", "padding_mask", "mask_positions"}  # no segments


def test_a_model_of_another_family_is_refused():
    other = pytest.importorskip("mlmzoo_albert.tokenizer").AlbertTokenizer
    with pytest.raises(
        PresetFormatError, match=r"first pieces are \['<pad>', '<unk>', '\[CLS\]'\]"
    ):
        XLMRobertaTokenizer(other.train(CORPUS, 100).proto)
