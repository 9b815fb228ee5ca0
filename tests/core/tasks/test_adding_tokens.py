"""More tokens for a whole model."""

import gc
import weakref

import keras
import numpy as np
import pytest

import mlmzoo
from mlmzoo.contract.errors import InputError, QuantizedModelError
from mlmzoo.testing.asking import logits, randomise

NEW = ["foxglove", "harebell", "fox-glove"]
TEXT = "in the beginning foxglove created the fox-glove"


def values(layer):
    return [keras.ops.convert_to_numpy(variable) for variable in layer.variables]


def matrix(task):
    return keras.ops.convert_to_numpy(task.backbone.token_embedding.embeddings)


def bias(task):
    return keras.ops.convert_to_numpy(task.mlm_head.output_bias)


@pytest.fixture
def model(trained):
    randomise(trained)
    return trained


def test_a_new_row_and_bias_are_the_mean_of_the_pieces(model):
    tokenizer, rows, biases = model.preprocessor.tokenizer, matrix(model), bias(model)
    ids = model.add_tokens(NEW)
    assert list(ids) == NEW
    assert model.preprocessor.tokenizer.vocabulary_size() == tokenizer.vocabulary_size() + 3
    for text, id in ids.items():
        (pieces,) = tokenizer.encode([text])
        np.testing.assert_allclose(matrix(model)[id], rows[pieces].mean(axis=0), rtol=1e-6)
        np.testing.assert_allclose(bias(model)[id], biases[pieces].mean(), rtol=1e-6)


