"""Whatever is in a file of a preset, it is read or refused with an `MlmzooError`.

    HYPOTHESIS_PROFILE=many python -m pytest tests/fuzz

tries a hundred times as much. ``fuzz.py`` does the same guided by coverage.
"""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("sentencepiece")
pytest.importorskip("tokenizers")

from mutations import mutate
from reader_targets import MAKERS, check, join, split, target

pytestmark = pytest.mark.slow  # readers import no backend
HERE = Path(__file__).parent
KEPT = sorted(folder for folder in (HERE / "regressions").iterdir() if any(folder.iterdir()))
IN_PROCESS = [name for name in MAKERS if name != "hdf5"]


@pytest.mark.parametrize("name", MAKERS)
def test_the_good_presets_are_read(name):
    readers = target(name)
    for preset in readers.presets:
        readers.read(*readers.good(preset))


@pytest.mark.parametrize("name", IN_PROCESS)
@given(st.data())
def test_changed_files_are_read_or_refused(name, data):
    readers = target(name)
    place, content = split(data.draw(st.sampled_from(readers.inputs())))
    random = data.draw(st.randoms(use_true_random=False))
    for _ in range(data.draw(st.integers(1, 3))):
        content = mutate(content, random)
    check(readers, join(place, content))


@pytest.mark.parametrize("name", IN_PROCESS)
@given(st.data())
def test_files_of_anything_are_read_or_refused(name, data):
    readers = target(name)
    place, _ = split(data.draw(st.sampled_from(readers.inputs())))
    content = data.draw(st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
    check(readers, join(place, content))


HDF5 = """
import sys
from pathlib import Path
from random import Random
from mutations import mutate
from reader_targets import check, join, split, target

readers = target("hdf5")
for path in sorted(Path("regressions/hdf5").iterdir()):
    print(path, flush=True)
    check(readers, path.read_bytes())
for seed in range(int(sys.argv[1])):
    random = Random(seed)
    place, content = split(random.choice(readers.inputs()))
    content = mutate(content, random)
    print(seed, flush=True)
    check(readers, join(place, content))
"""


def test_changed_hdf5_files_are_read_or_refused():
    # In a process of its own: what breaks the C library must not end this one.
    command = [sys.executable, "-c", HDF5, "300"]
    done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, f"{done.stdout.split()[-1:]}: {done.stderr[-2000:]}"


def test_what_is_kept_is_of_a_target():
    assert {path.name for path in KEPT} <= set(MAKERS)


@pytest.mark.parametrize("folder", [f for f in KEPT if f.name != "hdf5"], ids=lambda f: f.name)
def test_what_once_broke_a_reader_is_read_or_refused(folder):
    for path in sorted(folder.iterdir()):
        check(target(folder.name), path.read_bytes())
