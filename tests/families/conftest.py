"""Parity with transformers is looked at in the environment that has it."""

import pytest

# Not ours: the other libraries' own.
QUIET = (
    "ignore::DeprecationWarning",
    "ignore::FutureWarning",
    "ignore::UserWarning:(keras|transformers|torch).*",
)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    for item in items:
        parity = item.name == "test_outputs_equal_those_of_the_reference"
        if parity and item.cls.reference_class:
            item.add_marker(pytest.mark.interop)
            for action in QUIET:
                item.add_marker(pytest.mark.filterwarnings(action))
