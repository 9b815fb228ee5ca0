"""What can happen to a download, on both hubs: the error, and what the cache holds afterwards.

The real clients in the real downloading process, against servers on 127.0.0.1.
"""

import contextlib
import errno
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from mlmzoo.contract.errors import HubUnavailableError, MlmzooError
from mlmzoo.presets.sources import downloader

pytestmark = pytest.mark.slow  # no backend has a part in it: once is enough

CONFIG = "config.json"
VOCABULARY = "assets/tokenizer/vocabulary.txt"
WEIGHTS = "model.weights.h5"
SIZE = 256 * 4096

POSIX = pytest.mark.skipif(os.name == "nt", reason="signals and limits of POSIX")

events: list[str] = []
_watching = [False]


def _watch(event, arguments):
    if _watching[0] and event in ("socket.connect", "socket.getaddrinfo", "subprocess.Popen"):
        events.append(f"{event} {arguments}")


sys.addaudithook(_watch)


@contextlib.contextmanager
def nothing_is_asked(server):
    """No request arrives, no connection is made from here, and no process is started for one."""
    events.clear()
    server.forget()
    _watching[0] = True
    try:
        yield
    finally:
        _watching[0] = False
    assert not events
    assert server.count() == 0


def load(place, handle=None):
    files = place.open(handle)
    return [files.path(name) for name in (CONFIG, VOCABULARY, "task.json")]


def start(place, *names, prefix=(), **settings):
    return subprocess.Popen(
        [*prefix, sys.executable, "-c", place.code(*names)],
        env=place.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **settings,
    )


def until(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


# What the network does ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault", ["500", "close", "cut", "reset", "page", "short", "long", "garbled", "stall", "hang"]
)
def test_whatever_the_network_does_there_is_the_whole_file_or_none(place, monkeypatch, fault):
    place.path(CONFIG)
    if fault in ("stall", "hang"):
        monkeypatch.setenv("MLMZOO_DOWNLOAD_TIMEOUT", "0.4")
    place.server.fail(fault, only=WEIGHTS)
    if (place.name, fault) == ("hf", "long"):  # huggingface_hub knows the size from elsewhere
        place.path(WEIGHTS)
        assert place.whole() == [CONFIG, WEIGHTS]
        return
    with pytest.raises(HubUnavailableError) as raised:
        place.path(WEIGHTS)
    assert place.handle in str(raised.value)
    assert WEIGHTS in str(raised.value)
    assert ("no progress for 0.4 s" in str(raised.value)) == (fault in ("stall", "hang"))
    assert place.whole() == [CONFIG]
    assert place.unfinished() == []
    place.server.heal()
    monkeypatch.delenv("MLMZOO_DOWNLOAD_TIMEOUT", raising=False)
    assert place.path(WEIGHTS).stat().st_size == SIZE
    assert place.whole() == [CONFIG, WEIGHTS]


@pytest.mark.parametrize("name", [CONFIG, "task.json"])
def test_a_page_for_every_request_is_neither_a_file_nor_a_missing_one(place, name):
    """A captive portal answers 200 to whatever it is asked."""
    place.server.fail("page")
    with pytest.raises(HubUnavailableError):
        place.path(name)
    assert place.whole() == []
    place.server.heal()
    assert load(place)[2] is None


def test_a_warm_load_of_a_pinned_version_asks_nothing(place):
    before = load(place)
    with nothing_is_asked(place.server):
        assert load(place) == before


# Several processes --------------------------------------------------------------------------------


def test_processes_that_fetch_the_same_file_at_once_all_get_it_whole(place):
    processes = [start(place, CONFIG, WEIGHTS) for _ in range(3)]
    for process in processes:
        out, error = process.communicate(timeout=60)
        assert process.returncode == 0, error
        assert out.split()[1] == str(SIZE)
    assert place.whole() == [CONFIG, WEIGHTS]
    assert place.unfinished() == []
    assert place.server.count("GET", WEIGHTS) == 1


