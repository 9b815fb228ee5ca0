"""The public names, and what is said where Keras has no backend."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

import mlmzoo
from mlmzoo import errors
from mlmzoo.contract import errors as contract_errors

PUBLIC = {
    "Backbone",
    "Family",
    "MaskedLM",
    "MaskedLMPreprocessor",
    "Preprocessor",
    "Preset",
    "Task",
    "Tokenizer",
    "TrainingCheckpoint",
    "__version__",
    "api_version",
    "errors",
    "linear_rate",
    "list_plugins",
    "list_presets",
    "load_model",
    "models",
    "pseudo_perplexity",
    "refresh_plugins",
    "upload_preset",
}
CLASSES = {"Backbone", "MaskedLM", "MaskedLMPreprocessor", "Preprocessor", "Task", "Tokenizer"}


def test_the_public_names_are_these():
    assert set(mlmzoo.__all__) == PUBLIC
    assert set(dir(mlmzoo)) >= PUBLIC


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_every_public_name_is_there(name):
    assert getattr(mlmzoo, name) is not None


def test_models_offers_the_base_classes_and_those_of_plugins(site):
    site.add("alpha")
    assert set(mlmzoo.models.__all__) == CLASSES
    assert set(dir(mlmzoo.models)) >= CLASSES | {"AlphaMaskedLM", "AlphaBackbone"}
    for name in CLASSES:
        assert getattr(mlmzoo.models, name) is getattr(mlmzoo, name)


def test_a_class_of_an_official_plugin_that_is_missing_says_what_to_install(site):
    with pytest.raises(AttributeError, match="`pip install mlmzoo-fnet`"):
        mlmzoo.models.FNetMaskedLM  # noqa: B018
    with pytest.raises(ImportError, match="FNetMaskedLM"):
        from mlmzoo.models import FNetMaskedLM  # noqa: F401


def test_a_name_nobody_has_is_an_attribute_error(site):
    site.add("alpha")
    with pytest.raises(AttributeError, match="Close: 'AlphaMaskedLM'"):
        mlmzoo.models.AlphaMaskLM  # noqa: B018
    with pytest.raises(AttributeError, match=r"mlmzoo\.models"):
        mlmzoo.AlphaMaskedLM  # noqa: B018
    assert not hasattr(mlmzoo, "nothing")


def test_every_error_of_the_contract_is_public():
    own = {name for name, value in vars(contract_errors).items() if isinstance(value, type)}
    assert set(errors.__all__) == own
    for name in own:
        assert getattr(errors, name) is getattr(contract_errors, name)


# A process in which some packages are not there, and what it says of mlmzoo.Backbone.
WITHOUT = """
import importlib.util, sys
missing = set(sys.argv[1].split(","))

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in missing:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

there = importlib.util.find_spec
importlib.util.find_spec = lambda name, *a: None if name in missing else there(name, *a)
sys.meta_path.insert(0, Missing())
import mlmzoo
mlmzoo.list_presets()
for _ in range(2):  # the second time is no different
    try:
        mlmzoo.Backbone
    except mlmzoo.errors.BackendError as error:
        assert isinstance(error, ImportError)
        message = str(error)
print(message)
"""


@pytest.mark.parametrize(
    ("backend", "missing", "phrases"),
    [
        ("jax", "jax", ["'jax' (from KERAS_BACKEND), which is not installed", "`pip install jax`"]),
        ("torch", "torch", ["'torch'", "`pip install torch`", "set the environment variable"]),
        ("tensorflow", "tensorflow", ["'tensorflow'", "`pip install tensorflow`"]),
        (
            "torch",
            "torch,jax,tensorflow",
            ["`pip install torch`", "install another of tensorflow, jax"],
        ),
        ("nonsense", "nothing", ["'nonsense'", "not one of tensorflow, jax, torch", "KERAS_BACK"]),
        ("jax", "keras", ["Backbone needs Keras, which is not installed: `pip install keras`"]),
    ],
)
def test_without_a_backend_the_error_says_what_to_install_or_set(backend, missing, phrases):
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, missing],
        capture_output=True,
        text=True,
        env={**os.environ, "KERAS_BACKEND": backend},
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert "Backbone needs Keras" in done.stdout
    assert [phrase for phrase in phrases if phrase not in done.stdout] == []
