"""Plugins add commands; a bad one adds none and stops nobody."""

from __future__ import annotations

import sys
import types

import click
import pytest

from mlmzoo.contract.hookspecs import hookimpl
from mlmzoo.errors import PluginError, PluginWarning
from mlmzoo.plugins import registry

GOOD = (
    "import click\n"
    "@hookimpl\n"
    "def mlmzoo_commands(group):\n"
    "    group.add_command(click.Command('{name}'))\n"
)


@pytest.fixture
def group(site, monkeypatch):
    """A command line whose own command is called ``demo``."""
    own = types.ModuleType("mlmzoo.cli.builtin")

    @hookimpl
    def mlmzoo_commands(group):
        group.add_command(click.Command("demo"))

    own.mlmzoo_commands = mlmzoo_commands
    monkeypatch.setitem(sys.modules, "mlmzoo.cli.builtin", own)
    return click.Group("mlmzoo")


def test_commands_of_core_and_plugins_come_through_one_hook(site, group):
    site.add("alpha", GOOD)
    registry().add_commands(group)
    assert set(group.commands) == {"demo", "alpha"}


def test_a_plugin_without_commands_adds_none(site, group):
    site.add("alpha")
    registry().add_commands(group)
    assert set(group.commands) == {"demo"}


@pytest.mark.parametrize(
    ("line", "phrase"),
    [
        ("    raise SystemExit(2)", "SystemExit: 2"),
        ("    group.add_command(click.Command('demo'))", r"replaces the commands \['demo'\]"),
        ("    return [click.Command('x')]", r"returned a list.*group\.add_command"),
        ("    group.commands['x'] = 'text'", "AttributeError"),
        ("    group.commands.clear()", r"replaces the commands \['demo'\]"),
    ],
)
def test_a_plugin_whose_commands_fail_does_not_stop_the_others(site, group, line, phrase):
    site.add("broken", GOOD + line)
    site.add("good", GOOD)
    with pytest.warns(
        PluginWarning, match=rf"commands of plugin 'broken' of zoo-broken 1\.2.*{phrase}"
    ):
        registry().add_commands(group)
    assert set(group.commands) == {"demo", "good"}


def test_a_plugin_whose_commands_fail_is_an_error_in_strict_mode(site, group, monkeypatch):
    monkeypatch.setenv("MLMZOO_STRICT_PLUGINS", "1")
    site.add("broken", GOOD + "    1 / 0")
    with pytest.raises(PluginError, match="zoo-broken"):
        registry().add_commands(group)


def test_commands_can_be_added_twice(site, group):
    site.add("alpha", GOOD)
    registry().add_commands(group)
    again = click.Group("mlmzoo")
    registry().add_commands(again)
    assert set(again.commands) == {"demo", "alpha"}


def test_a_plugin_whose_commands_fail_keeps_its_families_and_is_listed_once(site, group):
    families = "@hookimpl\ndef mlmzoo_families():\n    return [family('x')]"
    site.add("broken", GOOD + "    1 / 0\n" + families)
    with pytest.warns(PluginWarning):
        registry().add_commands(group)
    registry().add_commands(click.Group("mlmzoo"))
    (plugin,) = registry().plugins
    assert (plugin.state, plugin.families) == ("failed", ("x",))
    assert plugin.reason.startswith("Its commands were left out: ZeroDivisionError")
