"""MLMZOO_PLUGINS chooses which plugins are used."""

from __future__ import annotations

import pytest

import mlmzoo
from mlmzoo.errors import PluginError, PluginWarning, UnknownNameError
from mlmzoo.plugins import registry

TWO_OF_ONE_NAME = "[mlmzoo]\nalpha = zoo_gamma.plugin\n"


@pytest.mark.parametrize(
    ("value", "families"),
    [
        (None, ["alpha", "beta"]),
        ("", []),
        (" , ", []),
        ("alpha", ["alpha"]),
        (" beta ,", ["beta"]),
        ("alpha,beta", ["alpha", "beta"]),
        ("zoo-beta", ["beta"]),
        ("Zoo_Beta:beta", ["beta"]),
    ],
)
def test_the_variable_selects_by_entry_point_or_distribution(site, monkeypatch, value, families):
    if value is not None:
        monkeypatch.setenv("MLMZOO_PLUGINS", value)
    site.add("alpha")
    site.add("beta")
    assert list(registry().families) == families
    states = {plugin.name: plugin.state for plugin in mlmzoo.list_plugins()}
    assert states == {n: "ok" if n in families else "disabled" for n in ("alpha", "beta")}
    assert "hf" in registry().schemes  # core's own are no plugin to be left out


def test_a_plugin_that_is_not_selected_is_not_imported(site, monkeypatch):
    monkeypatch.setenv("MLMZOO_PLUGINS", "alpha")
    site.add("alpha")
    site.add("broken", "raise SystemExit")
    assert list(mlmzoo.list_presets()) == ["alpha_tiny_en"]


def test_selecting_what_is_not_installed_is_reported(site, monkeypatch):
    monkeypatch.setenv("MLMZOO_PLUGINS", "alpha,bata")
    site.add("alpha")
    site.add("beta")
    with pytest.warns(PluginWarning, match=r"asks for 'bata'.*installed: alpha, beta.*Correct"):
        assert list(mlmzoo.list_presets()) == ["alpha_tiny_en"]


def test_selecting_what_is_not_installed_is_an_error_in_strict_mode(site, monkeypatch):
    monkeypatch.setenv("MLMZOO_PLUGINS", "bata")
    monkeypatch.setenv("MLMZOO_STRICT_PLUGINS", "1")
    with pytest.raises(PluginError, match="asks for 'bata'"):
        mlmzoo.list_presets()


def test_the_qualified_form_chooses_between_equal_entry_points(site, monkeypatch):
    monkeypatch.setenv("MLMZOO_PLUGINS", "zoo-gamma:alpha")
    site.add("alpha")
    site.add("gamma", entry_points=TWO_OF_ONE_NAME)
    assert list(mlmzoo.list_presets()) == ["gamma_tiny_en"]


def test_a_preset_of_a_plugin_that_is_not_selected_is_explained(site, monkeypatch):
    monkeypatch.setenv("MLMZOO_PLUGINS", "alpha")
    site.add("alpha")
    site.add("beta")
    with pytest.raises(UnknownNameError, match="not being in MLMZOO_PLUGINS: beta"):
        registry().preset("beta_tiny_en")
    with pytest.raises(UnknownNameError, match="zoo-beta is installed, but MLMZOO_PLUGINS"):
        registry().preset("zoo-beta:beta_tiny_en")