@POSIX
@pytest.mark.parametrize("alone", [True, False], ids=["the loader", "and what it started"])
def test_what_a_killed_process_leaves_is_never_taken_for_a_file(place, alone):
    place.path(CONFIG)
    place.server.fail("hang", only=WEIGHTS, method="GET")
    process = start(place, CONFIG, WEIGHTS, start_new_session=True)
    until(lambda: sum(path.stat().st_size for path in place.unfinished()) >= SIZE // 4)
    process.kill() if alone else os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert place.whole() == [CONFIG]
    if alone and place.name == "hf":  # the downloading process notices, and cleans up
        until(lambda: not place.unfinished())
    place.server.heal()
    assert place.path(WEIGHTS).stat().st_size == SIZE
    assert place.whole() == [CONFIG, WEIGHTS]
    if place.name == "kaggle":
        assert place.unfinished() == []


def test_waiting_for_a_process_that_hangs_has_an_end(place, monkeypatch):
    place.path(CONFIG)
    place.server.fail("hang", only=WEIGHTS, method="GET")
    other = start(place, CONFIG, WEIGHTS)
    try:
        until(lambda: place.unfinished())
        monkeypatch.setenv("MLMZOO_DOWNLOAD_TIMEOUT", "0.4")
        with pytest.raises(HubUnavailableError, match=r"no progress for 0\.4 s"):
            place.path(WEIGHTS)
    finally:
        other.kill()
        other.communicate()
    assert place.whole() == [CONFIG]


# This machine -------------------------------------------------------------------------------------


@POSIX
def test_a_file_that_does_not_fit_is_this_machine_s_fault_and_leaves_nothing(place, monkeypatch):
    """A limit on the size of files fails in the same place as a full disk."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    monkeypatch.setattr(downloader, "_running", None)
    place.path(CONFIG)
    monkeypatch.setattr(downloader, "_running", None)
    resource.setrlimit(resource.RLIMIT_FSIZE, (SIZE // 2, hard))
    try:
        with pytest.raises(OSError, match=r"File too large.*free space") as raised:
            place.path(WEIGHTS)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert raised.value.errno == errno.EFBIG
    assert not isinstance(raised.value, MlmzooError)
    assert WEIGHTS in str(raised.value)
    assert place.whole() == [CONFIG]
    assert place.unfinished() == []
    monkeypatch.setattr(downloader, "_running", None)
    assert place.path(WEIGHTS).stat().st_size == SIZE


@POSIX
def test_a_full_disk_is_this_machine_s_fault_and_leaves_nothing(place, tmp_path):
    for cache in place.caches:
        cache.mkdir()
    mounted = []
    try:
        for cache in place.caches:
            made = subprocess.run(
                ["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", str(cache)],
                capture_output=True,
            )
            if made.returncode != 0:
                pytest.skip("no right to mount a small disk")
            mounted.append(cache)
        with pytest.raises(OSError, match="No space left") as raised:
            place.path(WEIGHTS)
        assert raised.value.errno == errno.ENOSPC
        assert str(place.caches[place.name == "kaggle"]) in str(raised.value)
        assert WEIGHTS not in place.whole()
        assert place.unfinished() == []
        place.path(VOCABULARY)
    finally:
        for cache in mounted:
            subprocess.run(["umount", str(cache)], check=True)


@pytest.fixture
def as_anybody():
    """Begins a command so that permissions bind even the superuser."""
    if os.name == "nt":
        pytest.skip("permissions of POSIX")
    if os.geteuid() != 0:
        return ()
    command = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search")
    if not shutil.which("setpriv") or subprocess.run([*command, "true"]).returncode != 0:
        pytest.skip("the superuser may write everywhere")
    return command


@pytest.fixture
def read_only(place):
    """Makes the caches read-only until the test is over."""

    def read_only():
        for cache in place.caches:
            cache.mkdir(exist_ok=True)
            for path in (cache, *cache.rglob("*")):
                if path.is_dir():
                    path.chmod(0o555)

    yield read_only
    for cache in place.caches:
        for path in (cache, *cache.rglob("*")):
            if path.is_dir():
                path.chmod(0o755)


@pytest.mark.parametrize("handle", ["handle", "newest"])
def test_a_read_only_cache_serves_what_it_holds(place, as_anybody, read_only, handle):
    place.handle = getattr(place, handle)
    load(place)
    place.path(WEIGHTS)
    read_only()
    place.server.forget()
    out, error = start(place, CONFIG, WEIGHTS, prefix=as_anybody).communicate(timeout=60)
    assert out.split()[1:] == [str(SIZE)], error
    if handle == "handle":
        assert place.server.count() == 0


def test_a_read_only_cache_is_named_where_something_is_to_be_fetched(place, as_anybody, read_only):
    read_only()
    process = start(place, WEIGHTS, prefix=as_anybody)
    _, error = process.communicate(timeout=60)
    last = error.strip().splitlines()[-1]
    assert last.startswith("PermissionError")
    assert str(place.caches[place.name == "kaggle"]) in last
    assert "to another place" in last
    assert place.all_files() == []


def test_a_file_in_the_place_of_the_cache_is_this_machine_s_fault(place):
    for cache in place.caches:
        cache.write_text("a file")
    with pytest.raises(OSError, match="to another place") as raised:
        place.path(CONFIG)
    assert not isinstance(raised.value, MlmzooError)


# Without a network --------------------------------------------------------------------------------


@pytest.mark.parametrize("variable", ["MLMZOO_OFFLINE", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"])
def test_offline_what_is_cached_works_and_what_is_not_says_so(place, monkeypatch, variable):
    before = load(place, place.newest)
    assert load(place) == before
    monkeypatch.setenv(variable, "1")  # after the client was imported
    with nothing_is_asked(place.server):
        assert load(place) == before
        assert load(place, place.newest) == before
        with pytest.raises(HubUnavailableError, match=f"{variable}=1 forbids"):
            place.path("preprocessor.json")  # never asked for, so nothing is known


@pytest.mark.parametrize("handle", ["handle", "newest"])
def test_offline_a_preset_that_is_not_cached_says_so_at_once(place, monkeypatch, handle):
    monkeypatch.setenv("MLMZOO_OFFLINE", "1")
    with nothing_is_asked(place.server):
        for name in (CONFIG, WEIGHTS):
            with pytest.raises(HubUnavailableError, match=r"not in the cache.*MLMZOO_OFFLINE"):
                place.open(getattr(place, handle)).path(name)


def test_offline_means_what_the_variable_says(place, monkeypatch):
    monkeypatch.setenv("MLMZOO_OFFLINE", "0")
    monkeypatch.setenv("HF_HUB_OFFLINE", "")
    assert place.path(CONFIG) is not None
