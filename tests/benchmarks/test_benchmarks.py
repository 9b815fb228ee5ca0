"""The benchmark runs, for every row, and leaves a table, its measurements and a picture."""

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import pytest

from benchmarks.rows import ROWS

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.interop


def run(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    """What a short run on this backend wrote."""
    directory = tmp_path_factory.mktemp("benchmarks")
    done = run("--smoke", "--backends", keras.backend.backend(), "--out", str(directory))
    assert done.returncode == 0, done.stderr[-5000:]
    return directory


@pytest.fixture(scope="module")
def report(out):
    return json.loads((out / "benchmarks.json").read_text(encoding="utf-8"))


def test_every_row_has_a_comparison_in_table_and_measurements(out, report):
    assert {each["row"] for each in report["comparisons"]} == {row.name for row in ROWS}
    table = (out / "benchmarks.md").read_text(encoding="utf-8")
    for row in ROWS:
        assert f"| `{row.name}` |" in table
    assert all(ratio > 0 for each in report["comparisons"] for ratio in each["ratios"])


def test_a_picture_is_drawn(out):
    assert (out / "benchmarks.png").read_bytes().startswith(b"\x89PNG")


def test_a_short_run_judges_nothing_and_says_so(out, report):
    assert report["smoke"]
    assert {each["verdict"] for each in report["comparisons"]} == {"recorded"}
    assert "its figures mean nothing" in (out / "benchmarks.md").read_text(encoding="utf-8")


def test_machine_versions_and_both_peaks_are_told(report):
    assert report["machine"]["cores"] > 0
    assert {"keras", "keras-hub", "transformers", "torch"} <= set(report["versions"])
    for experiment in {each["experiment"] for each in report["measurements"]}:
        told = [each for each in report["peaks"] if each["experiment"] == experiment]
        assert [each["when"] for each in told] == ["before", "after"]
        assert all(each["float32"] > 0 and each["bfloat16"] > 0 for each in told)


def test_before_training_the_held_out_loss_is_the_same_for_all(report):
    """The same weights, batches and judge: where it differs, the losses after do not compare."""
    before = {
        each["library"]: each["before"]
        for each in report["measurements"]
        if each["experiment"] == "quality"
    }
    assert set(before) == {"ours", "kerashub", "huggingface"}
    assert max(before.values()) - min(before.values()) < 1e-3


def test_a_missing_peer_is_an_error_that_says_how_to_install_it(tmp_path):
    (tmp_path / "sitecustomize.py").write_text(
        "from importlib import metadata\n"
        "version = metadata.version\n"
        "def without(name):\n"
        "    if name == 'keras-hub':\n"
        "        raise metadata.PackageNotFoundError(name)\n"
        "    return version(name)\n"
        "metadata.version = without\n"
    )
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = run("--smoke", "--rows", "short", "--out", str(tmp_path / "out"), PYTHONPATH=path)
    assert done.returncode == 1
    assert "need keras-hub" in done.stderr
    assert "pip install -r benchmarks/requirements.txt" in done.stderr
    assert not (tmp_path / "out" / "benchmarks.md").exists()
