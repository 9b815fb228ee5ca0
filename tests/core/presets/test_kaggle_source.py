"""The real kagglehub against a server on 127.0.0.1."""

import os
import shutil
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest

from mlmzoo.contract.errors import (
    HandleError,
    HubAccessError,
    HubUnavailableError,
    PresetMissingError,
    PresetWarning,
)
from mlmzoo.presets.sources import downloader
from mlmzoo.presets.sources.kaggle import KaggleSource

pytestmark = pytest.mark.slow  # no backend has a part in it: once is enough

VOCABULARY = "assets/tokenizer/vocabulary.txt"
NEWEST = "kaggle://org/model/keras/small"
FIRST = "kaggle://org/model/keras/small/1"


def opened(handle=FIRST):
    return KaggleSource().open(handle)


def load(handle=FIRST):
    """Ask for what a loader asks for: files that are there, and one that is not."""
    files = opened(handle)
    return [files.path(name) for name in ("config.json", VOCABULARY, "task.json")]


def test_the_first_download_asks_for_each_file_once(kaggle):
    config, vocabulary, task = load()
    assert config.read_text() == '{"answer": 42}'
    assert vocabulary.read_text() == "a\nb\n"
    assert task is None
    assert kaggle.count("POST") == 3
    assert kaggle.count("GET", "/blob/") == 2


def test_a_cached_preset_costs_no_request(kaggle):
    load()
    kaggle.forget()
    assert load()[2] is None
    assert kaggle.count() == 0


def test_without_a_version_the_newest_is_asked_for_once(kaggle):
    assert load(NEWEST)[2] is None
    assert kaggle.count(containing="GetModelInstance") == 1
    kaggle.forget()
    load(NEWEST)
    assert kaggle.count(containing="GetModelInstance") == kaggle.count() == 1


def test_all_files_of_a_load_are_of_one_version(kaggle, preset_directory):
    files = opened(NEWEST)
    files.path("config.json")
    (preset_directory / VOCABULARY).write_text("moved")
    (preset_directory / "task.json").write_text("{}")
    kaggle.add("org/model/keras/small", preset_directory)
    assert files.path(VOCABULARY).read_text() == "a\nb\n"
    assert files.path("task.json") is None
    assert load(NEWEST)[1].read_text() == "moved"
    assert load(NEWEST)[2] is not None
    assert load(FIRST)[2] is None


@pytest.mark.parametrize(
    "handle",
    [
        "kaggle://org/model/keras/other",
        "kaggle://org/model/keras/other/1",
        "kaggle://org/model/keras/small/9",
    ],
)
@pytest.mark.parametrize("name", ["config.json", "task.json"])
def test_a_missing_model_or_version_is_a_missing_preset(kaggle, handle, name):
    with pytest.raises(PresetMissingError, match="no such model, variation or version"):
        opened(handle).path(name)


def test_a_framework_kaggle_does_not_know_is_a_wrong_handle(kaggle):
    with pytest.raises(HandleError, match="no framework 'brainfuck'"):
        opened("kaggle://org/model/brainfuck/small/1").path("config.json")


@pytest.mark.parametrize("handle", [NEWEST, FIRST])
@pytest.mark.parametrize("fault", ["401", "403", "gated"])
def test_a_refusal_says_to_log_in_and_never_that_the_file_is_missing(kaggle, handle, fault):
    kaggle.fail(fault)
    with pytest.raises(HubAccessError, match=r"accept the model's terms at https://www\.kaggle"):
        opened(handle).path("config.json")
    kaggle.heal()
    files = opened(handle)
    files.path("config.json")
    kaggle.fail(fault)
    with pytest.raises(HubAccessError):
        files.path(VOCABULARY)


@pytest.mark.parametrize("handle", [NEWEST, FIRST])
@pytest.mark.parametrize("fault", ["500", "503", "429", "close"])
def test_a_failing_hub_is_unavailable_and_never_without_the_file(kaggle, handle, fault):
    kaggle.fail(fault)
    for name in ("config.json", "task.json"):
        with pytest.raises(HubUnavailableError, match="could not be reached or failed"):
            opened(handle).path(name)
    kaggle.heal()
    files = opened(handle)
    files.path("config.json")
    kaggle.fail(fault)
    with pytest.raises(HubUnavailableError):
        files.path("task.json")
    kaggle.heal()
    assert load(handle)[2] is None


def test_a_blob_store_that_fails_is_unavailable(kaggle):
    kaggle.fail("503", only="/blob/")
    with pytest.raises(HubUnavailableError):
        opened().path("config.json")


def test_a_broken_transfer_is_unavailable_and_fetched_whole_the_next_time(kaggle):
    kaggle.fail("cut", only="/blob/org/model/keras/small!1!model.weights.h5")
    files = opened()
    with pytest.raises(HubUnavailableError):
        files.path("model.weights.h5")
    kaggle.heal()
    assert files.path("model.weights.h5").stat().st_size == 256 * 4096


def test_a_hub_that_is_gone_is_unavailable(kaggle):
    kaggle.stop()
    for handle in (NEWEST, FIRST):
        with pytest.raises(HubUnavailableError, match="Check the network"):
            opened(handle).path("task.json")


@pytest.mark.parametrize("fault", ["gone", "500", "close", "403"])
def test_what_was_loaded_once_loads_again_without_the_hub(kaggle, fault):
    before = load()
    kaggle.stop() if fault == "gone" else kaggle.fail(fault)
    assert load() == before


