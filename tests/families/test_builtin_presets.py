"""Every built-in preset of every installed family is what it is published to be."""

import pytest

import mlmzoo
from mlmzoo.kit.layers import skip_initialization
from mlmzoo.plugins import registry

PRESETS = mlmzoo.list_presets()


@pytest.mark.parametrize("name", PRESETS)
def test_the_backbone_has_the_published_number_of_parameters(name):
    preset = PRESETS[name]
    with skip_initialization():
        backbone = registry().load(registry().family(preset.family).backbone)(**preset.backbone)
    assert backbone.count_params() == preset.parameters


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_says_where_it_comes_from_and_what_it_computes(name):
    preset = PRESETS[name]
    assert preset.description
    assert preset.sources
    for handle in preset.sources:
        scheme = handle.partition("://")[0]
        registry().source(scheme).open(handle)  # of the right form; makes no request
    assert {"activation", "layer_norm_epsilon"} <= set(preset.backbone)
    assert not preset.head or {"activation", "epsilon"} <= set(preset.head)


def test_the_architecture_of_a_preset_needs_no_network(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("a request was made")

    monkeypatch.setattr("socket.socket.connect", refuse)
    name = min(PRESETS, key=lambda name: PRESETS[name].parameters)
    task = mlmzoo.MaskedLM.from_preset(name, load_weights=False, preprocessor=None)
    assert task.backbone.count_params() == PRESETS[name].parameters
    assert task.head_state == "random"
