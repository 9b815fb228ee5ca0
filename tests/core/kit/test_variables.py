"""Variables are written and read a few rows at a time."""

import os
import subprocess
import sys
from pathlib import Path

import keras
import ml_dtypes
import numpy as np
import pytest

from mlmzoo.kit.variables import VariableTarget, effective_values

SHAPES = [(7,), (7, 3), (7, 3, 2)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_blocks_of_rows_land_where_they_belong(shape, dtype):
    variable = keras.Variable(np.full(shape, np.nan, "float32"), dtype=dtype)
    target = VariableTarget(variable)
    assert target.shape == shape
    values = np.arange(np.prod(shape), dtype="float32").reshape(shape)
    for start, stop in [(3, 7), (0, 1), (1, 3)]:
        target.assign(start, values[start:stop])
    np.testing.assert_array_equal(
        keras.ops.convert_to_numpy(keras.ops.cast(variable, "float32")), values
    )
    assert keras.backend.standardize_dtype(variable.dtype) == dtype


@pytest.mark.parametrize("stored", ["float16", "float32", "float64", ml_dtypes.bfloat16])
def test_any_stored_dtype_is_taken(stored):
    variable = keras.Variable(np.zeros((4, 2), "float32"))
    values = np.arange(8).reshape(4, 2).astype(stored)
    VariableTarget(variable).assign(0, values)
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(variable), values.astype("float32"))
    VariableTarget(variable).assign(2, values[:2])
    np.testing.assert_array_equal(
        keras.ops.convert_to_numpy(variable)[2:], values[:2].astype("float32")
    )


def test_a_scalar_is_written_whole():
    variable = keras.Variable(np.float32(0))
    VariableTarget(variable).assign(0, np.float32(3))
    assert keras.ops.convert_to_numpy(variable) == 3


MEASURED = """
import keras, numpy as np
from mlmzoo.kit.variables import VariableTarget

def memory():
    with open("/proc/self/status") as status:
        return int(next(line for line in status if line.startswith("VmHWM")).split()[1]) / 1024

def filled(rows, block):
    variable = keras.Variable(shape=(rows, 1024), initializer="zeros")
    for start in range(0, rows, len(block)):
        VariableTarget(variable).assign(start, block)
    return variable

block = np.ones((1024, 1024), "float32")
filled(4096, block)  # a program that JAX compiles takes memory, too
before = memory()
variable = filled(102400, block)
print((memory() - before) / 400)  # before anything reads the variable
assert (keras.ops.convert_to_numpy(variable) == 1).all()
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux tells the peak")
def test_writing_rows_never_holds_the_variable_twice():
    done = subprocess.run(
        [sys.executable, "-c", MEASURED], capture_output=True, text=True, env=os.environ
    )
    assert done.returncode == 0, done.stderr
    assert 0.9 < float(done.stdout) < 1.5  # of 400 MiB; blocks are of 4


def test_written_variables_are_what_a_model_computes_with():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, use_bias=False)])
    x = np.eye(2, dtype="float32")
    model.predict(x, verbose=0)
    kernel = np.arange(6, dtype="float32").reshape(2, 3)
    target = VariableTarget(model.weights[0])
    target.assign(0, kernel[:1])
    target.assign(1, kernel[1:])
    np.testing.assert_array_equal(model.predict(x, verbose=0), kernel)


def test_lora_updates_are_read_merged_and_leave_no_trace():
    model = keras.Sequential(
        [
            keras.Input((), dtype="int32"),
            keras.layers.Embedding(5, 4, name="table"),
            keras.layers.Dense(3, name="dense"),
        ]
    )
    before = [keras.ops.convert_to_numpy(weight) for weight in model.weights]
    for layer in model.layers:
        layer.enable_lora(2)
        for weight in layer.weights:
            if "lora" in weight.path and weight.path.endswith("_b"):
                weight.assign(np.ones(weight.shape, "float32"))
    readers = effective_values(model)
    embedding, dense = model.layers
    for path, expected in [
        ("table/embeddings", embedding.embeddings),
        ("dense/kernel", dense.kernel),
    ]:
        (found,) = [reader() for name, reader in readers.items() if name.endswith(path)]
        np.testing.assert_allclose(found, keras.ops.convert_to_numpy(expected), atol=1e-6)
        assert not any(np.array_equal(found, value) for value in before)
        assert found.dtype == np.float32
