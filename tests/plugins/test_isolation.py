"""One broken plugin is left out and reported; every other one works.

The faults that people meet most are in test_faults.py; here are the finer ones.
"""

from __future__ import annotations

import importlib
import json
import re
import threading
import warnings

import pytest

import mlmzoo
from mlmzoo.errors import PluginError, PluginWarning
from mlmzoo.plugins import refresh_plugins, registry

PRESET = {
    "description": "A preset.",
    "parameters": 1,
    "sources": ["hf://nobody/nothing"],
    "backbone": {},
}


def returning(expression: str) -> str:
    return f"@hookimpl\ndef mlmzoo_families():\n    return {expression}\n"


# What the broken plugin's module says, and what the warning has to say of it.
HOOK_FAULTS = {
    "exit without a word": ("raise SystemExit", "SystemExit."),
    "error that cannot be shown": (
        "class E(Exception):\n    def __str__(self):\n        1 / 0\nraise E()",
        "left out: E.",
    ),
    "registry asked for at import": (
        "import mlmzoo\nmlmzoo.list_presets()",
        "while it was being imported",
    ),
    "hook raises": (returning("1 / 0"), "ZeroDivisionError"),
    "hook raises late": (returning("(family(n) for n in (1 / 0,))"), "ZeroDivisionError"),
    "hook exits": ("@hookimpl\ndef mlmzoo_families():\n    raise SystemExit", "SystemExit"),
    "hook returns nothing": (returning("None"), "it returned None"),
    "hook returns one record": (returning("family('broken')"), "has to return a list of Family"),
    "hook returns text": (returning("'broken'"), "'broken', a str"),
    "hook returns other things": (returning("[{'name': 'broken'}]"), "a dict"),
    "hook returns a class": (returning("[Family]"), "the class Family"),
    "unknown hook beside a good one": (
        returning("[family('broken')]") + "@hookimpl\ndef mlmzoo_familys():\n    return []",
        "mlmzoo_familys",
    ),
    "no hook": ("", "It has no hooks; mark the functions with"),
    "hook not marked": (
        "def mlmzoo_families():\n    return []",
        "['mlmzoo_families'] are no hooks",
    ),
    "one of two hooks not marked": (
        returning("[family('broken')]") + "def mlmzoo_tasks():\n    return []",
        "['mlmzoo_tasks'] are no hooks",
    ),
    "error with an address in it": ("raise ValueError(object())", "ValueError: <object object at"),
    "name with spaces": (returning("[family('my broken')]"), "name = 'my broken'"),
    "name of no text": (returning("[family(7)]"), "name = 7"),
    "path that is none": (returning("[family('broken', backbone='a.b.C')]"), "backbone = 'a.b.C'"),
    "class for a path": (returning("[family('broken', masked_lm=Family)]"), "masked_lm = <class"),
    "checkpoint path": (returning("[family('broken', checkpoint=None)]"), "checkpoint = None"),
    "one serialized name": (
        returning("[family('broken', serialized_names='keras_hub>X')]"),
        "a tuple of str",
    ),
    "model types of no text": (returning("[family('broken', model_types=(1,))]"), "(1,)"),
    "model type twice": (
        returning("[family('broken', model_types=('x', 'x'))]"),
        "a name is repeated",
    ),
    "family twice": (returning("[family('broken'), family('broken')]"), "family 'broken'"),
    "one preset file for two families": (
        returning("[family('broken'), family('other', model_types=(), serialized_names=())]"),
        "claim the preset 'broken_tiny_en'",
    ),
    "presets package missing": (
        returning("[family('broken', presets='nowhere:p.json')]"),
        "'nowhere:p.json' cannot be read",
    ),
    "presets place malformed": (
        returning("[family('broken', presets='p.json')]"),
        "presets = 'p.json'",
    ),
    "task of no text": (
        "@hookimpl\ndef mlmzoo_tasks():\n    return [TaskBinding('masked_lm', 'good', None)]",
        "path = None",
    ),
    "task that is the family's own": (
        "@hookimpl\ndef mlmzoo_tasks():\n    return [TaskBinding('masked_lm', 'good', 'a:B')]",
        "whose masked LM is in its own record",
    ),
    "source of core's scheme": (
        "class S:\n    scheme = 'hf'\n    def open(self, handle): ...\n"
        "@hookimpl\ndef mlmzoo_sources():\n    return [S()]",
        "hf://, which is core's own",
    ),
    "source that opens nothing": (
        "class S:\n    scheme = 's3'\n@hookimpl\ndef mlmzoo_sources():\n    return [S()]",
        "list of Source",
    ),
    "scheme of one letter": (
        "class S:\n    scheme = 'c'\n    def open(self, handle): ...\n"
        "@hookimpl\ndef mlmzoo_sources():\n    return [S()]",
        "scheme = 'c'",
    ),
}

