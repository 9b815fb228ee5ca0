"""Processes that are killed while they save, or save and read at the same time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

# No backend takes part.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="the program forks"),
]

PROGRAM = Path(__file__).with_name("killing.py")
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def run(mode, layout):
    with tempfile.TemporaryDirectory(dir=MEMORY) as directory:
        return subprocess.run(
            [sys.executable, PROGRAM, mode, layout, Path(directory, "preset")],
            capture_output=True,
            text=True,
            timeout=120,
        )


def seen(mode, layout):
    """What was there after each kill; nothing may be left in the end but the preset."""
    done = run(mode, layout)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["left"] == ["preset"]
    return result["seen"]


@pytest.mark.parametrize("layout", ["keras", "transformers"])
def test_after_a_kill_at_50_random_moments_the_old_or_the_new_preset_is_there(layout):
    found = seen("random", layout)
    assert len(found) == 50 and {*found} <= {"old", "new"}


@pytest.mark.parametrize("layout", ["keras", "transformers"])
def test_after_a_kill_at_any_access_to_a_file_the_old_or_the_new_preset_is_there(layout):
    found = seen("steps", layout)
    change = found.index("new")
    assert change > 10 and {*found[:change]} == {"old"} and {*found[change:]} == {"new"}


def test_where_names_cannot_be_swapped_the_next_load_puts_the_old_preset_back():
    found = seen("renaming-steps", "transformers")
    assert found[0] == "old" and found[-1] == "new" and {*found} == {"old", "new"}


def test_the_check_finds_the_mixture_that_moving_single_files_leaves():
    done = run("moving", "keras")
    assert done.returncode == 1
    assert "AssertionError: another" in done.stderr or "other weights" in done.stderr


@pytest.mark.parametrize(("mode", "layout"), [("two", "keras"), ("renaming-two", "transformers")])
def test_of_processes_that_save_at_the_same_time_one_wins_as_a_whole(mode, layout):
    assert {*seen(mode, layout)} <= {"old", "new"}


@pytest.mark.parametrize("layout", ["keras", "transformers"])
def test_a_reader_sees_one_of_the_two_or_an_error(layout):
    found = seen("reading", layout)
    assert {"old", "new"} & {*found}
    assert {*found} <= {"old", "new", "PresetFormatError", "PresetMissingError"}
