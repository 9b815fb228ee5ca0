"""More tokens in every family: found, saved in both layouts, and nothing else changes."""

import warnings

import keras
import numpy as np
import pytest

import mlmzoo
from mlmzoo.contract.errors import InputError
from mlmzoo.plugins import registry
from mlmzoo.testing import tiny_settings, tiny_task
from mlmzoo.testing.asking import randomise
from mlmzoo.testing.tiny import CORPUS

NEW = ["myocarditis", "electrocardiograms", "COVID-19", "New York"]
TEXT = "The electrocardiograms of New York: myocarditis, COVID-19."
EVERY = [name for name in registry().families if name != "toy"]


@pytest.fixture(params=EVERY)
def model(request):
    task = tiny_task(registry().family(request.param), head_state="trained")
    randomise(task)
    return task


def by_token(task, values):
    """Rows of an embedding, or biases, by token."""
    tokens = task.preprocessor.tokenizer.get_vocabulary()
    return dict(zip(tokens, keras.ops.convert_to_numpy(values), strict=True))


def parts(task):
    return (
        by_token(task, task.backbone.token_embedding.embeddings),
        by_token(task, task.mlm_head.output_bias),
    )


def test_each_token_keeps_its_row_and_new_ones_get_the_mean_of_their_pieces(model):
    before, tokenizer = parts(model), model.preprocessor.tokenizer
    ids = model.add_tokens(NEW)
    after, grown = parts(model), model.preprocessor.tokenizer
    assert grown.vocabulary_size() == tokenizer.vocabulary_size() + len(NEW)
    assert model.backbone.vocabulary_size == model.mlm_head.vocabulary_size
    for old, new in zip(before, after, strict=True):
        for token, value in old.items():
            np.testing.assert_array_equal(new[token], value)
        for text, id in ids.items():
            ways = (tokenizer.encode([written])[0] for written in (text, f" {text}"))
            means = [
                np.mean([old[tokenizer.id_to_token(id)] for id in pieces], axis=0)
                for pieces in ways
            ]
            found = new[grown.id_to_token(id)]
            assert min(np.abs(found - mean).max() for mean in means) < 1e-6


def test_texts_without_them_have_the_vectors_that_they_had(model):
    texts = [*CORPUS, "Isaac begat Jacob"]
    vectors = model.embed(texts)
    model.add_tokens(NEW)
    np.testing.assert_allclose(model.embed(texts), vectors, rtol=0, atol=1e-6)


@pytest.mark.parametrize("layout", ["keras", "transformers"])
def test_they_survive_saving(model, layout, tmp_path):
    ids = model.add_tokens(NEW)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.save_to_preset(tmp_path, layout=layout)
    # The other layout says nothing of it, and what FNet makes of a text depends on it.
    length = model.preprocessor.sequence_length
    twin = mlmzoo.MaskedLM.from_preset(tmp_path, sequence_length=length)
    tokenizer = twin.preprocessor.tokenizer
    assert tokenizer.get_vocabulary() == model.preprocessor.tokenizer.get_vocabulary()
    assert set(ids.values()) <= set(tokenizer(TEXT).tolist())
    assert list(tokenizer(TEXT)) == list(model.preprocessor.tokenizer(TEXT))
    np.testing.assert_allclose(twin.embed(TEXT), model.embed(TEXT), rtol=0, atol=1e-6)
    assert twin.add_tokens(["pericarditis"])
    with pytest.raises(InputError, match="holds already"):
        twin.add_tokens(NEW[:1])


def test_a_model_with_lora_updates_says_what_to_do(model):
    if not model.backbone.lora_targets:
        pytest.skip("no dense layers to update")
    model.backbone.enable_lora(2)
    with pytest.raises(InputError, match=r"LoRA updates\. Add them before"):
        model.add_tokens(NEW)


@pytest.mark.parametrize("name", ["xlm_roberta", "deberta_v3"])
def test_ids_that_no_token_has_are_in_the_way_of_nothing(name):
    family = registry().family(name)
    plain = tiny_task(family).preprocessor
    mask = plain.tokenizer.mask_token
    tokenizer = type(plain.tokenizer)(
        plain.tokenizer.proto, added_tokens={mask: plain.tokenizer.vocabulary_size() + 3}
    )
    settings = tiny_settings(family, tokenizer.vocabulary_size())
    backbone = registry().load(family.backbone)(**settings)
    preprocessor = type(plain)(tokenizer, sequence_length=24)
    task = registry().load(family.masked_lm)(backbone, preprocessor, head_state="trained")
    rows = by_token(task, task.backbone.token_embedding.embeddings)
    task.add_tokens(["foxglove", "harebell", "myocarditis", "bluebell", "cowslip"])
    after = by_token(task, task.backbone.token_embedding.embeddings)
    np.testing.assert_array_equal(after[mask], rows[mask])
    assert len(after) == len(rows) + 5
