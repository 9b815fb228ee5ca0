"""The registry answers by name, and imports a class when it is first used."""

from __future__ import annotations

import sys

import pytest

import mlmzoo
from mlmzoo.errors import PluginError
from mlmzoo.plugins import registry

CLASSES = {
    "backbone.py": "class AlphaBackbone:\n    pass\n",
    "tokenizer.py": "import no_such_dependency\n",
    "masked_lm.py": "class AlphaMaskedLM:\n    pass\n",
}


def test_a_class_is_imported_when_it_is_first_used(site):
    site.add("alpha", files=CLASSES)
    path = registry().class_names["AlphaBackbone"]
    assert path == "zoo_alpha.backbone:AlphaBackbone"
    assert "zoo_alpha.backbone" not in sys.modules
    assert registry().load(path) is mlmzoo.models.AlphaBackbone
    assert "zoo_alpha.backbone" in sys.modules


def test_a_class_that_cannot_be_imported_names_the_package_and_the_way_out(site):
    site.add("alpha", files=CLASSES)
    with pytest.raises(PluginError) as caught:
        mlmzoo.models.AlphaTokenizer  # noqa: B018
    message = str(caught.value)
    assert "AlphaTokenizer" in message and "zoo-alpha 1.2" in message
    assert "No module named 'no_such_dependency'" in message
    assert "`pip install --upgrade zoo-alpha`" in message
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)


def test_a_class_that_is_not_in_its_module_names_the_package(site):
    site.add("alpha", files=CLASSES)
    with pytest.raises(PluginError, match=r"AlphaMaskedLMPreprocessor.*zoo-alpha 1\.2"):
        mlmzoo.models.AlphaMaskedLMPreprocessor  # noqa: B018


def test_a_fault_in_the_use_of_keras_is_the_packages_and_not_the_backends(site):
    site.add("alpha", files={"backbone.py": "import keras\nkeras.layers.Dense(-1)\n"})
    with pytest.raises(PluginError, match=r"AlphaBackbone.*zoo-alpha 1\.2.*ValueError"):
        mlmzoo.models.AlphaBackbone  # noqa: B018


def test_any_path_of_a_plugins_own_package_names_the_package(site):
    site.add("alpha")
    with pytest.raises(PluginError, match=r"zoo-alpha 1\.2"):
        registry().load("zoo_alpha.weights:CHECKPOINT")
    with pytest.raises(PluginError, match=r"zoo-alpha 1\.2"):
        registry().load("zoo_alpha.nowhere:Thing")


def test_the_family_of_a_class_is_that_of_what_it_inherits_from(site):
    site.add("alpha", files=CLASSES)
    alpha = registry().family("alpha")
    backbone = mlmzoo.models.AlphaBackbone
    mine = type("MyBackbone", (backbone,), {})
    assert registry().family_of_class(backbone) is alpha
    assert registry().family_of_class(mine) is alpha
    assert registry().family_of_class(dict) is None


def test_the_family_of_a_class_is_found_where_its_module_only_passes_it_on(site):
    site.add(
        "alpha",
        "@hookimpl\ndef mlmzoo_families():\n"
        "    return [family('alpha', backbone='zoo_alpha.public:AlphaBackbone')]\n",
        files={**CLASSES, "public.py": "from zoo_alpha.backbone import AlphaBackbone\n"},
    )
    assert registry().family_of_class(mlmzoo.models.AlphaBackbone).name == "alpha"


def test_a_class_of_core_belongs_to_no_family(site):
    site.add(
        "alpha",
        "@hookimpl\ndef mlmzoo_families():\n"
        "    return [family('alpha', backbone='mlmzoo.contract.records:Preset')]\n",
    )
    assert registry().family_of_class(mlmzoo.Preset) is None
    assert registry().load(registry().family("alpha").backbone) is mlmzoo.Preset


def test_presets_keep_what_their_file_says(site):
    row = {
        "description": "Small.",
        "parameters": 12,
        "sources": ["hf://a/b", "kaggle://a/b/c/d"],
        "backbone": {"num_layers": 2},
        "tokenizer": {"lowercase": True},
        "head": {"epsilon": 1e-12},
        "metadata": {"language": "en"},
    }
    site.add("alpha", presets={"alpha_small_en": row})
    preset = registry().preset("alpha_small_en")
    assert preset == mlmzoo.Preset(
        name="alpha_small_en",
        family="alpha",
        **{**row, "sources": ("hf://a/b", "kaggle://a/b/c/d")},
    )


def test_what_list_presets_returns_is_the_callers_own(site):
    site.add("alpha")
    mlmzoo.list_presets().clear()
    assert list(mlmzoo.list_presets()) == ["alpha_tiny_en"]


def test_a_source_and_a_task_of_a_plugin_are_found(site):
    site.add(
        "alpha",
        "class S:\n    scheme = 's3'\n    def open(self, handle): ...\n"
        "@hookimpl\ndef mlmzoo_sources():\n    return [S()]\n"
        "@hookimpl\ndef mlmzoo_tasks():\n"
        "    return [TaskBinding('tagging', 'beta', 'zoo_alpha.tagging:BetaTagger')]\n",
    )
    site.add("beta")
    assert registry().source("s3").scheme == "s3"
    assert registry().task("tagging", "beta") == "zoo_alpha.tagging:BetaTagger"
    assert registry().class_names["BetaTagger"] == "zoo_alpha.tagging:BetaTagger"


def test_list_plugins_describes_each(site):
    site.add("alpha")
    (plugin,) = mlmzoo.list_plugins()
    assert (plugin.name, plugin.distribution, plugin.version) == ("alpha", "zoo-alpha", "1.2")
    assert (plugin.families, plugin.presets) == (("alpha",), ("alpha_tiny_en",))
    assert (plugin.state, plugin.reason, plugin.conflicts) == ("ok", "", ())
    assert registry().distribution_of("alpha") == "zoo-alpha"
