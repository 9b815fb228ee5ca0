"""The preprocessor as users call it: NumPy arrays of documented types and shapes."""

import numpy as np
import pytest

import mlmzoo
from mlmzoo.errors import InputError
from mlmzoo.plugins import registry
from mlmzoo.testing import tiny_tokenizer


@pytest.fixture(scope="module")
def tokenizer():
    return tiny_tokenizer(registry().family("toy"))


def make(tokenizer, **settings):
    settings = {"sequence_length": 10, "mask_selection_length": 3, "seed": 1, **settings}
    return registry().load("mlmzoo_toy.model:ToyMaskedLMPreprocessor")(tokenizer, **settings)


def test_a_batch_has_the_documented_types_and_shapes(tokenizer):
    x, y, weight = make(tokenizer)(["in the beginning", "god"])
    assert {name: (a.dtype.name, a.shape) for name, a in x.items()} == {
        "token_ids": ("int32", (2, 10)),
        "padding_mask": ("int32", (2, 10)),
        "mask_positions": ("int32", (2, 3)),
    }
    assert (y.dtype.name, y.shape) == ("int32", (2, 3))
    assert (weight.dtype.name, weight.shape) == ("float32", (2, 3))
    assert x["padding_mask"].tolist() == [[1] * 5 + [0] * 5, [1] * 3 + [0] * 7]
    assert weight.tolist() == [[1, 0, 0], [1, 0, 0]]


def test_one_text_has_no_batch_axis(tokenizer):
    x, y, weight = make(tokenizer)("in the beginning", sample_weight=2)
    assert x["token_ids"].shape == (10,)
    assert y.shape == (3,)
    assert weight.tolist() == [2, 0, 0]
    x, _, _ = make(tokenizer)(("in the beginning", "god created"))
    assert x["padding_mask"].sum() == 3 + 2 + 3


def test_labels_are_what_stood_at_the_masks(tokenizer):
    preprocessor = make(tokenizer, mask_token_rate=1.0, random_token_rate=0.0)
    (ids,) = tokenizer.encode(["in the beginning god created the heaven"])
    x, y, weight = preprocessor(["in the beginning god created the heaven"])
    row = [tokenizer.start_token_id, *ids, tokenizer.end_token_id]
    for position, label, real in zip(x["mask_positions"][0], y[0], weight[0], strict=True):
        if real:
            assert x["token_ids"][0, position] == tokenizer.mask_token_id
            assert label == row[position]
        else:
            assert position == label == 0


def test_a_written_mask_is_no_mask(tokenizer):
    x, _, _ = make(tokenizer, mask_selection_rate=0.0)(["in the <mask> god"])
    assert tokenizer.mask_token_id not in x["token_ids"]


@pytest.mark.parametrize("truncate", ["round_robin", "waterfall"])
def test_a_long_pair_is_cut_as_asked(tokenizer, truncate):
    preprocessor = make(tokenizer, truncate=truncate, mask_selection_rate=0.0)
    x, _, _ = preprocessor((["light " * 9], ["day " * 9]))
    text = tokenizer.detokenize(x["token_ids"][0])
    assert text.split().count("light") == {"round_robin": 4, "waterfall": 7}[truncate]
    assert (x["padding_mask"] == 1).all()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"sequence_length": 2}, "sequence_length=2"),
        ({"truncate": "left"}, "truncate='left'"),
        ({"mask_selection_rate": 1.5}, "mask_selection_rate=1.5"),
        ({"mask_token_rate": 0.9, "random_token_rate": 0.2}, "together"),
        ({"mask_selection_length": 0}, "mask_selection_length=0"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused_at_once(tokenizer, settings, said):
    with pytest.raises(InputError, match=said):
        make(tokenizer, **settings)


def test_tokenised_input_is_refused(tokenizer):
    with pytest.raises(InputError, match="tokenised already"):
        make(tokenizer)({"token_ids": np.ones((1, 4))})


def test_config_holds_the_whole_tokenizer(tokenizer):
    preprocessor = make(tokenizer, truncate="waterfall")
    twin = type(preprocessor).from_config(preprocessor.get_config())
    assert twin.get_config() == preprocessor.get_config()
    assert isinstance(twin, mlmzoo.MaskedLMPreprocessor)
    np.testing.assert_array_equal(
        twin("in the beginning")[0]["token_ids"], preprocessor("in the beginning")[0]["token_ids"]
    )


# What a backbone takes ----------------------------------------------------------------------------


def test_inputs_are_padded_rows_with_nothing_masked(task, texts):
    preprocessor = task.preprocessor
    inputs = preprocessor.inputs(texts)
    assert list(inputs) == ["token_ids", "padding_mask"]
    ids = preprocessor.tokenizer.encode(texts)
    assert inputs["token_ids"].shape == (len(texts), max(map(len, ids)) + 2)
    real = inputs["padding_mask"] == 1
    for row, visible, expected in zip(inputs["token_ids"], real, ids, strict=True):
        assert row[visible][1:-1].tolist() == expected
        assert (row[~visible] == preprocessor.tokenizer.pad_token_id).all()
    hidden = task.backbone(inputs)["sequence_output"]
    assert hidden.shape[:2] == inputs["token_ids"].shape


def test_inputs_of_one_text_and_of_pairs(task):
    preprocessor = task.preprocessor
    assert len(preprocessor.inputs("god created")["token_ids"]) == 1
    pair = preprocessor.inputs([("god created", "heaven")])["token_ids"]
    assert pair.shape == (1, 2 + 1 + 3)
    with pytest.raises(InputError, match="tokenised already"):
        preprocessor.inputs({"token_ids": pair})


def test_inputs_are_of_one_length_where_the_family_needs_it(task, texts, monkeypatch):
    monkeypatch.setattr(type(task.preprocessor), "batching", "fixed")
    length = task.preprocessor.sequence_length
    assert task.preprocessor.inputs(texts)["token_ids"].shape == (len(texts), length)
