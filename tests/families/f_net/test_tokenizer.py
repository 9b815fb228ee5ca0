"""FNet's tokenizer, as its plugin offers it."""

import pytest

pytest.importorskip("mlmzoo_fnet")

import sentencepiece

from mlmzoo.data.inputs import read_texts
from mlmzoo.plugins import registry
from mlmzoo.testing.tiny import CORPUS
from mlmzoo_fnet.masked_lm import FNetMaskedLMPreprocessor
from mlmzoo_fnet.tokenizer import FNetTokenizer


@pytest.fixture(scope="module")
def trained():
    return FNetTokenizer.train(CORPUS, 120)


def test_training_gives_special_tokens_the_ids_of_the_original(trained):
    first = ["<unk>", "<s>", "</s>", "<pad>", "[CLS]", "[SEP]", "[MASK]"]
    assert trained.get_vocabulary()[:7] == first
    assert (trained.pad_token_id, trained.start_token_id, trained.end_token_id) == (3, 4, 5)
    assert trained.mask_token_id == 6
    # Not even the start and end that only the model has are put in at random.
    assert trained.special_token_ids == [0, 1, 2, 3, 4, 5, 6]


def test_text_keeps_its_case_as_the_model_does(trained):
    library = sentencepiece.SentencePieceProcessor(model_proto=trained.proto)
    texts = ["And God said ``Let''", "café", *CORPUS]
    assert trained.encode(texts) == library.encode(texts)
    assert trained.encode(["And"]) != trained.encode(["and"])
    for preset in registry().presets("f_net").values():
        assert not any(preset.tokenizer.values())


def test_a_model_without_start_and_end_of_its_own_will_do():
    library = pytest.importorskip("mlmzoo_albert.tokenizer").AlbertTokenizer
    tokenizer = FNetTokenizer(library.train(CORPUS, 100).proto)
    assert (tokenizer.pad_token_id, tokenizer.mask_token_id) == (0, 4)


def test_pairs_are_packed_with_one_separator(trained):
    preprocessor = FNetMaskedLMPreprocessor(trained, sequence_length=16)
    rows = preprocessor.rows(read_texts((["God said"], ["light"])))
    first, second = trained.encode(["God said", "light"])
    assert rows.ids.tolist() == [4, *first, 5, *second, 5]
