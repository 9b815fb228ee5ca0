"""A name that is not found is explained: what was close, where it was looked for, what to do."""

from __future__ import annotations

import pytest

import mlmzoo
from mlmzoo.errors import PluginWarning, UnknownNameError
from mlmzoo.plugins import registry
from mlmzoo.plugins.diagnosis import official, official_presets


def diagnosis(name: str) -> str:
    with pytest.raises(UnknownNameError) as caught:
        registry().preset(name)
    return str(caught.value)


def test_it_offers_close_names_and_says_which_families_were_searched(site):
    site.add("alpha")
    site.add("beta")
    message = diagnosis("alhpa_tiny_en")
    assert message.startswith("There is no built-in preset 'alhpa_tiny_en'.")
    assert "Close: 'alpha_tiny_en'" in message
    assert "Families searched: alpha, beta." in message
    assert "mlmzoo.list_presets()" in message and "'./name'" in message


def test_other_punctuation_and_case_are_close(site):
    site.add("alpha")
    assert "Close: 'alpha_tiny_en'" in diagnosis("Alpha-Tiny.EN")


def test_it_names_plugins_that_failed_and_why(site):
    site.add("alpha")
    site.add("broken", "import no_such_dependency")
    with pytest.warns(PluginWarning):
        message = diagnosis("broken_tiny_en")
    assert "'broken' of zoo-broken 1.2 was left out: ModuleNotFoundError" in message
    assert "no_such_dependency" in message


@pytest.mark.parametrize(("name", "distribution"), official_presets().items())
def test_it_says_what_to_install_for_every_official_preset(site, name, distribution):
    site.add("alpha")
    assert f"`pip install {distribution}`" in diagnosis(name)
    assert f"`pip install {distribution}`" in diagnosis(f"{distribution}:{name}")


def test_a_name_close_to_an_official_preset_says_what_to_install(site):
    site.add("alpha")
    close = "'deberta_v3_base_en' (`pip install mlmzoo-deberta`)"
    assert close in diagnosis("deberta_v3_bsae_en")


def test_an_official_plugin_that_failed_is_not_to_be_installed_again(site):
    site.add("bert", "1 / 0", distribution="mlmzoo-bert")
    with pytest.warns(PluginWarning):
        message = diagnosis("bert_base_en")
    assert "mlmzoo-bert is installed, but failed" in message and "ZeroDivisionError" in message
    assert "pip install" not in message


def test_an_official_plugin_that_is_too_old_is_to_be_upgraded(site):
    site.add("bert", distribution="mlmzoo-bert")
    assert "`pip install --upgrade mlmzoo-bert`" in diagnosis("bert_base_en")


def test_a_qualified_name_of_a_known_package_offers_its_own_presets(site):
    site.add("alpha")
    site.add("beta")
    message = diagnosis("zoo-alpha:tiny_en")
    assert "zoo-alpha offers no preset 'tiny_en'" in message
    assert "Close: 'zoo-alpha:alpha_tiny_en'." in message
    assert "No plugin of a package zoo-gamma is installed" in diagnosis("zoo-gamma:tiny_en")


def test_without_any_plugin_it_says_which_there_are(site):
    message = diagnosis("anything_en")
    assert "No family is in use" in message and "mlmzoo-bert" in message


def test_find_preset_answers_without_an_error(site):
    site.add("alpha")
    assert registry().find_preset("nothing_en") is None
    assert registry().find_preset("alpha_tiny_en").family == "alpha"


@pytest.mark.parametrize(
    ("lookup", "arguments", "phrases"),
    [
        ("family", ["alpah"], ["'alpah'", "Close: 'alpha'", "Families searched: alpha"]),
        ("family", ["xlm_roberta"], ["`pip install mlmzoo-xlm-roberta`"]),
        ("presets", ["alpah"], ["'alpah'", "Close: 'alpha'"]),
        ("family_by_model_type", ["gpt2"], ["'gpt2'", "Installed ones read 'alpha'"]),
        ("family_by_model_type", [None], ["None", "Installed ones read 'alpha'"]),
        ("family_by_model_type", [["alpha"]], ["['alpha']", "Installed ones read 'alpha'"]),
        ("family_by_model_type", ["deberta-v2"], ["`pip install mlmzoo-deberta`"]),
        ("family_by_serialized_name", ["keras_hub>X"], ["'keras_hub>X'", "keras_hub>AlphaBackb"]),
        ("family_by_serialized_name", ["keras_nlp>FNetBackbone"], ["`pip install mlmzoo-fnet`"]),
        ("source", ["s3"], ["s3://", "hf://", "kaggle://"]),
        ("task", ["tagging", "alpha"], ["'tagging'", "'alpha'", "masked_lm", "TaskBinding"]),
        ("task", ["masked_lm", "gamma"], ["'gamma'", "It is there for alpha"]),
        ("class_path", ["AlphaMaskLM"], ["'AlphaMaskLM'", "Close: 'AlphaMaskedLM'"]),
        ("class_path", ["XLMRobertaBackbone"], ["`pip install mlmzoo-xlm-roberta`"]),
    ],
)
def test_every_lookup_says_what_was_asked_what_there_is_and_what_to_do(
    site, lookup, arguments, phrases
):
    site.add("alpha")
    with pytest.raises(UnknownNameError) as caught:
        getattr(registry(), lookup)(*arguments)
    assert [phrase for phrase in phrases if phrase not in str(caught.value)] == []


def test_the_table_of_official_plugins_holds_the_28_presets_of_seven_families():
    assert len(official()) == 7
    assert len(official_presets()) == 28


def test_the_table_of_official_plugins_agrees_with_those_installed():
    """What is listed for an installed official plugin is there, under the names listed."""
    for plugin in mlmzoo.list_plugins():
        row = official().get(plugin.distribution)
        if row is None or plugin.state != "ok":
            continue
        assert set(row["presets"]) <= set(plugin.presets)
        assert f"{row['class_prefix']}MaskedLM" in registry().class_names
        for model_type in row["model_types"]:
            assert registry().family_by_model_type(model_type).name in plugin.families