def test_everything_else_stays(model):
    size = model.preprocessor.tokenizer.vocabulary_size()
    before, rows, seeds = logits(model), matrix(model), values(model.backbone)
    model.add_tokens(NEW)
    np.testing.assert_allclose(logits(model)[..., :size], before, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(matrix(model)[:size], rows)
    for one, other in zip(values(model.backbone), seeds, strict=True):
        assert one.shape != other.shape or np.array_equal(one, other)
    assert model.head_state == "trained"


def test_a_model_that_grew_trains_answers_and_is_saved(model, tmp_path):
    model.fit([TEXT] * 8, verbose=0, batch_size=4)
    before = model.embed(TEXT), model.score("in the beginning")
    ids = model.add_tokens(NEW)
    assert set(ids.values()) & set(model.preprocessor.tokenizer(TEXT))
    assert model.score("in the beginning").tokens[0].id == before[1].tokens[0].id
    model.compile(optimizer=keras.optimizers.SGD(0.1), run_eagerly=model.run_eagerly)
    rows = matrix(model)
    model.fit([TEXT] * 8, verbose=0, batch_size=4)
    assert (matrix(model)[ids["foxglove"]] != rows[ids["foxglove"]]).any()
    assert not np.allclose(model.embed(TEXT), before[0])
    model.save_to_preset(tmp_path / "preset")
    model.save(tmp_path / "model.keras")
    for twin in (
        mlmzoo.MaskedLM.from_preset(tmp_path / "preset"),
        mlmzoo.load_model(tmp_path / "model.keras"),
    ):
        np.testing.assert_allclose(twin.embed(TEXT), model.embed(TEXT), rtol=1e-5, atol=1e-6)
        assert list(twin.preprocessor.tokenizer(TEXT)) == list(model.preprocessor.tokenizer(TEXT))


def test_rows_that_no_token_uses_are_used_first(model):
    size = model.preprocessor.tokenizer.vocabulary_size()
    config = {**model.backbone.get_config(), "vocabulary_size": size + 2}
    roomy = type(model)(type(model.backbone).from_config(config), model.preprocessor)
    roomy.add_tokens(NEW[:1])
    assert roomy.backbone.vocabulary_size == size + 2 == roomy.mlm_head.vocabulary_size
    roomy.add_tokens(NEW[1:])
    assert roomy.backbone.vocabulary_size == size + 3


def test_what_was_frozen_stays_frozen_and_what_was_compiled_stays_so(model):
    model.backbone.get_layer("position_embedding").trainable = False
    model.compile(optimizer=keras.optimizers.SGD(0.25), run_eagerly=model.run_eagerly)
    frozen = len(model.trainable_weights)
    model.add_tokens(NEW)
    assert not model.backbone.get_layer("position_embedding").trainable
    assert len(model.trainable_weights) == frozen
    assert float(keras.ops.convert_to_numpy(model.optimizer.learning_rate)) == 0.25


def test_a_preprocessor_that_serves_another_model_stays_as_it_was(make):
    one, other = make(), make()
    other.preprocessor = one.preprocessor
    size = other.preprocessor.tokenizer.vocabulary_size()
    one.add_tokens(NEW)
    assert other.preprocessor.tokenizer.vocabulary_size() == size
    assert one.preprocessor.sequence_length == other.preprocessor.sequence_length


def test_a_model_that_cannot_grow_says_so_and_stays_as_it_was(make):
    model = make()
    size = model.backbone.vocabulary_size
    for tokens in ([], ["the"], [model.preprocessor.tokenizer.mask_token], ["fox", "fox"]):
        with pytest.raises(InputError):
            model.add_tokens(tokens)
    assert model.backbone.vocabulary_size == size
    assert model.preprocessor.tokenizer.vocabulary_size() == size
    model.preprocessor, preprocessor = None, model.preprocessor
    with pytest.raises(InputError, match="preprocessor is None"):
        model.add_tokens(NEW)
    model.preprocessor = preprocessor
    quantised = make()
    quantised.quantize("int8")
    with pytest.raises(QuantizedModelError, match="Add them before `quantize`"):
        quantised.add_tokens(NEW)


class Custom(keras.optimizers.SGD):
    """Of somebody's own, and registered nowhere."""


class Demanding(keras.optimizers.SGD):
    def __init__(self, needed):
        super().__init__(0.1)


def mean(y, logits):
    return keras.ops.mean(logits)


class Falling(keras.optimizers.schedules.LearningRateSchedule):
    def __call__(self, step):
        return 0.25

    def get_config(self):
        return {}


def test_what_a_model_was_compiled_with_stays_whoever_wrote_it(model):
    schedule = Falling()
    model.compile(Custom(schedule), loss=mean, run_eagerly=model.run_eagerly)
    model.fit([TEXT] * 4, verbose=0, batch_size=4)
    model.add_tokens(NEW)
    assert type(model.optimizer) is Custom and model.loss is mean
    assert model.optimizer._learning_rate is schedule
    assert int(model.optimizer.iterations) == 0
    model.fit([TEXT] * 4, verbose=0, batch_size=4)


def test_an_optimizer_that_cannot_be_made_anew_is_named_and_nothing_changes(model):
    model.compile(Demanding(1), run_eagerly=model.run_eagerly)
    backbone, preprocessor = model.backbone, model.preprocessor
    with pytest.raises(InputError, match="compiled with a Demanding, which cannot be made anew"):
        model.add_tokens(NEW)
    assert model.backbone is backbone and model.preprocessor is preprocessor
    with pytest.raises(InputError, match="compiled with a Demanding"):
        model.backbone = type(backbone).from_config(backbone.get_config())
    assert model.backbone is backbone


def test_a_variable_that_is_frozen_alone_stays_so(model):
    model.backbone.token_embedding.embeddings.trainable = False
    model.add_tokens(NEW)
    assert not model.backbone.token_embedding.embeddings.trainable
    assert model.mlm_head.output_bias.trainable


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="of PyTorch's modules")
def test_pytorch_sees_the_new_parameters_and_no_others(model):
    count = len(list(model.parameters()))
    model.add_tokens(NEW)
    assert len(list(model.parameters())) == count
    rows = {len(each) for each in model.state_dict().values() if each.ndim}
    assert model.backbone.vocabulary_size in rows
    assert model.backbone.vocabulary_size - len(NEW) not in rows


def test_the_layers_that_went_are_let_go(model):
    model.embed(TEXT, layer=0)
    model.score(TEXT)
    before = weakref.ref(model.backbone)
    model.add_tokens(NEW)
    gc.collect()
    assert before() is None
