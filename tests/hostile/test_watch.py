"""The watch over hostile presets sees what it is there for."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="limits and files opened in C are Linux' to tell"
)

EXPECTED = {
    "nothing": None,
    "read outside": "open ",
    "read the system": "open /etc/passwd",
    "write inside": "open for writing ",
    "remove": "os.remove",
    "make a directory": "os.mkdir",
    "copy": "shutil.copyfile",
    "connect": "socket.",
    "look up": "socket.getaddrinfo",
    "start a process": "subprocess.Popen",
    "start a shell": "os.system",
    "fork": "os.fork",
    "load a library": "ctypes.dlopen",
    "import": "import hostile_canary",
    "unpickle": "pickle.find_class",
    "read in C": "was opened",
}


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    script = Path(__file__).with_name("violations.py")
    where = tmp_path_factory.mktemp("violations")
    return subprocess.run(
        [sys.executable, str(script), str(where)], capture_output=True, text=True, timeout=300
    )


@pytest.mark.parametrize("violation", EXPECTED)
def test_a_violation_is_seen(done, violation):
    seen = json.loads(done.stdout)[violation]
    if EXPECTED[violation] is None:
        assert seen == []
    else:
        assert any(EXPECTED[violation] in event for event in seen), seen


def test_memory_is_limited_and_its_peak_is_seen(done):
    seen = json.loads(done.stdout)
    assert seen["too much memory"] == ["MemoryError"]
    assert seen["much memory"] == [True]


def test_what_hangs_is_ended_and_says_where(done):
    assert done.returncode != 0
    assert "violations.py" in done.stderr and "Timeout" in done.stderr
