"""Every hostile preset ends in an error of ours that says why, and does nothing besides.

Loaded in a process of its own, whose memory is limited and whose files, network, imports and child
processes are watched; see `watch`. When one of these fails, `child.py` can be run by hand.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest
from corpus import corpus
from watch import HANG

GROWTH = 64 * 2**20
"""Bytes that loading a tiny preset, or refusing to, may hold at a time."""

CORPUS = {
    name: entry
    for name, entry in corpus().items()
    if not entry.needs or importlib.util.find_spec(entry.needs)
}


def run(where: Path, names: list[str]) -> tuple[dict[str, dict], str | None, str]:
    """What happened to presets by name, the one that ended the process, and its last words."""
    child = Path(__file__).with_name("child.py")
    done = subprocess.run(
        [sys.executable, str(child), str(where), *names], capture_output=True, text=True
    )
    results, current = {}, None
    for line in done.stdout.splitlines():
        told = json.loads(line)
        current = told.get("starts")
        if not current:
            results[told["name"]] = told
    return results, current, done.stderr[-3000:] if done.returncode else ""


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> dict[str, dict]:
    where = tmp_path_factory.mktemp("hostile")
    found: dict[str, dict] = {}
    left = list(CORPUS)
    while left:
        some, died, words = run(where, left)
        found |= some
        left = [name for name in left if name not in found]
        if left and not died:
            pytest.fail(f"The process ended before {left[0]}: {words}")
        if died:
            found[died] = {"died": words}
            left.remove(died)
    return found


def test_there_are_enough_of_them(results):
    ran = [entry for name, entry in CORPUS.items() if "found" in results.get(name, ())]
    assert sum(entry.error is not None for entry in ran) >= 150


@pytest.mark.parametrize("layout", ["keras", "transformers"])
def test_a_good_preset_loads_under_the_same_watch(results, layout):
    for found in results[f"good toy {layout}"]["found"]:
        assert found["error"] is None, found["message"]
        assert found["seen"] == []
        assert found["grown"] < GROWTH


@pytest.mark.parametrize("name", CORPUS)
def test_a_hostile_preset(results, name):
    entry, result = CORPUS[name], results[name]
    assert "died" not in result, f"It ended the process: {result['died']}"
    assert result["differs"], "It is the good preset."
    loaded, *others = result["found"]
    if entry.error is None:
        assert loaded["error"] is None, loaded["message"]
    else:
        assert entry.error.__name__ in loaded["kinds"], loaded
        assert len(loaded["message"]) < 5000
    for said in entry.says:
        assert said in loaded["message"]
    for other in others:
        assert other["error"] is None or other["ours"], other
    for found in result["found"]:
        assert found["seen"] == []
        assert found["grown"] < GROWTH
        assert found["seconds"] < HANG