def test_without_a_version_and_a_hub_the_newest_in_the_cache_is_used(kaggle, preset_directory):
    load(NEWEST)
    kaggle.add("org/model/keras/small", preset_directory)
    before = load(NEWEST)
    kaggle.stop()
    with pytest.warns(PresetWarning, match="version 2 is used, the newest in the cache"):
        assert load(NEWEST) == before


@pytest.mark.parametrize("fault", ["cut", "reset", "long", "page"])
def test_without_a_hash_sizes_and_pages_are_looked_at(kaggle, fault):
    kaggle.sends_hashes = False
    kaggle.fail(fault, only="/blob/")
    with pytest.raises(HubUnavailableError):
        opened().path("config.json")
    kaggle.heal()
    assert opened().path("config.json").read_text() == '{"answer": 42}'


@pytest.mark.parametrize(
    ("headers", "accepted"),
    [
        ({"Content-Length": "3"}, True),
        ({"Content-Length": "4"}, False),
        ({"Content-Length": "2"}, False),
        ({}, True),
        ({"Content-Length": "2", "Content-Encoding": "gzip"}, True),
    ],
)
def test_a_size_that_the_http_library_does_not_compare_is_compared(
    tmp_path, monkeypatch, headers, accepted
):
    """The one that kagglehub uses does so from some version on."""
    from kagglehub import clients, http_resolver

    from mlmzoo.presets.sources import kaggle_client

    def download(response, out_file, *_, **__):
        Path(out_file).write_bytes(b"abc")

    monkeypatch.setattr(clients, "CHUNK_SIZE", 1)
    monkeypatch.setattr(http_resolver, "download_file", download)
    kaggle_client._watch_sizes()
    kaggle_client._watch_sizes()
    response = SimpleNamespace(headers=headers, url="https://host/file")
    with nullcontext() if accepted else pytest.raises(Exception, match="bytes were sent"):
        http_resolver.download_file(response, str(tmp_path / "file"))


def test_what_another_place_does_not_have_is_not_missing_at_kaggle(kaggle):
    """A 404 counts where Kaggle gave it: not a store's, nor a proxy's page."""
    files = opened()
    files.path("config.json")
    kaggle.fail("404", only="/blob/")
    with pytest.raises(HubUnavailableError):
        files.path(VOCABULARY)
    kaggle.heal()
    assert files.path(VOCABULARY) is not None


def test_what_kagglehub_downloaded_as_a_whole_is_used(kaggle, preset_directory, monkeypatch):
    """In its own place, at no request, where its mark says that it is complete."""
    cache = Path(os.environ["KAGGLEHUB_CACHE"], "models", "org", "model", "keras", "small")
    shutil.copytree(preset_directory, cache / "1")
    (cache / "1" / VOCABULARY).write_text("half")
    (cache / ".complete" / "1").mkdir(parents=True)
    (cache / ".complete" / "1" / "config.json.complete").touch()
    assert opened().path("config.json") == cache / "1" / "config.json"
    assert kaggle.count() == 0
    assert opened().path(VOCABULARY).read_text() == "a\nb\n"
    assert (cache / "1" / VOCABULARY).read_text() == "half", "theirs is never written"
    assert opened(NEWEST).path("config.json") == cache / "1" / "config.json"
    monkeypatch.setenv("MLMZOO_OFFLINE", "1")
    assert opened(NEWEST).path("config.json") == cache / "1" / "config.json"


def test_files_that_a_notebook_mounts_are_used_where_they_are(kaggle, tmp_path, monkeypatch):
    mounted = tmp_path / "input" / "7" / "config.json"

    def ask(request, progress):
        return {"path": str(mounted)} if request["name"] == "config.json" else {"absent": True}

    monkeypatch.setattr(downloader, "ask", ask)
    files = opened(NEWEST)
    assert files.path("config.json") == mounted
    assert files.path("task.json") is None
    assert files._version == 7


def test_a_login_of_this_process_reaches_the_other_one(kaggle, monkeypatch):
    """`kagglehub.login()` keeps credentials in memory only."""
    import kagglehub.config

    monkeypatch.setattr(
        kagglehub.config,
        "_kaggle_credentials",
        kagglehub.config.KaggleApiCredentials(username="me", key="very-secret"),
    )
    asked = []

    def ask(request, progress):
        asked.append(request)
        return {"absent": True}

    monkeypatch.setattr(downloader, "ask", ask)
    with pytest.raises(PresetMissingError):
        opened().path("config.json")
    assert asked[0]["credentials"] == {"username": "me", "key": "very-secret"}


def test_kagglehub_writes_nothing_to_standard_output(kaggle):
    """Standard output is for answers, which a machine may read."""
    code = (
        "from mlmzoo.presets.sources.kaggle import KaggleSource\n"
        f"print(KaggleSource().open({FIRST!r}).path('config.json').read_text())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == '{"answer": 42}\n'
    assert done.stderr == ""


def test_without_the_client_the_error_says_what_to_install(kaggle, tmp_path, monkeypatch):
    (tmp_path / "kagglehub.py").write_text("raise ImportError('not here')")
    monkeypatch.delenv("TEST_KAGGLE_URL")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    with pytest.raises(HubUnavailableError, match=r"not here\. Run: pip install kagglehub"):
        opened().path("config.json")
