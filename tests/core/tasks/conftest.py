import keras
import pytest

from mlmzoo.plugins import registry
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
