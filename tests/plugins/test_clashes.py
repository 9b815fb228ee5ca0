"""A name two packages claim has no winner: it raises when it is asked for, and only then."""

from __future__ import annotations

import re

import pytest

import mlmzoo
from mlmzoo.errors import AmbiguousNameError, PluginWarning
from mlmzoo.plugins import registry

PRESET = {
    "description": "A preset.",
    "parameters": 1,
    "sources": ["hf://nobody/nothing"],
    "backbone": {},
}
SHARED = {"shared_en": PRESET}
CLAIMING = (
    "@hookimpl\ndef mlmzoo_families():\n"
    "    return [family('{name}', model_types=('same',), serialized_names=('keras_hub>Same',))]\n"
)


@pytest.fixture
def clash(site):
    """Two packages that claim one preset name, one model type and one serialized name."""
    site.add("alpha", CLAIMING, presets={**SHARED, "alpha_en": PRESET})
    site.add("beta", CLAIMING, presets={**SHARED, "beta_en": PRESET})
    return registry()


@pytest.mark.parametrize(
    ("lookup", "name"),
    [
        ("preset", "shared_en"),
        ("find_preset", "shared_en"),
        ("family_by_model_type", "same"),
        ("family_by_serialized_name", "keras_hub>Same"),
    ],
)
def test_a_clash_raises_when_asked_for_and_names_both_qualified_forms(clash, lookup, name):
    forms = rf"'zoo-alpha:{name}' or 'zoo-beta:{name}'"
    with pytest.raises(AmbiguousNameError, match=re.escape(forms).replace("\\'", "'")) as caught:
        getattr(clash, lookup)(name)
    assert "MLMZOO_PLUGINS" in str(caught.value)


def test_every_other_name_is_unharmed_by_a_clash(clash):
    assert list(clash.families) == ["alpha", "beta"]
    assert clash.preset("alpha_en").family == "alpha"
    assert clash.preset("beta_en").family == "beta"
    assert clash.failures == ()


@pytest.mark.parametrize("spelling", ["zoo-beta", "Zoo_Beta", "ZOO.beta", "zoo--beta"])
def test_the_qualified_form_always_works(clash, spelling):
    assert clash.preset(f"{spelling}:shared_en").family == "beta"
    assert clash.preset(f"{spelling}:beta_en").family == "beta"
    assert clash.family_by_model_type(f"{spelling}:same").name == "beta"
    assert clash.family_by_serialized_name(f"{spelling}:keras_hub>Same").name == "beta"


def test_a_clashing_preset_is_listed_in_its_qualified_forms_only(clash):
    assert set(mlmzoo.list_presets()) == {
        "zoo-alpha:shared_en",
        "alpha_en",
        "zoo-beta:shared_en",
        "beta_en",
    }
    assert set(mlmzoo.list_presets("beta")) == {"zoo-beta:shared_en", "beta_en"}
    for name, preset in mlmzoo.list_presets().items():
        assert registry().preset(name) is preset


def test_list_plugins_tells_of_a_clash(clash):
    conflicts = {plugin.name: plugin.conflicts for plugin in mlmzoo.list_plugins()}
    assert {
        "preset 'shared_en' is also claimed by zoo-beta; this one is 'zoo-alpha:shared_en'",
        "model type 'same' is also claimed by zoo-beta; this one is 'zoo-alpha:same'",
    } <= set(conflicts["alpha"])
    assert len(conflicts["beta"]) == len(conflicts["alpha"])


def test_one_letter_before_a_colon_is_a_drive_and_no_distribution(site):
    site.add("alpha", distribution="c")
    assert registry().find_preset("c:alpha_tiny_en") is None
    assert registry().find_preset("alpha_tiny_en") is not None


def test_two_families_of_one_package_cannot_claim_one_name(site):
    """No qualified form could tell them apart."""
    site.add("alpha", CLAIMING, presets=SHARED)
    site.add("beta", CLAIMING, presets={}, distribution="zoo-more")
    extra = "[mlmzoo]\nalpha = zoo_alpha.plugin\nbeta = zoo_beta.plugin\n"
    (site.folder / "zoo_alpha-1.2.dist-info" / "entry_points.txt").write_text(extra)
    (site.folder / "zoo_more-1.2.dist-info" / "entry_points.txt").write_text("")
    with pytest.warns(PluginWarning, match="Two records of zoo-alpha claim the"):
        assert list(registry().families) == ["alpha"]


def test_one_package_cannot_bind_a_task_to_a_family_twice(site):
    site.add("alpha")
    site.add(
        "twice",
        """
        @hookimpl
        def mlmzoo_tasks():
            return [TaskBinding("tell", "alpha", f"zoo_twice:{name}") for name in ("A", "B")]
        """,
    )
    with pytest.warns(PluginWarning, match="Two records of zoo-twice claim the tell task"):
        assert list(registry().families) == ["alpha"]


def test_one_source_scheme_of_two_packages_raises_when_asked_for(site):
    source = (
        "class S:\n    scheme = 's3'\n    def open(self, handle): ...\n"
        "@hookimpl\ndef mlmzoo_sources():\n    return [S()]\n"
    )
    site.add("alpha", source)
    site.add("beta", source)
    with pytest.raises(AmbiguousNameError, match="zoo-alpha:s3"):
        registry().source("s3")
    assert registry().source("hf").scheme == "hf"
    assert set(registry().schemes) >= {"hf", "kaggle", "zoo-alpha:s3", "zoo-beta:s3"}


def test_one_task_of_two_packages_raises_when_asked_for(site):
    binding = (
        "@hookimpl\ndef mlmzoo_tasks():\n"
        "    return [TaskBinding('tagging', 'alpha', 'zoo_{name}.tagging:Tagger{name}')]\n"
    )
    site.add("alpha")
    site.add("one", binding)
    assert registry().task("tagging", "alpha") == "zoo_one.tagging:Taggerone"
    assert registry().task("masked_lm", "alpha") == "zoo_alpha.masked_lm:AlphaMaskedLM"
    site.add("two", binding)
    mlmzoo.refresh_plugins()
    with pytest.raises(AmbiguousNameError, match="zoo-one:alpha"):
        registry().task("tagging", "alpha")


def test_one_class_name_of_two_packages_raises_when_asked_for(site):
    same = "@hookimpl\ndef mlmzoo_families():\n    return [family('{name}', masked_lm={path!r})]\n"
    site.add("alpha", same.replace("{path!r}", "'zoo_alpha.x:SameMaskedLM'"))
    site.add("beta", same.replace("{path!r}", "'zoo_beta.x:SameMaskedLM'"))
    with pytest.raises(AmbiguousNameError, match="zoo-alpha:SameMaskedLM"):
        mlmzoo.models.SameMaskedLM  # noqa: B018


def test_two_families_may_share_a_class(site):
    """It says nothing about the family then."""
    shared = (
        "@hookimpl\ndef mlmzoo_families():\n"
        "    return [family('{name}', tokenizer='zoo_alpha.things:Tokenizer')]\n"
    )
    files = {"things.py": "class Tokenizer:\n    pass\n"}
    site.add("alpha", shared, files=files)
    site.add("beta", shared)
    assert registry().class_names["Tokenizer"] == "zoo_alpha.things:Tokenizer"
    tokenizer = registry().load(registry().families["beta"].tokenizer)
    assert registry().family_of_class(tokenizer) is None
