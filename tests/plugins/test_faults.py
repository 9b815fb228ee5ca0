"""Whatever is wrong with one package, the other families work, and it is said what to do about it.

Each fault stands beside the toy family, which has to be usable with and because of nothing else.
"""

from __future__ import annotations

import json
import re
import sys

import pytest
from click.testing import CliRunner

import mlmzoo
from mlmzoo.cli.application import application
from mlmzoo.errors import AmbiguousNameError, PluginError

PRESET = {
    "description": "A preset.",
    "parameters": 1,
    "sources": ["hf://nobody/nothing"],
    "backbone": {},
}


def command(*args):
    done = CliRunner().invoke(application(), args)
    assert done.exit_code == 0, done.output
    return done


@pytest.fixture
def broken(site):
    """Installs the toy family, and beside it a package ``zoo-broken`` 1.2."""

    def add(hooks=None, **settings):
        site.add_metadata("mlmzoo-toy", "0.1.0", "[mlmzoo]\ntoy = mlmzoo_toy.plugin\n")
        return site.add("broken", hooks, **settings)

    return add


def check_that_the_others_work():
    assert "toy_tiny_en" in command("presets").stdout
    asked = "mlmzoo-toy:toy_tiny_en"  # the form that works even where the short one clashes
    model = mlmzoo.MaskedLM.from_preset(asked, load_weights=False, preprocessor=None)
    assert type(model).__name__ == "ToyMaskedLM"
    found = json.loads(command("plugins", "--json").stdout)
    states = {plugin["distribution"]: plugin["state"] for plugin in found}
    assert states["mlmzoo-toy"] == "ok"


def listed():
    """What ``mlmzoo plugins --json`` says of the package."""
    (found,) = (
        plugin
        for plugin in json.loads(command("plugins", "--json").stdout)
        if plugin["distribution"] == "zoo-broken"
    )
    return found


# Left out when plugins are looked for ---------------------------------------------------------


def returning(expression: str, hook: str = "mlmzoo_families") -> str:
    return f"@hookimpl\ndef {hook}():\n    return {expression}\n"


NO_WAY_IN = """
class Plugin:
    def __dir__(self):
        raise ValueError("no way in")
plugin = Plugin()
"""

# What the package is like, and what has to be said of it.
LEFT_OUT = {
    "import error": ({"hooks": "from zoo_broken import thing"}, "cannot import name 'thing'"),
    "missing dependency": ({"hooks": "import no_such_thing"}, "No module named 'no_such_thing'"),
    "syntax error": ({"hooks": "def (:"}, "SyntaxError"),
    "exception at registration": (
        {"hooks": NO_WAY_IN, "entry_points": "[mlmzoo]\nbroken = zoo_broken.plugin:plugin\n"},
        "ValueError: no way in",
    ),
    "exit at import": ({"hooks": "raise SystemExit(3)"}, "SystemExit: 3"),
    "endless recursion at import": ({"hooks": "def f():\n    f()\nf()"}, "RecursionError"),
    "wrong hook signature": (
        {"hooks": "@hookimpl\ndef mlmzoo_families(config):\n    return []"},
        "'config'",
    ),
    "misspelt hook": ({"hooks": returning("[]", "mlmzoo_familys")}, "mlmzoo_familys"),
    "entry point of another package": (
        {"entry_points": "[mlmzoo]\ntoy = zoo_broken.plugin\n"},
        "The entry point 'toy' is already that of mlmzoo-toy 0.1.0",
    ),
    "family of another package": (
        {"hooks": returning("[family('toy')]")},
        "the family 'toy', and so does 'toy' of mlmzoo-toy 0.1.0",
    ),
    "presets file missing": (
        {"hooks": returning("[family('broken', presets='zoo_broken:p.json')]")},
        "'zoo_broken:p.json' cannot be read",
    ),
    "presets file malformed": ({"presets": "{not json"}, "not valid JSON"),
    "presets file with wrong types": (
        {"presets": {"p_en": {**PRESET, "parameters": "4M"}}},
        "has to be a int",
    ),
    "family of an earlier API": (
        {"hooks": returning("[family('broken', api_version=0)]")},
        "written for version 0 of the plugin API; this mlmzoo has version 1. To use it, upgrade "
        "the plugin",
    ),
    "family of a later API": (
        {"hooks": returning("[family('broken', api_version=2)]")},
        "written for version 2 of the plugin API; this mlmzoo has version 1. To use it, upgrade "
        "mlmzoo",
    ),
    "task of a later API": (
        {"hooks": returning("[TaskBinding('t', 'toy', 'a:B', api_version=2)]", "mlmzoo_tasks")},
        "To use it, upgrade mlmzoo",
    ),
    "record of a later API": ({"hooks": returning("[Family(name='x', novelty=1)]")}, "novelty"),
}


