"""The conformance suite sees what it is there for: each broken toy fails the test meant for it.

That the healthy toy passes is seen in test_toy_conformance.
"""

import dataclasses
import importlib

import pytest
from keras import ops

from mlmzoo.contract.errors import MlmzooError
from mlmzoo.plugins import registry
from mlmzoo.testing import FamilyConformance

model = importlib.import_module("mlmzoo_toy.model")
table = importlib.import_module("mlmzoo_toy.weights")


@pytest.fixture
def suite():
    suite = FamilyConformance()
    suite.family_name = "toy"
    return suite


@pytest.fixture
def toy():
    return registry().family("toy")


def test_a_backbone_that_sees_padding(suite, toy, monkeypatch):
    mix = model.Mix.call

    def call(self, hidden, padding_mask):
        return mix(self, hidden, ops.ones_like(padding_mask))

    monkeypatch.setattr(model.Mix, "call", call)
    with pytest.raises(AssertionError):
        suite.test_padding_leaves_answers_alone(suite.make(toy))


def test_a_backbone_that_takes_a_row_for_one_text(suite, toy, monkeypatch):
    mix = model.Mix.call

    def call(self, hidden, padding_mask):
        return mix(self, hidden, ops.minimum(padding_mask, 1))

    monkeypatch.setattr(model.Mix, "call", call)
    with pytest.raises(AssertionError):
        suite.test_texts_of_one_row_leave_each_other_alone(suite.make(toy))


def test_a_backbone_that_counts_positions_through_the_row(suite, toy, monkeypatch):
    call = model.PositionEmbedding.call
    monkeypatch.setattr(
        model.PositionEmbedding, "call", lambda self, inputs, padding_mask: call(self, inputs)
    )
    with pytest.raises(AssertionError):
        suite.test_texts_of_one_row_leave_each_other_alone(suite.make(toy))


def test_a_backbone_that_forgets_a_setting(suite, toy, monkeypatch):
    class Forgetful(model.ToyBackbone):
        def __init__(self, num_layers=1, **kwargs):
            super().__init__(num_layers=num_layers, **kwargs)
            del self.settings["num_layers"]

    monkeypatch.setattr(model, "ToyBackbone", Forgetful)
    with pytest.raises(ValueError, match="set_weights"):
        suite.test_config_round_trip(suite.make(toy))


def test_a_backbone_of_one_fixed_length(suite, toy, monkeypatch):
    def call(self, inputs, padding_mask):
        return ops.reshape(ops.convert_to_tensor(self.embeddings)[:24], (1, 24, self.dim))

    monkeypatch.setattr(model.PositionEmbedding, "call", call)
    with pytest.raises(Exception, match=r"shape|size|dimension|broadcast"):
        suite.test_any_length_up_to_the_limit(suite.make(toy))


def test_a_layer_that_is_not_given_the_dtype(suite, toy, monkeypatch):
    position_embedding = model.PositionEmbedding

    def forgetful(*args, dtype=None, **kwargs):
        return position_embedding(*args, dtype="bfloat16", **kwargs)

    monkeypatch.setattr(model, "PositionEmbedding", forgetful)
    with pytest.raises(AssertionError):
        suite.test_mixed_precision(toy)


@pytest.mark.parametrize("layout", ["keras", "transformers"])
@pytest.mark.parametrize(
    ("row", "wrong"),
    [
        # Two variables under one name, a variable that is not there, one that is not written.
        (3, {"keras": "layers/mix{_}/vars/0", "transformers": "toy.mix.{i}.weight"}),
        (3, {"ours": "layer_{i}/offset"}),
        (3, None),
    ],
)
def test_a_wrong_row_in_the_weight_table(suite, toy, monkeypatch, tmp_path, layout, row, wrong):
    rows = list(table.CHECKPOINT.backbone)
    if wrong is None:
        del rows[row]
    else:
        rows[row] = dataclasses.replace(rows[row], **wrong)
    broken = dataclasses.replace(table.CHECKPOINT, backbone=tuple(rows))
    monkeypatch.setattr(table, "CHECKPOINT", broken)
    with pytest.raises((AssertionError, MlmzooError, KeyError, ValueError)):
        suite.test_save_and_load(suite.make(toy), layout, tmp_path)


def test_a_task_that_calls_its_head_trained(suite, toy, monkeypatch, tmp_path):
    class Boastful(model.ToyMaskedLM):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.head_state = "trained"

    monkeypatch.setattr(model, "ToyMaskedLM", Boastful)
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        suite.test_a_random_head_stays_random_and_refuses(suite.make(toy), tmp_path)


def test_a_tokenizer_that_reads_special_tokens_out_of_text(suite, toy, monkeypatch):
    encode = model.ToyTokenizer._encode_batch
    monkeypatch.setattr(
        model.ToyTokenizer,
        "_encode_batch",
        lambda self, texts, specials: encode(self, texts, "all"),
    )
    with pytest.raises(AssertionError):
        suite.test_text_cannot_smuggle_special_tokens(suite.make(toy))


def test_a_tokenizer_that_loses_what_it_decodes(suite, toy, monkeypatch):
    monkeypatch.setattr(
        model.ToyTokenizer, "_decode", lambda self, ids: "".join(map(self.id_to_token, ids))
    )
    with pytest.raises(AssertionError):
        suite.test_tokenizer_round_trip(suite.make(toy))


def test_a_model_that_does_not_learn(suite, toy, monkeypatch):
    class Stubborn(model.ToyMaskedLM):
        def call(self, inputs, training=None):
            return 0 * super().call(inputs, training)

    monkeypatch.setattr(model, "ToyMaskedLM", Stubborn)
    with pytest.raises(AssertionError):
        suite.test_the_loss_falls(suite.make(toy))
