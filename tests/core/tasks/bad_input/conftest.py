"""What a test of bad input has at hand. Each names its row of docs/concepts/bad-input.md."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import pytest

from mlmzoo.errors import InputError


def pytest_configure(config):
    config.addinivalue_line("markers", "row(text, outcome): the row of the page that this holds")


@pytest.fixture(scope="package")
def still(make):
    """A task that stays as it is, whatever it is trained on."""
    return make(head_state="trained")


def drained(answers):
    """The answers; those of a stream come as it is read."""
    return list(answers) if isinstance(answers, Iterator) else answers


@pytest.fixture(scope="package")
def doors(still, texts):
    """All that takes texts."""
    return {
        "fit": lambda x: still.fit(x, verbose=0),
        "evaluate": lambda x: still.evaluate(x, verbose=0),
        "validation_data": lambda x: still.fit(texts, validation_data=x, verbose=0),
        "batches": still.batches,
        "predict": still.predict,
        "fill_mask": lambda x: drained(still.fill_mask(x)),
        "preprocessor": still.preprocessor,
        "inputs": still.preprocessor.inputs,
    }


@pytest.fixture(scope="package")
def refused(doors):
    """Checks that some doors, all by default, refuse something with one `InputError`."""

    def refused(x, match, names=tuple(doors)):
        for name in names:
            given = x() if callable(x) else x
            with pytest.raises(InputError) as raised:
                doors[name](given)
            assert re.search(match, str(raised.value)), (name, str(raised.value))
            assert "Exception encountered" not in str(raised.value), name

    return refused


@pytest.fixture(scope="package")
def many(doors):
    """The doors that take nothing but many texts."""
    return tuple(name for name in doors if name not in ("fill_mask", "preprocessor", "inputs"))


@pytest.fixture(scope="package")
def evaluated(still):
    def evaluated(x, task=still, **options):
        found = task.evaluate(x, verbose=0, return_dict=True, **options)
        assert np.isfinite(list(found.values())).all()
        return found

    return evaluated
