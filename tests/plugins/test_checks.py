"""`mlmzoo.checks`: each fault of a plugin is found by the check it belongs to, and explained."""

from __future__ import annotations

import pytest

import mlmzoo
from mlmzoo.checks import check_plugin
from mlmzoo.checks.announcement import unclaimed
from mlmzoo.checks.discovery import imports_nothing_heavy, measure
from mlmzoo.checks.plugin import find
from mlmzoo.errors import PluginError, UnknownNameError

pytestmark = pytest.mark.filterwarnings("ignore::mlmzoo.contract.errors.PluginWarning")

KINDS = {
    "backbone.py": "from mlmzoo import Backbone\nclass XBackbone(Backbone): pass\n",
    "tokenizer.py": "from mlmzoo import Tokenizer\nclass XTokenizer(Tokenizer): pass\n",
    "masked_lm.py": (
        "from mlmzoo import MaskedLM, MaskedLMPreprocessor\n"
        "class XMaskedLM(MaskedLM): pass\n"
        "class XMaskedLMPreprocessor(MaskedLMPreprocessor): pass\n"
    ),
    "weights.py": (
        "from mlmzoo.contract.records import Checkpoint\n"
        "CHECKPOINT = Checkpoint(backbone=(), head=(), settings=())\n"
    ),
}


def outcomes(name: str = "x") -> dict[str, tuple[str, str]]:
    """Check -> state and detail."""
    (plugin,) = find(name)
    return {o.check: (o.state, o.detail) for o in check_plugin(plugin)}


def hooks(**changes: object) -> str:
    given = ", ".join(f"{key}={value!r}" for key, value in changes.items())
    return f"@hookimpl\ndef mlmzoo_families():\n    return [family('x', {given})]\n"


@pytest.mark.parametrize(
    ("fault", "check", "phrase"),
    [
        ({"hooks": "import no_such_module"}, "entry point", "No module named 'no_such_module'"),
        ({"hooks": "def f(:"}, "entry point", "SyntaxError"),
        ({"hooks": "raise SystemExit(1)"}, "entry point", "SystemExit"),
        (
            {"hooks": "@hookimpl\ndef mlmzoo_famillies():\n    return []\n"},
            "hooks and records",
            "mlmzoo_famillies",
        ),
        ({"hooks": hooks(backbone="no path")}, "hooks and records", "no path"),
        ({"hooks": hooks(api_version=99)}, "API version", "99"),
        ({"presets": "{"}, "presets file", "not valid JSON"),
        ({"presets": {"x_tiny": {"parameters": "1"}}}, "presets file", "lacks"),
    ],
)
def test_a_fault_that_keeps_a_plugin_out_is_found_by_its_check(site, fault, check, phrase):
    site.add("x", **fault)
    found = outcomes()
    state, detail = found.pop(check)
    assert state == "failed"
    assert phrase in detail
    assert found.pop("everything else") == ("skipped", "the plugin is left out")
    assert {state for state, _ in found.values()} == {"ok"}
    assert found["metadata"] == ("ok", "zoo-x 1.2: x = zoo_x.plugin")


@pytest.mark.parametrize(
    ("file", "text", "phrase"),
    [
        ("backbone.py", "", "zoo_x.backbone:XBackbone"),
        ("backbone.py", "def XBackbone(): pass", "a function"),
        ("tokenizer.py", "class XTokenizer(dict): pass", "no subclass of mlmzoo.Tokenizer"),
        ("masked_lm.py", "import no_such_module", "no_such_module"),
        ("weights.py", "CHECKPOINT = {}", "no Checkpoint"),
    ],
)
def test_a_class_path_that_leads_elsewhere_is_found(site, file, text, phrase):
    site.add("x", files={**KINDS, file: text})
    state, detail = outcomes()["class paths"]
    assert state == "failed"
    assert phrase in detail


def test_the_path_of_a_task_is_checked_too(site):
    binding = "@hookimpl\ndef mlmzoo_tasks():\n"
    site.add("x", f"{binding}    return [TaskBinding('scoring', 'y', 'zoo_x.plugin:family')]\n")
    state, detail = outcomes()["class paths"]
    assert state == "failed"
    assert "no subclass of mlmzoo.Task" in detail


def test_names_that_another_package_claims_are_found(site):
    site.add("x", hooks(model_types=("m",)), files=KINDS)
    site.add("y", hooks(model_types=("m",)).replace("'x'", "'y'"))
    for name, other in (("x", "zoo-y"), ("y", "zoo-x")):
        with pytest.raises(PluginError, match=f"model type 'm' is also claimed by {other}"):
            unclaimed(*find(name))


def test_names_of_official_plugins_are_taken_whether_they_are_installed_or_not(site):
    presets = {"bert_base_en": {"description": "", "parameters": 1, "sources": ["hf://a/b"]}}
    presets["bert_base_en"]["backbone"] = {}
    site.add("x", hooks(model_types=("bert",)), presets=presets)
    with pytest.raises(PluginError) as raised:
        unclaimed(*find("x"))
    assert "model type 'bert' is that of mlmzoo-bert" in str(raised.value)
    assert "preset 'bert_base_en' is that of mlmzoo-bert" in str(raised.value)


def test_finding_a_plugin_in_a_new_process_is_quick_and_imports_nothing_heavy(site):
    site.add("x", "print('hello')\n" + hooks())
    seconds, heavy = measure(*find("x"))
    assert 0 < seconds < 30
    assert heavy == []
    assert imports_nothing_heavy(*find("x")).endswith(" s")


def test_a_heavy_import_is_named_with_its_seconds_and_the_module_it_is_for(site):
    site.add("x", "from zoo_x import middle\n" + hooks(), files={"middle.py": "import numpy\n"})
    with pytest.raises(
        PluginError, match=r"zoo_x\.plugin, imports numpy \(\d+\.\d\d s\) for zoo_x\.middle\."
    ):
        imports_nothing_heavy(*find("x"))


def test_the_import_of_a_part_of_a_heavy_package_is_one_of_it(site):
    site.add("x", "from numpy.linalg import norm\n" + hooks())
    with pytest.raises(PluginError, match=r"by importing zoo_x\.plugin, imports numpy"):
        imports_nothing_heavy(*find("x"))


def test_a_process_that_does_not_come_back_is_told_of(site):
    source = "import os, sys\nif 'keras' not in sys.modules: os._exit(7)\n"
    import keras  # noqa: F401  # this process stays

    site.add("x", source + hooks())
    with pytest.raises(PluginError, match="exit code 7"):
        imports_nothing_heavy(*find("x"))


def test_a_plugin_is_found_by_any_of_its_names(site, monkeypatch):
    site.add("x")
    site.add("y", hooks().replace("'x'", "'family_of_y'"), distribution="Other_Zoo")
    for name in ("y", "family_of_y", "other-zoo", "Other_Zoo", "other-zoo:y"):
        assert [plugin.name for plugin in find(name)] == ["y"]
    with pytest.raises(UnknownNameError, match=r"No plugin 'yy'.*Close: 'y'.*Installed are x, y"):
        find("yy")
    monkeypatch.setenv("MLMZOO_PLUGINS", "x")
    mlmzoo.refresh_plugins()
    assert outcomes("y")["everything else"] == ("skipped", "not in MLMZOO_PLUGINS")
