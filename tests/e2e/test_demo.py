"""`mlmzoo demo` as a person runs it, on the preset that comes with a plugin."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest


@pytest.mark.slow
def test_the_demo_makes_a_model_better_on_text_it_has_never_seen():
    done = subprocess.run(
        [sys.executable, "-m", "mlmzoo", "demo", "--json"],
        capture_output=True,
        text=True,
        timeout=400,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["after"]["loss"] < found["before"]["loss"] - 0.5
    assert found["after"]["accuracy"] > found["before"]["accuracy"]
    assert found["after"]["loss"] < found["unigram"]["loss"]
