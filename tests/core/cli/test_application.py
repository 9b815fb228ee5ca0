"""What holds for every command: speed, errors, exit codes, options, plugins."""

from __future__ import annotations

import os
import sys
import warnings

import click
import keras
import pytest

from mlmzoo.cli import lazy
from mlmzoo.cli.builtin import COMMANDS
from mlmzoo.contract.errors import PresetWarning
from mlmzoo.contract.hookspecs import hookimpl
from mlmzoo.plugins import registry

WATCH = """
import sys
from mlmzoo.cli import main
sys.argv[0] = "mlmzoo"
try:
    main()
finally:
    heavy = {"keras", "tensorflow", "jax", "torch", "tokenizers", "huggingface_hub", "kagglehub"}
    print("imported:", sorted(heavy & set(sys.modules)), file=sys.stderr)
    print("modules:", [m for m in sys.modules if m.startswith("mlmzoo.cli.")], file=sys.stderr)
"""


@pytest.mark.parametrize(
    "args",
    [["--help"], ["presets"], ["presets", "--json"], ["plugins"], ["train", "--help"],
     ["fill-mask", "--help"], ["info", "toy_tiny_en"]],
)  # fmt: skip
def test_commands_that_only_look_import_no_backend(mlmzoo_process, args):
    done = mlmzoo_process(*args, code=WATCH)
    assert done.returncode == 0, done.stderr
    assert "imported: []" in done.stderr


def test_info_of_a_directory_imports_no_backend(mlmzoo_process, trained):
    done = mlmzoo_process("info", trained.preset, code=WATCH)
    assert done.returncode == 0, done.stderr
    assert "imported: []" in done.stderr


def test_a_command_imports_no_other_command(mlmzoo_process):
    done = mlmzoo_process("presets", code=WATCH)
    assert "'mlmzoo.cli.presets'" in done.stderr
    assert "mlmzoo.cli.train" not in done.stderr
    assert "mlmzoo.cli.info" not in done.stderr


def test_help_lists_every_command_of_core(mlmzoo):
    said = mlmzoo("--help").stdout
    for name in COMMANDS:
        assert f"  {name} " in said


def test_an_error_is_one_message_and_exit_code_1(mlmzoo):
    done = mlmzoo("info", "toy_huge_en")
    assert done.exit_code == 1
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert "toy_huge_en" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("args", [["--debug", "info", "x_y"], ["info", "x_y", "--debug"]])
def test_debug_shows_the_traceback(mlmzoo, args):
    done = mlmzoo(*args)
    assert done.exit_code == 1
    assert "Traceback" in done.stderr


def test_debug_of_one_run_does_not_reach_the_next(mlmzoo):
    mlmzoo("--debug", "info", "x_y")
    assert "Traceback" not in mlmzoo("info", "x_y").stderr


@pytest.mark.parametrize("args", [["info"], ["presets", "--colour"], ["dance"], ["--backend", "x"]])
def test_wrong_usage_has_exit_code_2(mlmzoo, args):
    assert mlmzoo(*args).exit_code == 2


@pytest.fixture
def plugin(monkeypatch):
    """Lets a test add a command as a plugin would."""

    def add(function):
        class Plugin:
            @staticmethod
            @hookimpl
            def mlmzoo_commands(group):
                group.add_command(click.Command("extra", callback=function))

        real = registry().add_commands

        def add_commands(group):
            real(group)
            Plugin.mlmzoo_commands(group)

        monkeypatch.setattr(registry(), "add_commands", add_commands)

    return add


def test_a_command_of_a_plugin_runs_beside_those_of_core(mlmzoo, plugin):
    plugin(lambda: click.echo("extra ran"))
    assert mlmzoo("extra").stdout == "extra ran\n"
    assert "extra" in mlmzoo("--help").stdout


def test_a_bug_has_exit_code_3_and_no_traceback(mlmzoo, plugin):
    plugin(lambda: {}["nothing"])
    done = mlmzoo("extra")
    assert done.exit_code == 3
    assert done.stderr.startswith("error: KeyError: 'nothing'")
    assert "--debug" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_interrupted_command_has_exit_code_130(mlmzoo, plugin):
    def interrupt():
        raise KeyboardInterrupt

    plugin(interrupt)
    done = mlmzoo("extra")
    assert (done.exit_code, done.stderr) == (130, "interrupted\n")


def test_our_warnings_are_one_line_on_standard_error_once(mlmzoo, plugin):
    def warn():
        for _ in range(2):
            warnings.warn("Mind the gap.", PresetWarning, stacklevel=2)
        warnings.warn("a library's business", DeprecationWarning, stacklevel=2)

    plugin(warn)
    assert mlmzoo("extra").stderr == "note: Mind the gap.\n"
    assert "a library's business" in mlmzoo("--debug", "extra").stderr


def test_a_backend_that_is_not_installed_is_said_in_words(mlmzoo, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.delitem(sys.modules, "keras")
    done = mlmzoo("fill-mask", "toy_tiny_en", "x", "--backend", "jax")
    assert done.exit_code == 1
    assert "jax is not installed" in done.stderr


def test_another_backend_than_the_running_one_is_refused(mlmzoo):
    other = next(b for b in ("jax", "torch") if b != keras.backend.backend())
    done = mlmzoo("--backend", other, "presets")
    assert done.exit_code == 1
    assert f"Keras is running on {keras.backend.backend()}" in done.stderr


@pytest.mark.parametrize("place", ["before", "after"])
def test_backend_is_set_before_keras_is_imported(mlmzoo_process, trained, place):
    name = keras.backend.backend()
    option = ["--backend", name]
    args = ["fill-mask", trained.preset, "the <mask> fox", "--json"]
    args = [*option, *args] if place == "before" else [*args, *option]
    # What the option has to win over.
    done = mlmzoo_process(*args, KERAS_BACKEND="no-such-backend")
    assert done.returncode == 0, done.stderr


def test_a_lazy_command_shows_the_help_of_the_real_one(mlmzoo):
    assert (
        "Without TEXT, texts are read from standard input" in mlmzoo("fill-mask", "--help").stdout
    )


def test_every_lazy_command_names_a_command_of_that_name():
    group = click.Group("mlmzoo")
    registry().add_commands(group)
    found = {n: c.load().name for n, c in group.commands.items() if isinstance(c, lazy.LazyCommand)}
    assert set(found) >= set(COMMANDS)
    assert all(name == real for name, real in found.items())


def test_native_code_cannot_write_on_the_terminal(mlmzoo_process):
    code = (
        "import os, sys\n"
        "from mlmzoo.cli import main\n"
        "sys.argv = ['mlmzoo', 'info', 'x_y']\n"
        "try:\n    main()\n"
        "finally:\n    os.write(2, b'native noise')\n"
    )
    done = mlmzoo_process(code=code)
    assert "native noise" not in done.stderr
    assert done.stderr.startswith("error: ")


def test_the_process_leaves_the_environment_alone(mlmzoo):
    before = dict(os.environ)
    mlmzoo("presets")
    assert dict(os.environ) == before
