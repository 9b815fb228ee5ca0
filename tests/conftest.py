"""For all tests: the toy family is installed, as core needs no other; XLA compiles in haste."""

from __future__ import annotations

import atexit
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

TOY = str(Path(__file__).parent / "toy")

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    # So it is for what a shell runs in the background; tests are about what it does elsewhere.
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Here and not in a fixture: the registry must not be made before.
if TOY not in sys.path:
    sys.path.insert(0, TOY)
os.environ["PYTHONPATH"] = os.pathsep.join(
    dict.fromkeys([TOY, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))])
)

# Many tiny models of the same shape, each used for a moment: JAX would compile each of them anew.
# Read when JAX is imported, here or in a child.
if "PYTEST_XDIST_WORKER" not in os.environ:  # a worker has that of the process it works for
    JAX_CACHE = tempfile.mkdtemp(prefix="jax-cache-")
    atexit.register(shutil.rmtree, JAX_CACHE, ignore_errors=True)
    os.environ["JAX_COMPILATION_CACHE_DIR"] = JAX_CACHE
os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
os.environ["JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES"] = "-1"
# XLA, for JAX and TensorFlow, would optimise for longer than the program runs. Its older code
# generator and one piece of code a program take half the time.
XLA_FLAGS = (
    "--xla_backend_optimization_level=0",
    "--xla_llvm_disable_expensive_passes=true",
    "--xla_cpu_use_fusion_emitters=false",
    "--xla_cpu_parallel_codegen_split_count=1",
)
if "XLA_FLAGS" not in os.environ:
    os.environ["XLA_FLAGS"] = " ".join(XLA_FLAGS)
    if os.environ.get("KERAS_BACKEND") == "jax":
        # A newer XLA that does not know one of them ends the process.
        tried = subprocess.run(
            [sys.executable, "-c", "import jax; jax.numpy.zeros(1)"], stderr=subprocess.PIPE
        )
        if tried.returncode:
            print(f"XLA compiles as it does by itself: {tried.stderr[-300:]!r}")
            os.environ["XLA_FLAGS"] = ""


@pytest.fixture(autouse=True, scope="module")
def _compiled_programs_go() -> Iterator[None]:
    """JAX keeps every program it compiled: gigabytes, by the end of a suite of tiny models."""
    yield
    if "jax" in sys.modules:
        sys.modules["jax"].clear_caches()


@pytest.fixture(scope="session")
def value_and_gradient():
    """From a function and an array to the function's values and the gradient of their sum."""

    def value_and_gradient(function, x):
        import keras
        from keras import ops

        backend = keras.backend.backend()
        if backend == "jax":
            import jax

            y, back = jax.vjp(function, ops.convert_to_tensor(x))
            return np.asarray(y), np.asarray(back(ops.ones_like(y))[0])
        if backend == "tensorflow":
            import tensorflow as tf

            x = tf.constant(x)
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = function(x)
            found = tape.gradient(y, x)
        else:
            x = ops.convert_to_tensor(x).requires_grad_()
            y = function(x)
            y.sum().backward()
            found = x.grad
        return ops.convert_to_numpy(y), ops.convert_to_numpy(found)

    return value_and_gradient


@pytest.fixture(scope="session")
def hooks() -> ModuleType:
    """What the site says is documented: ``scripts/mkdocs_hooks.py``."""
    path = Path(__file__).resolve().parents[1] / "scripts" / "mkdocs_hooks.py"
    spec = importlib.util.spec_from_file_location("mkdocs_hooks", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
