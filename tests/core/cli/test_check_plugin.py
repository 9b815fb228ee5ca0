"""`mlmzoo check-plugin`. What the checks find is tested with `mlmzoo.checks`."""

from __future__ import annotations

import json

import pytest

from mlmzoo.checks import Outcome

CHECKS = [
    *("metadata", "entry point", "hooks and records", "API version", "presets file"),
    *("names", "discovery", "class paths", "weight table", "parameters", "sources"),
]


def test_all_that_holds_of_a_good_plugin_is_shown(mlmzoo):
    done = mlmzoo("check-plugin", "toy")
    assert done.exit_code == 0, done.output
    head, *lines = done.stdout.splitlines()
    assert head.split() == ["plugin", "about", "check", "state", "found"]
    assert all(" ok " in line for line in lines)
    assert [check for line, check in zip(lines, CHECKS, strict=True) if check not in line] == []


def test_machines_get_the_same(mlmzoo):
    (found,) = json.loads(mlmzoo("check-plugin", "mlmzoo-toy", "--json").stdout)
    assert (found["name"], found["distribution"], found["ok"]) == ("toy", "mlmzoo-toy", True)
    assert [check["check"] for check in found["checks"]] == CHECKS


@pytest.mark.parametrize("arguments", [(), ("--json",)])
def test_one_check_that_fails_is_exit_code_1(mlmzoo, monkeypatch, arguments):
    failed = Outcome("class paths", "failed", "There is nothing.", "toy")
    monkeypatch.setattr("mlmzoo.checks.check_plugin", lambda plugin: [failed])
    done = mlmzoo("check-plugin", *arguments)
    assert done.exit_code == 1
    assert "There is nothing." in done.stdout


def test_an_unknown_plugin_is_an_error(mlmzoo):
    done = mlmzoo("check-plugin", "toi")
    assert done.exit_code == 1
    assert "Close: 'toy'" in done.stderr
