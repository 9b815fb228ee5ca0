"""Every built-in preset of every installed family is what it is published to be.

That each has the number of parameters it says is one of the promises of `mlmzoo.testing`.
"""

import gc
import json
import pkgutil

import pytest

import mlmzoo
from mlmzoo.kit.layers import skip_initialization

PRESETS = mlmzoo.list_presets()
LARGE = 150_000_000
"""Parameters beyond which a preset is not built here: gigabytes, side by side."""


@pytest.fixture(autouse=True)
def _memory_goes_back():
    yield
    gc.collect()


@pytest.mark.slow  # what a preset says becomes what was built: no backend computes anything
@pytest.mark.parametrize("name", [n for n, preset in PRESETS.items() if preset.parameters <= LARGE])
def test_the_architecture_is_the_published_one_and_needs_no_network(name, monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("a request was made")

    monkeypatch.setattr("socket.socket.connect", refuse)
    with skip_initialization():
        task = mlmzoo.MaskedLM.from_preset(name, load_weights=False, preprocessor=None)
    preset = PRESETS[name]
    assert task.backbone.count_params() == preset.parameters
    assert task.backbone.settings == preset.backbone
    assert task.head_state == "random"
    if preset.head:
        assert task.head_activation == preset.head["activation"]
        assert task.head_epsilon == preset.head["epsilon"]


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_says_what_it_computes(name):
    preset = PRESETS[name]
    assert preset.description
    assert {"activation", "layer_norm_epsilon"} <= set(preset.backbone)
    assert not preset.head or {"activation", "epsilon"} <= set(preset.head)


def test_all_of_the_published_presets_are_here():
    official = json.loads(pkgutil.get_data("mlmzoo.plugins", "official.json"))
    official = {name for plugin in official.values() for name in plugin["presets"]}
    assert len(official) == 28
    assert official <= set(PRESETS)