# What the broken plugin's presets.json holds, and what the warning has to say of it.
PRESET_FAULTS = {
    "no text": ("\ud800", "not valid JSON"),
    "list at the top": ([PRESET], "a list at the top"),
    "preset is a list": ({"p_en": []}, "'p_en' in 'zoo_broken:presets.json' is a list"),
    "key missing": (
        {"p_en": {k: v for k, v in PRESET.items() if k != "sources"}},
        "lacks the keys ['sources']",
    ),
    "key unknown": ({"p_en": {**PRESET, "bakbone": {}}}, "unknown keys ['bakbone']"),
    "key twice": ('{"p_en": {}, "p_en": {}}', "'p_en' is repeated"),
    "sources as text": ({"p_en": {**PRESET, "sources": "hf://a/b"}}, "has to be a list"),
    "no sources": ({"p_en": {**PRESET, "sources": []}}, "has to name at least one"),
    "blank source": ({"p_en": {**PRESET, "sources": [" "]}}, "has to name at least one"),
    "parameters as truth": ({"p_en": {**PRESET, "parameters": True}}, "'parameters' = True"),
    "no parameters": ({"p_en": {**PRESET, "parameters": 0}}, "has to be positive"),
    "backbone as list": ({"p_en": {**PRESET, "backbone": []}}, "has to be a dict"),
    "head as null": ({"p_en": {**PRESET, "head": None}}, "'head' = None"),
    "name with a colon": ({"p:en": PRESET}, "'p:en'"),
    "name with a slash": ({"p/en": PRESET}, "'p/en'"),
    "name of one letter": ({"p": PRESET}, "cannot be asked for"),
}


def check_left_out(distribution: str, phrase: str, version: str = "1.2") -> str:
    """The other plugin works, and there was one warning, once, that helps. Returns it."""
    with pytest.warns(PluginWarning) as caught:
        presets = mlmzoo.list_presets()
    assert list(presets) == ["good_tiny_en"]
    (warning,) = caught
    message = str(warning.message)
    assert distribution in message and version in message and phrase in message
    assert f"pip install --upgrade {distribution}" in message and "uninstall" in message
    assert re.search(r"MLMZOO_PLUGINS=(zoo-good:)?good leaves", message)
    (failure,) = registry().failures
    assert (failure.distribution, failure.version) == (distribution, version)
    info = {(p.name, p.distribution): p.state for p in mlmzoo.list_plugins()}
    assert info == {("good", "zoo-good"): "ok", (failure.name, distribution): "failed"}
    assert f"{distribution}:{failure.name}" not in registry()._discovery.managers
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        mlmzoo.list_presets()
        refresh_plugins()
        assert list(mlmzoo.list_presets()) == ["good_tiny_en"]
    return message


@pytest.mark.parametrize("fault", HOOK_FAULTS)
def test_a_broken_plugin_does_not_stop_the_others(site, fault):
    hooks, phrase = HOOK_FAULTS[fault]
    site.add("good")
    site.add("broken", hooks)
    check_left_out("zoo-broken", phrase)


