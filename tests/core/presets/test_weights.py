"""The table engine, on tensors that are numpy arrays."""

import ml_dtypes
import numpy as np
import pytest

from mlmzoo.contract.errors import PresetFormatError, WeightsError
from mlmzoo.contract.records import Checkpoint, Weight
from mlmzoo.presets import weights


class Arrays:
    def __init__(self, arrays):
        self.arrays = arrays
        self.largest = 0

    def names(self):
        return set(self.arrays)

    def shape(self, name):
        return self.arrays[name].shape

    def dtype(self, name):
        return self.arrays[name].dtype

    def read(self, name, start=0, stop=None):
        array = self.arrays[name]
        block = array[start:stop] if array.ndim else array
        self.largest = max(self.largest, block.nbytes)
        return block


class Target:
    def __init__(self, shape):
        self.shape = shape
        self.value = np.full(shape, np.nan, np.float32)
        self.blocks = 0

    def assign(self, start, block):
        self.blocks += 1
        if self.shape:
            self.value[start : start + len(block)] = block
        else:
            self.value[...] = block


def row(kind="same", **changes):
    return Weight("ours", "theirs", "theirs", kind, **changes)


RANKS = {"attention_bias": [(6,)], "same": [(6,), (6, 12), (2, 6, 3)]}
MATRICES = [(6, 6), (12, 6), (6, 12)]
CASES = [(kind, shape) for kind in weights.KINDS for shape in RANKS.get(kind, MATRICES)]


@pytest.mark.parametrize(("kind", "shape"), CASES)
@pytest.mark.parametrize("layout", ["keras", "transformers"])
@pytest.mark.parametrize("heads", [3, None])
def test_storing_and_loading_are_inverse(kind, layout, shape, heads):
    value = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    stored = weights.store(row(kind), layout, value, 3)
    assert stored.shape == weights.stored_shape(row(kind), layout, shape, 3)
    target = Target(shape)
    weights.load([row(kind)], Arrays({"theirs": stored}), {"ours": target}, layout, heads)
    np.testing.assert_array_equal(target.value, value)


def test_a_scalar_is_loaded():
    target = Target(())
    weights.load([row()], Arrays({"theirs": np.float32(3).reshape(())}), {"ours": target}, "keras")
    assert target.value == 3


@pytest.mark.parametrize(
    ("kind", "layout"),
    [("same", "keras"), ("attention_kernel", "keras"), ("kernel", "transformers")],
)
def test_large_tensors_are_loaded_in_blocks_of_bounded_size(monkeypatch, kind, layout):
    monkeypatch.setattr(weights, "BLOCK_BYTES", 4096)
    monkeypatch.setattr(weights, "WHOLE_BYTES", 8192)
    value = np.random.default_rng(0).normal(size=(123, 60)).astype(np.float32)
    tensors = Arrays({"theirs": np.ascontiguousarray(weights.store(row(kind), layout, value, 4))})
    target = Target(value.shape)
    weights.load([row(kind)], tensors, {"ours": target}, layout, 4)
    np.testing.assert_array_equal(target.value, value)
    assert target.blocks > 1
    assert tensors.largest <= 4096


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, ml_dtypes.bfloat16])
def test_values_that_are_no_numbers_are_told_by_the_variable(monkeypatch, bad, dtype):
    monkeypatch.setattr(weights, "BLOCK_BYTES", 4096)
    value = np.ones((123, 60), dtype)
    value[100, 7] = bad
    second = Weight("second", "other", "other")
    tensors = Arrays({"theirs": value, "other": np.full(3, 3e38, np.float32)})
    targets = {"ours": Target(value.shape), "second": Target((3,))}
    outcome = weights.load([row(), second], tensors, targets, "keras")
    assert outcome.not_finite == ("ours",)
    np.testing.assert_array_equal(targets["ours"].value, value.astype(np.float32))


def test_nothing_is_assigned_where_anything_is_wrong():
    rows = [row(), Weight("second", "other", "other"), Weight("third", "none", "none")]
    tensors = Arrays({"theirs": np.zeros(3, np.float32), "other": np.zeros(4, np.float32)})
    targets = {"ours": Target((3,)), "second": Target((3,)), "third": Target((3,))}
    with pytest.raises(WeightsError) as raised:
        weights.load(rows, tensors, targets, "keras")
    assert "'none' is missing" in str(raised.value)
    assert "second: 'other' has shape (4,), wanted is (3,)" in str(raised.value)
    assert targets["ours"].blocks == 0


def test_a_transposed_matrix_in_the_file_is_not_taken_for_a_right_one():
    tensors = Arrays({"theirs": np.zeros((3, 4), np.float32)})
    with pytest.raises(WeightsError, match="shape"):
        weights.load([row("kernel")], tensors, {"ours": Target((3, 4))}, "transformers")


