"""With another backend TensorFlow, though installed, is never imported by the main job."""

import subprocess
import sys

import keras
import pytest

JOB = """
import sys
import mlmzoo
from mlmzoo.plugins import registry
from mlmzoo.testing import CORPUS, tiny_task

directory, layout = sys.argv[1:]
task = tiny_task(registry().family("toy"))
task.fit(list(CORPUS), validation_split=0.3, verbose=0)
task.evaluate(list(CORPUS), verbose=0)
task.save_to_preset(directory, layout=layout)
again = mlmzoo.MaskedLM.from_preset(directory)
again.fit(list(CORPUS), verbose=0)
again.fill_mask("let there be <mask>")
again.save_to_preset(directory + "-again", layout=layout)
assert not [name for name in sys.modules if name.split(".")[0] == "tensorflow"], "imported"
"""


@pytest.mark.skipif(keras.backend.backend() == "tensorflow", reason="it is the backend here")
@pytest.mark.parametrize("layout", ["keras", "transformers"])
def test_fit_fill_save_and_load_do_not_import_tensorflow(tmp_path, layout):
    done = subprocess.run(
        [sys.executable, "-c", JOB, str(tmp_path / "preset"), layout],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