@pytest.mark.parametrize("fault", PRESET_FAULTS)
def test_a_malformed_presets_file_does_not_stop_the_others(site, fault):
    content, phrase = PRESET_FAULTS[fault]
    site.add("good")
    module = site.add("broken", presets={})
    text = content if isinstance(content, str) else json.dumps(content)
    data = text.encode("utf-8", "surrogatepass")
    (site.folder / module / "presets.json").write_bytes(data)
    check_left_out("zoo-broken", phrase)


@pytest.mark.parametrize(
    ("value", "phrase"),
    [
        ("zoo_nowhere.plugin", "No module named 'zoo_nowhere'"),
        ("zoo_broken.plugin:Nothing", "Nothing"),
        ("zoo-broken:plugin", "Invalid object reference"),
        ("zoo_broken.plugin:NOTHING", "no hooks"),
    ],
)
def test_an_entry_point_that_leads_nowhere_does_not_stop_the_others(site, value, phrase):
    site.add("good")
    site.add(
        "broken",
        "NOTHING = None\n",
        entry_points=f"[mlmzoo]\nbroken = {value}\n",
    )
    check_left_out("zoo-broken", phrase)


def test_unreadable_metadata_does_not_stop_the_others(site):
    site.add("good")
    site.add_metadata("zoo-broken", "1.2", "[mlmzoo]\nthis is no entry point\n")
    check_left_out("zoo-broken", "The metadata of zoo-broken, which announces a plugin")


def test_metadata_without_a_name_does_not_stop_the_others(site):
    site.add("good")
    site.add("broken")
    (site.folder / "zoo_broken-1.2.dist-info" / "METADATA").unlink()
    with pytest.warns(PluginWarning, match="zoo_broken-1.2.dist-info"):
        assert list(mlmzoo.list_presets()) == ["good_tiny_en"]


def test_unreadable_metadata_of_other_packages_is_no_business_of_ours(site):
    site.add("good")
    site.add_metadata("unrelated", "1.2", "[console_scripts]\nthis is no entry point\n")
    assert list(mlmzoo.list_presets()) == ["good_tiny_en"]


def test_a_second_entry_point_of_one_name_is_reported(site):
    site.add("good")
    site.add("other", entry_points="[mlmzoo]\ngood = zoo_other.plugin\n")
    message = check_left_out("zoo-other", "already that of zoo-good 1.2")
    assert "MLMZOO_PLUGINS=zoo-other:good" in message


def test_which_of_two_equal_entry_points_is_kept_does_not_depend_on_the_file_system(site):
    site.add("other", entry_points="[mlmzoo]\ngood = zoo_other.plugin\n")
    site.add("good")
    check_left_out("zoo-other", "already that of zoo-good 1.2")


def test_a_second_family_of_one_name_is_reported(site):
    site.add("good")
    site.add("other", returning("[family('good', presets=None)]"))
    message = check_left_out("zoo-other", "the family 'good', and so does 'good' of zoo-good 1.2")
    assert "MLMZOO_PLUGINS=zoo-other:other" in message


def test_one_module_under_two_names_is_reported(site):
    site.add("good")
    site.add("other", entry_points="[mlmzoo]\nother = zoo_good.plugin\n")
    check_left_out("zoo-other", "offers the family 'good', and so does 'good' of zoo-good")


def test_a_distribution_that_is_found_twice_is_loaded_once(site, tmp_path, monkeypatch):
    site.add("good")
    second = tmp_path / "second"
    second.mkdir()
    older = site.folder / "zoo_good-1.2.dist-info"
    newer = second / "Zoo_Good-1.3.dist-info"
    newer.mkdir()
    for file in older.iterdir():
        (newer / file.name).write_text(file.read_text().replace("zoo-good", "Zoo.Good"))
    import importlib_metadata

    both = importlib_metadata.Distribution.discover
    paths = [str(site.folder), str(second)]
    monkeypatch.setattr(importlib_metadata, "distributions", lambda: both(path=paths))
    assert [(p.distribution, p.state) for p in mlmzoo.list_plugins()] == [("zoo-good", "ok")]