def test_model_and_table_must_name_the_same_variables():
    tensors = Arrays({"theirs": np.zeros(3, np.float32)})
    with pytest.raises(WeightsError, match="in the family's table and not in the model"):
        weights.load([row()], tensors, {}, "keras")
    targets = {"ours": Target((3,)), "more": Target((3,))}
    with pytest.raises(WeightsError, match="more is in the model and not in the family's table"):
        weights.load([row()], tensors, targets, "keras")


def test_integers_are_no_weights():
    tensors = Arrays({"theirs": np.zeros(3, np.int8)})
    with pytest.raises(WeightsError, match="int8"):
        weights.load([row()], tensors, {"ours": Target((3,))}, "keras")


def test_optional_rows_may_be_missing_from_the_file_or_from_the_model():
    optional = row(optional=True)
    tensors = Arrays({})
    outcome = weights.load([optional], tensors, {"ours": Target((3,))}, "keras")
    assert outcome == weights.Outcome((), ("ours",), ())
    tensors = Arrays({"theirs": np.zeros(3, np.float32)})
    assert weights.load([optional], tensors, {}, "keras") == weights.Outcome((), (), ())


def test_heads_that_do_not_come_out_even_are_an_error():
    with pytest.raises(WeightsError, match="attention heads"):
        weights.stored_shape(row("attention_kernel"), "keras", (8, 8), 3)


def test_nested_loops_count_their_blocks_through():
    checkpoint = Checkpoint(
        backbone=(
            Weight("once", "once", "once"),
            Weight("g{g}/i{j}", "layers/block{_}", "group.{g}.inner.{j}"),
        ),
        head=(),
        settings=(),
        loops={"g": "groups", "j": "inner"},
    )
    rows = weights.expand(checkpoint, {"groups": 2, "inner": 2}, "backbone")
    assert [r.ours for r in rows] == ["once", "g0/i0", "g0/i1", "g1/i0", "g1/i1"]
    assert [r.keras for r in rows[1:]] == [
        "layers/block",
        "layers/block_1",
        "layers/block_2",
        "layers/block_3",
    ]
    assert rows[4].transformers == "group.1.inner.1"


@pytest.mark.parametrize("count", [-1, 10**9, 2.0, None, True])
def test_an_absurd_number_of_blocks_is_refused(count):
    checkpoint = Checkpoint(backbone=(), head=(), settings=())
    with pytest.raises(PresetFormatError, match="num_layers"):
        weights.expand(checkpoint, {"num_layers": count}, "backbone")


# Before a model is built --------------------------------------------------------------------------


def require(rows, arrays, shapes, **kwargs):
    weights.require(rows, Arrays(arrays), lambda: shapes, "keras", **kwargs)


def test_a_checkpoint_that_fits_an_architecture_is_let_pass():
    require([row()], {"theirs": np.zeros((2, 3), np.float32)}, {"ours": (2, 3)})


def test_shapes_are_compared_before_a_model_is_built():
    with pytest.raises(WeightsError, match=r"'theirs' has shape \(2, 3\), wanted is \(2147483647"):
        require([row()], {"theirs": np.zeros((2, 3), np.float32)}, {"ours": (2**31 - 1, 3)})
    with pytest.raises(WeightsError, match="stored as int64"):
        require([row()], {"theirs": np.zeros((2, 3), np.int64)}, {"ours": (2, 3)})


def test_an_architecture_whose_names_are_missing_is_not_even_looked_at():
    with pytest.raises(WeightsError, match="'theirs' is missing"):
        weights.require([row()], Arrays({}), lambda: pytest.fail("asked for shapes"), "keras")


def test_optional_weights_that_are_missing_are_fewer_than_those_there():
    rows = [row(), Weight("more", "more", "more", optional=True)]
    arrays = {"theirs": np.zeros((2, 3), np.float32)}
    require(rows, arrays, {"ours": (2, 3), "more": (6,)})
    with pytest.raises(WeightsError, match="lack more, which are optional, and with 7 values"):
        require(rows, arrays, {"ours": (2, 3), "more": (7,)})


@pytest.mark.parametrize(
    "config", [{"i": 1001, "j": 1}, {"i": -1, "j": 1}, {"i": True, "j": 1}, {"i": 40, "j": 40}]
)
def test_blocks_repeat_a_thousand_times_at_most(config):
    checkpoint = Checkpoint(
        backbone=(Weight("{i}{j}", "{i}{j}", "{i}{j}"),),
        head=(),
        settings=(),
        loops={"i": "i", "j": "j"},
    )
    assert len(weights.expand(checkpoint, {"i": 40, "j": 25}, "backbone")) == 1000
    with pytest.raises(PresetFormatError, match="1000"):
        weights.expand(checkpoint, config, "backbone")