@pytest.mark.parametrize("fault", LEFT_OUT)
def test_a_package_that_is_left_out_does_not_stop_the_others(broken, monkeypatch, fault):
    settings, phrase = LEFT_OUT[fault]
    broken(**settings)
    said = command("presets").stderr
    assert said.startswith("note: Plugin ") and said.count("note: ") == 1
    assert "of zoo-broken 1.2 was left out" in said and phrase in said
    assert "Try `pip install --upgrade zoo-broken mlmzoo`, or uninstall it" in said
    check_that_the_others_work()
    assert listed()["state"] == "failed"
    assert phrase in listed()["reason"]

    quiet = re.search(r"MLMZOO_PLUGINS=(\S+) leaves it out quietly", said)[1]
    monkeypatch.setenv("MLMZOO_PLUGINS", quiet)
    mlmzoo.refresh_plugins()
    assert command("presets").stderr == ""
    assert listed()["state"] == "disabled"
    check_that_the_others_work()


# Kept, and of no use for one name -------------------------------------------------------------


@pytest.fixture
def checkpoint(tmp_path):
    """A directory with a checkpoint of the model type ``"toy"``."""
    (tmp_path / "config.json").write_text('{"model_type": "toy"}')
    return tmp_path


CLASHES = {
    "preset name": ({"presets": {"toy_tiny_en": PRESET}}, "preset 'toy_tiny_en'"),
    "model type": (
        {"hooks": returning("[family('broken', model_types=('toy',))]")},
        "model type 'toy'",
    ),
}


@pytest.mark.parametrize("kind", CLASHES)
def test_a_name_of_two_packages_fails_alone_and_says_how_to_choose(broken, checkpoint, kind):
    settings, name = CLASHES[kind]
    broken(**settings)
    check_that_the_others_work()
    asked = "toy_tiny_en" if kind == "preset name" else checkpoint
    with pytest.raises(AmbiguousNameError) as caught:
        mlmzoo.Tokenizer.from_preset(asked)
    message = str(caught.value)
    plain = name.split("'")[1]
    assert f"The {name} was asked for" in message
    assert f"'mlmzoo-toy:{plain}' or 'zoo-broken:{plain}'" in message
    assert "uninstalling it or with MLMZOO_PLUGINS" in message
    (conflict,) = listed()["conflicts"]
    assert listed()["state"] == "ok"
    assert conflict == f"{name} is also claimed by mlmzoo-toy; this one is 'zoo-broken:{plain}'"
    assert conflict in command("plugins").stdout


# Kept, and an error when it is first used -----------------------------------------------------

# What stands in backbone.py, and what has to be said of it.
AT_FIRST_USE = {
    "no such module": (None, "No module named 'zoo_broken.backbone'"),
    "no such class": ("", "has no attribute 'BrokenBackbone'"),
    "exit at import": ("raise SystemExit(3)", "SystemExit: 3"),
    "a function": (
        "def BrokenBackbone():\n    pass",
        "a function and no subclass of mlmzoo.Backbone",
    ),
    "another class": (
        "from mlmzoo import Tokenizer\nclass BrokenBackbone(Tokenizer):\n    pass",
        "the class BrokenBackbone and no subclass of mlmzoo.Backbone",
    ),
}


@pytest.mark.parametrize("fault", AT_FIRST_USE)
def test_a_class_that_is_none_is_one_error_when_it_is_first_used(broken, fault):
    source, phrase = AT_FIRST_USE[fault]
    broken(files={} if source is None else {"backbone.py": source})
    check_that_the_others_work()
    assert listed()["state"] == "ok"
    with pytest.raises(PluginError) as caught:
        mlmzoo.Backbone.from_preset("broken_tiny_en", load_weights=False)
    message = str(caught.value)
    assert "BrokenBackbone was asked for, and zoo-broken 1.2 says it is at" in message
    assert phrase in message
    assert "`pip install --upgrade zoo-broken`" in message
    check_that_the_others_work()