def test_a_plugin_may_be_an_object(site):
    site.add(
        "good",
        "class Plugin:\n"
        "    @hookimpl\n"
        "    def mlmzoo_families(self):\n"
        "        return [family('good')]\n"
        "plugin = Plugin()\n",
        entry_points="[mlmzoo]\ngood = zoo_good.plugin:plugin\n",
    )
    assert list(mlmzoo.list_presets()) == ["good_tiny_en"]


def test_an_object_that_has_no_hash_harms_nobody(site, monkeypatch):
    site.add("good")
    site.add(
        "odd",
        """
        from dataclasses import dataclass

        @dataclass
        class Plugin:
            @hookimpl
            def mlmzoo_families(self):
                return [family("odd")]

        plugin = Plugin()
        """,
        entry_points="[mlmzoo]\nodd = zoo_odd.plugin:plugin\n",
    )
    assert list(mlmzoo.list_presets()) == ["good_tiny_en", "odd_tiny_en"]
    assert [p.state for p in mlmzoo.list_plugins()] == ["ok", "ok"]


def test_a_hook_implemented_twice_has_both_answers(site):
    site.add(
        "good",
        """
        @hookimpl
        def mlmzoo_families():
            return [family("good")]

        @hookimpl(specname="mlmzoo_families")
        def more():
            return [family("more", presets=None, serialized_names=())]
        """,
    )
    assert set(registry().families) == {"good", "more"}


def test_a_second_fault_of_a_plugin_is_told_too(site):
    module = site.add("broken", presets=[])
    with pytest.warns(PluginWarning, match="zoo-broken"):
        mlmzoo.list_presets()
    (site.folder / module / "presets.json").write_text("no JSON")
    with pytest.warns(PluginWarning, match="JSON"):
        refresh_plugins()


def test_an_interrupt_is_an_interrupt_and_leaves_nothing_behind(site):
    site.add("good")
    module = site.add("stopped", "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        mlmzoo.list_presets()
    plugin = site.folder / module / "plugin.py"
    plugin.write_text(plugin.read_text().replace("raise KeyboardInterrupt", returning("[]")))
    importlib.invalidate_caches()
    assert list(mlmzoo.list_presets()) == ["good_tiny_en"]
    assert [p.state for p in mlmzoo.list_plugins()] == ["ok", "ok"]


def test_strict_mode_raises_the_first_fault_with_its_cause(site, monkeypatch):
    monkeypatch.setenv("MLMZOO_STRICT_PLUGINS", "1")
    site.add("good")
    site.add("broken", "import no_such_dependency")
    with pytest.raises(PluginError, match=r"'broken' of zoo-broken 1\.2.*no_such_dep") as caught:
        mlmzoo.list_presets()
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)


@pytest.mark.parametrize("value", ["", "0", "false"])
def test_strict_mode_is_off_where_the_variable_says_so(site, monkeypatch, value):
    monkeypatch.setenv("MLMZOO_STRICT_PLUGINS", value)
    site.add("good")
    site.add("broken", "import no_such_dependency")
    check_left_out("zoo-broken", "no_such_dependency")


def test_a_warning_that_is_made_an_error_is_raised_once_only(site):
    site.add("good")
    site.add("broken", "1 / 0")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(PluginWarning):
            mlmzoo.list_presets()
        assert list(mlmzoo.list_presets()) == ["good_tiny_en"]


def test_a_repaired_plugin_is_found_by_refreshing(site):
    site.add("good")
    module = site.add("late", "1 / 0")
    with pytest.warns(PluginWarning):
        mlmzoo.list_presets()
    plugin = site.folder / module / "plugin.py"
    plugin.write_text(plugin.read_text().replace("1 / 0", returning("[family('late')]")))
    assert list(mlmzoo.list_presets()) == ["good_tiny_en"]
    mlmzoo.refresh_plugins()
    assert list(mlmzoo.list_presets()) == ["good_tiny_en", "late_tiny_en"]


def test_threads_share_one_discovery(site):
    site.add("good", "import time\ntime.sleep(0.1)\n" + returning("[family('good')]"))
    found = []
    threads = [threading.Thread(target=lambda: found.append(registry())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4 and len(set(map(id, found))) == 1
