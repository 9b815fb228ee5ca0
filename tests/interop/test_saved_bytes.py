"""The same model is saved as the same bytes, by any process on any backend."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys

import keras
import pytest

from mlmzoo.plugins import registry
from mlmzoo.testing.tiny import tiny_task

pytestmark = pytest.mark.interop  # all backends are installed there

PROGRAM = """
import sys
from pathlib import Path
from mlmzoo import MaskedLM
for place in Path(sys.argv[1]).iterdir():
    task = MaskedLM.from_preset(place)
    for layout in ("keras", "transformers"):
        task.save_to_preset(Path(sys.argv[2], layout, place.name), layout=layout)
"""


def tree(directory):
    return {
        path.relative_to(directory).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in directory.rglob("*")
        if path.is_file()
    }


@pytest.mark.filterwarnings("ignore::mlmzoo.contract.errors.PresetWarning")
@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="runs all three itself")
def test_the_same_model_is_saved_as_the_same_bytes_on_every_backend(tmp_path):
    for family in registry().families:
        task = tiny_task(registry().family(family), head_state="trained")
        task.save_to_preset(tmp_path / "given" / family)
    written = []
    for seed, backend in enumerate(("tensorflow", "jax", "torch")):
        place = tmp_path / backend
        subprocess.run(
            [sys.executable, "-W", "ignore", "-c", PROGRAM, tmp_path / "given", place],
            check=True,
            env={
                **os.environ,
                "KERAS_BACKEND": backend,
                "PYTHONHASHSEED": str(seed),
                "SOURCE_DATE_EPOCH": "1700000000",
            },
        )
        written.append(tree(place))
    assert len(written[0]) > 40
    assert written[0] == written[1] == written[2]
