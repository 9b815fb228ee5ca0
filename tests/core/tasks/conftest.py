import keras
import numpy as np
import pytest
from writable_hub import WritableHub
from writable_kaggle import WritableKaggle

from mlmzoo.plugins import registry
from mlmzoo.presets.sources import downloader
from mlmzoo.tasks.seeding import set_seed
from mlmzoo.testing import tiny_task
from mlmzoo.testing.promises import EAGER

WORDS = "in the beginning god created heaven and earth light day night evening morning".split()
TEXTS = [" ".join(WORDS[i % 7 : i % 7 + 1 + (i * 5) % 9]) for i in range(11)]
"""Eleven texts of 1 to 9 words the toy knows."""


@pytest.fixture(scope="session")
def texts():
    return TEXTS


@pytest.fixture(scope="session")
def eagerly():
    """What to pass to `compile` where compiling is not the point: whatever takes less time."""
    return {"run_eagerly": EAGER}


@pytest.fixture(scope="session")
def make(eagerly):
    """Makes tiny toy tasks; by default training changes nothing but runs as ever."""

    def make(compiled=False, learning_rate=0.0, **kwargs):
        set_seed(1)
        task = tiny_task(registry().family("toy"), **kwargs)
        if not compiled:
            task.compile(optimizer=keras.optimizers.SGD(learning_rate), **eagerly)
        return task

    return make


@pytest.fixture
def task(make):
    return make()


@pytest.fixture
def preset(make, tmp_path):
    """Directory of a toy preset whose head counts as trained."""
    task = make(head_state="trained")
    task.save_to_preset(tmp_path / "preset")
    return tmp_path / "preset"


@pytest.fixture
def trained(make):
    return make(head_state="trained")


@pytest.fixture(scope="session")
def log_probabilities():
    """What a model says of one position of one row, computed directly: float64 ``(V,)``."""

    def log_probabilities(task, ids, position):
        ids = np.array([ids], "int32")
        inputs = {
            "token_ids": ids,
            "padding_mask": np.ones_like(ids),
            "mask_positions": np.array([[position]], "int32"),
        }
        inputs = {k: keras.ops.convert_to_tensor(v, "int32") for k, v in inputs.items()}
        logits = keras.ops.convert_to_numpy(task(inputs))[0, 0].astype("float64")
        logits -= logits.max()
        return logits - np.log(np.exp(logits).sum())

    return log_probabilities


@pytest.fixture(scope="session")
def row():
    """Token ids of a text as a row, mask tokens recognised."""

    def row(task, text):
        tokenizer = task.preprocessor.tokenizer
        inside = tokenizer.encode([text], "mask")[0]
        return [tokenizer.start_token_id, *inside, tokenizer.end_token_id]

    return row


@pytest.fixture(scope="module")
def _no_process_stays():
    yield
    downloader._running = None


@pytest.fixture
def hub(tmp_path, monkeypatch, _no_process_stays):
    """A loopback Hugging Face Hub without repositories, and a token for it."""
    with WritableHub() as server:
        server.use(monkeypatch, tmp_path / "cache")
        monkeypatch.setenv("HF_TOKEN", "hf_very-secret")
        yield server


@pytest.fixture
def kaggle(tmp_path, monkeypatch, _no_process_stays):
    """A loopback Kaggle without models, and credentials for it."""
    with WritableKaggle() as server:
        server.use(monkeypatch, tmp_path / "cache")
        monkeypatch.setenv("KAGGLE_API_TOKEN", "very-secret")
        yield server