@pytest.mark.parametrize(
    ("part", "ask"),
    [
        ("masked_lm", lambda: mlmzoo.MaskedLM.from_preset("package://zoo_broken/preset")),
        ("tokenizer", lambda: mlmzoo.Tokenizer.from_preset("package://zoo_broken/preset")),
        ("preprocessor", lambda: mlmzoo.Preprocessor.from_preset("package://zoo_broken/preset")),
        ("checkpoint", lambda: mlmzoo.Tokenizer.from_preset("package://zoo_broken/preset")),
    ],
)
def test_every_path_of_a_family_has_to_lead_to_what_it_says(broken, site, part, ask):
    right = {
        "backbone": "mlmzoo_toy.model:ToyBackbone",
        "tokenizer": "mlmzoo_toy.model:ToyTokenizer",
        "preprocessor": "mlmzoo_toy.model:ToyMaskedLMPreprocessor",
        "masked_lm": "mlmzoo_toy.model:ToyMaskedLM",
        "checkpoint": "mlmzoo_toy.weights:CHECKPOINT",
    }
    paths = {**right, part: "zoo_broken.things:Thing"}
    module = broken(
        returning(f"[family('broken', **{paths})]"), files={"things.py": "class Thing:\n    pass"}
    )
    preset = site.folder / module / "preset"
    preset.mkdir()
    sizes = {"vocab_size": 9, "num_layers": 1, "hidden_size": 4, "max_positions": 8}
    numerics = {"hidden_act": "relu", "layer_norm_eps": 1e-6}
    config = {"model_type": "broken", **sizes, **numerics}
    (preset / "config.json").write_text(json.dumps(config))
    with pytest.raises(PluginError, match=r"Thing was asked for, and zoo-broken 1\.2.*no "):
        ask()
    check_that_the_others_work()


# Used all the same, and reported --------------------------------------------------------------

WORKS = returning("[family('broken')]")


def test_what_a_package_prints_stays_out_of_the_json(broken):
    broken("print('hello there')\n" + WORKS)
    done = command("presets", "--json")
    assert "broken_tiny_en" in {preset["name"] for preset in json.loads(done.stdout)}
    assert done.stderr == "hello there\n"
    check_that_the_others_work()
    mlmzoo.refresh_plugins()  # what an imported module said is not forgotten
    assert listed()["state"] == "ok"
    (note,) = listed()["notes"]
    assert note == "It prints when plugins are looked for: 'hello there'."
    assert f"broken: {note}" in command("plugins").stdout


def test_what_the_commands_of_a_package_print_stays_out_of_the_json(broken):
    broken(WORKS + "@hookimpl\ndef mlmzoo_commands(group):\n    print('commands')\n")
    assert json.loads(command("presets", "--json").stdout)
    assert "'commands'" in listed()["notes"][0]


def test_a_package_may_use_and_keep_standard_output(site, capsys):
    site.add(
        "chatty",
        """
        import sys, threading

        sys.stdout.flush()
        print(sys.stdout.encoding)
        out = sys.stdout
        other = threading.Thread(target=print, args=["from another thread"])
        other.start()
        other.join()

        @hookimpl
        def mlmzoo_families():
            return [family("chatty")]
        """,
    )
    (plugin,) = mlmzoo.list_plugins()
    assert plugin.state == "ok" and "It prints" in plugin.notes[0]
    sys.modules["zoo_chatty.plugin"].out.write("later")
    said = capsys.readouterr()
    assert said.out == "from another thread\nlater"
    assert said.err.count("\n") == 1


def test_a_package_that_warns_is_used_and_reported(broken):
    broken("import warnings\nwarnings.warn('the old ways')\n" + WORKS)
    done = command("presets")
    assert "broken_tiny_en" in done.stdout and done.stderr == ""
    check_that_the_others_work()
    assert listed()["state"] == "ok"
    assert listed()["notes"] == ["It warns when plugins are looked for: UserWarning: the old ways"]


def test_a_warning_of_a_package_reaches_who_listens(broken):
    broken("import warnings\nwarnings.warn('the old ways')\n" + WORKS)
    with pytest.warns(UserWarning, match="the old ways"):
        assert "broken_tiny_en" in mlmzoo.list_presets()


def test_a_package_that_imports_tensorflow_is_used_and_reported_with_its_cost(
    broken, site, monkeypatch
):
    fake = site.folder / "tensorflow.py"
    fake.write_text("import time\ntime.sleep(0.2)\n")
    broken("import tensorflow\n" + WORKS)
    with monkeypatch.context() as patch:
        patch.delitem(sys.modules, "tensorflow", raising=False)
        assert "broken_tiny_en" in command("presets").stdout
        found = listed()
        fake.unlink()
        del sys.modules["tensorflow"]
    assert found["state"] == "ok" and found["seconds"] >= 0.2
    (note,) = found["notes"]
    assert re.search(r"imports tensorflow for it and takes 0\.[2-9] s.*MLMZOO_PLUGINS", note)
    check_that_the_others_work()


def test_a_slow_package_is_reported_and_a_quick_one_is_not(broken, monkeypatch):
    monkeypatch.setattr("mlmzoo.plugins.watching.SLOW", 0.05)
    broken("import time\ntime.sleep(0.06)\n" + WORKS)
    assert listed()["notes"] == ["Looking for plugins takes 0.1 s for it alone."]
    (toy,) = (p for p in mlmzoo.list_plugins() if p.name == "toy")
    assert toy.notes == ()
