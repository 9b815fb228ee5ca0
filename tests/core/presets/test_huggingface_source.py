"""The real huggingface_hub against a server on 127.0.0.1."""

import os
import subprocess
import sys

import pytest
from loopback import PAGE, Answer

from mlmzoo.contract.errors import (
    HubAccessError,
    HubUnavailableError,
    PresetMissingError,
)
from mlmzoo.presets.sources import checks, downloader
from mlmzoo.presets.sources.huggingface import HuggingFaceSource

pytestmark = pytest.mark.slow  # no backend has a part in it: once is enough

VOCABULARY = "assets/tokenizer/vocabulary.txt"


def opened(handle="hf://org/name"):
    return HuggingFaceSource().open(handle)


def load(handle="hf://org/name"):
    """Ask for what a loader asks for: files that are there, and one that is not."""
    files = opened(handle)
    return [files.path(name) for name in ("config.json", VOCABULARY, "task.json")]


def test_the_first_download_asks_for_each_file_once(hub):
    config, vocabulary, task = load()
    assert config.read_text() == '{"answer": 42}'
    assert vocabulary.read_text() == "a\nb\n"
    assert task is None
    assert hub.count("GET", "config.json") == hub.count("GET", VOCABULARY) == 1
    assert hub.count("HEAD") == 3
    assert hub.count("GET") == 2


def test_a_cached_preset_costs_one_request(hub):
    load()
    hub.forget()
    assert load()[2] is None
    assert hub.count("HEAD", "config.json") == hub.count() == 1


def test_a_cached_commit_costs_no_request(hub, preset_directory):
    commit = hub.add("org/name", preset_directory)
    load(f"hf://org/name@{commit}")
    hub.forget()
    assert load(f"hf://org/name@{commit}")[1].read_text() == "a\nb\n"
    assert hub.count() == 0


def test_all_files_of_a_load_are_of_one_commit_while_the_branch_moves(hub, preset_directory):
    files = opened()
    assert files.path("config.json").read_text() == '{"answer": 42}'
    (preset_directory / VOCABULARY).write_text("moved")
    (preset_directory / "task.json").write_text("{}")
    hub.add("org/name", preset_directory)
    assert files.path(VOCABULARY).read_text() == "a\nb\n"
    assert files.path("task.json") is None
    assert opened().path(VOCABULARY).read_text() == "moved"


def test_a_file_asked_for_first_settles_the_commit_too(hub, preset_directory):
    files = opened()
    assert files.path("task.json") is None
    (preset_directory / VOCABULARY).write_text("moved")
    hub.add("org/name", preset_directory)
    assert files.path(VOCABULARY).read_text() == "a\nb\n"


def test_a_repository_without_a_config_settles_the_commit_too(hub, preset_directory):
    (preset_directory / "config.json").unlink()
    hub.add("org/bare", preset_directory)
    files = opened("hf://org/bare")
    assert files.path("config.json") is None
    (preset_directory / VOCABULARY).write_text("moved")
    hub.add("org/bare", preset_directory)
    assert files.path(VOCABULARY).read_text() == "a\nb\n"


def test_revisions_with_slashes_are_found(hub, preset_directory):
    (preset_directory / VOCABULARY).write_text("a branch")
    hub.add("org/name", preset_directory, revision="feature/new/words")
    assert load("hf://org/name@feature/new/words")[1].read_text() == "a branch"
    assert load("hf://org/name")[1].read_text() == "a\nb\n"


@pytest.mark.parametrize(
    ("handle", "shown"),
    [
        ("hf://org/other", "no repository 'org/other'"),
        ("hf://org/name@v9", "no revision 'v9'"),
        ("hf://org/name@" + "0" * 40, "no revision"),
    ],
)
def test_a_missing_repository_or_revision_is_a_missing_preset(hub, handle, shown):
    with pytest.raises(PresetMissingError, match=shown):
        opened(handle).path("config.json")


@pytest.mark.parametrize(
    ("fault", "shown"),
    [
        ("gated", "accept its terms at https://huggingface.co/org/name"),
        ("401", "does not exist and for a private one"),
        ("403", "hf auth login"),
    ],
)
def test_a_refusal_says_to_log_in_and_never_that_the_file_is_missing(hub, fault, shown):
    hub.fail(fault)
    with pytest.raises(HubAccessError, match=shown):
        opened().path("config.json")
    hub.heal()
    files = opened()
    files.path("config.json")
    hub.fail(fault)
    with pytest.raises(HubAccessError):
        files.path(VOCABULARY)


@pytest.mark.parametrize("fault", ["500", "503", "429", "404", "close"])
def test_a_failing_hub_is_unavailable_and_never_without_the_file(hub, fault):
    hub.fail(fault)
    for name in ("config.json", "task.json"):
        with pytest.raises(HubUnavailableError, match="could not be reached or failed"):
            opened().path(name)
    hub.heal()
    assert load()[2] is None


def test_a_broken_transfer_is_unavailable_and_leaves_nothing_half(hub):
    hub.fail("cut", only="model.weights.h5")
    files = opened()
    with pytest.raises(HubUnavailableError):
        files.path("model.weights.h5")
    hub.heal()
    assert files.path("model.weights.h5").stat().st_size == 256 * 4096


def test_a_hub_that_is_gone_is_unavailable(hub):
    hub.stop()
    for name in ("config.json", "task.json"):
        with pytest.raises(HubUnavailableError, match="Check the network"):
            opened().path(name)


@pytest.mark.parametrize("fault", ["gone", "500", "close", "401", "gated"])
def test_what_was_loaded_once_loads_again_without_the_hub(hub, monkeypatch, fault):
    before = load()
    hub.stop() if fault == "gone" else hub.fail(fault)
    assert load() == before


def test_a_probe_of_what_is_not_there_does_not_wait_for_a_failing_hub(hub):
    """The client tries six times for what it has not got; its config.json it has."""
    load()
    hub.fail("500")
    hub.forget()
    assert opened().path("task.json") is None
    assert hub.count() == 1


def test_a_missing_config_is_remembered_without_the_hub(hub, preset_directory):
    (preset_directory / "config.json").unlink()
    hub.add("org/bare", preset_directory)
    assert opened("hf://org/bare").path("config.json") is None
    assert opened("hf://org/bare").path(VOCABULARY) is not None
    hub.stop()
    files = opened("hf://org/bare")
    assert files.path("config.json") is None
    assert files.path(VOCABULARY).read_text() == "a\nb\n"


def test_a_branch_that_moves_during_a_download_gives_one_of_its_two_files(
    hub, preset_directory, monkeypatch
):
    """The client asks for the ETag first and for the contents of the branch then."""
    answer = hub.answer
    moved = b"c\nd\n"

    def moving(request):
        answered = answer(request)
        if request.method == "HEAD" and (preset_directory / "config.json").read_bytes() != moved:
            (preset_directory / "config.json").write_bytes(moved)
            (preset_directory / VOCABULARY).write_bytes(moved)
            hub.add("org/moving", preset_directory)
        return answered

    (preset_directory / "config.json").write_bytes(b"e\nf\n")  # as long as what it becomes
    hub.add("org/moving", preset_directory)
    monkeypatch.setattr(hub, "answer", moving)
    files = opened("hf://org/moving")
    assert files.path("config.json").read_bytes() == moved
    assert files.path(VOCABULARY).read_bytes() == moved
    blobs = files.path(VOCABULARY).resolve().parent
    assert [path.read_bytes() for path in blobs.iterdir()] == [moved], "the wrong one is gone"


def test_the_hash_of_a_file_is_compared_once(hub, monkeypatch):
    files = opened()
    weights = files.path("model.weights.h5")
    monkeypatch.setattr(checks, "_seen", set())  # as in another process
    monkeypatch.setattr(checks, "_digest", None)
    assert opened().path("model.weights.h5") == weights


@pytest.mark.parametrize("name", ["config.json", "model.weights.h5"])
def test_a_file_damaged_in_the_cache_is_fetched_again(hub, name):
    """Whoever damaged it: it changed after it was found to be right."""
    path = opened().path(name)
    right = path.read_bytes()
    path.write_bytes(right[:-1] + b"X")
    hub.forget()
    assert opened().path(name).read_bytes() == right
    assert hub.count("GET") == 1


def test_a_damaged_file_that_cannot_be_fetched_again_is_gone(hub):
    path = opened().path("model.weights.h5")
    path.write_bytes(b"damaged")
    hub.fail("500")
    with pytest.raises(HubUnavailableError):
        opened().path("model.weights.h5")
    assert not path.exists()
    assert not path.is_symlink()


def test_a_file_damaged_on_its_way_is_fetched_once_more(hub):
    hub.fail("garbled", only="model.weights.h5", method="GET", times=1)
    assert opened().path("model.weights.h5").stat().st_size == 256 * 4096
    assert hub.count("GET", "model.weights.h5") == 2


def test_a_file_damaged_in_the_cache_is_not_used_offline(hub, monkeypatch):
    path = opened().path("model.weights.h5")
    path.write_bytes(b"damaged")
    monkeypatch.setenv("MLMZOO_OFFLINE", "1")
    for shown in ("was damaged in the cache and has been removed", "is not in the cache"):
        with pytest.raises(HubUnavailableError, match=shown):
            opened().path("model.weights.h5")


def test_a_hub_that_sends_something_else_twice_is_told_so(hub):
    hub.fail("garbled", only="model.weights.h5")
    with pytest.raises(HubUnavailableError, match="hashes differ\\), twice"):
        opened().path("model.weights.h5")
    assert hub.count("GET", "model.weights.h5") == 2


def test_a_mirror_with_etags_of_its_own_is_believed_but_for_pages(
    hub, preset_directory, monkeypatch
):
    answer = hub.answer

    def own_etags(request):
        found = answer(request)
        return Answer(found.status, found.body, {**found.headers, "ETag": '"v1"'})

    monkeypatch.setattr(hub, "answer", own_etags)
    assert opened().path("config.json").read_text() == '{"answer": 42}'
    (preset_directory / "config.json").write_bytes(PAGE)
    hub.add("org/page", preset_directory)
    with pytest.raises(HubUnavailableError, match="not what Hugging Face announced"):
        opened("hf://org/page").path("config.json")


def test_where_there_are_no_links_the_etag_is_asked_for(hub, monkeypatch):
    """On Windows the client can have to keep files in the place of the links to them."""
    monkeypatch.setenv("HF_HUB_DISABLE_SYMLINKS", "1")
    path = opened().path("config.json")
    assert not path.is_symlink()
    hub.fail("garbled", method="GET")
    with pytest.raises(HubUnavailableError, match="hashes differ"):
        opened().path(VOCABULARY)
    hub.fail("garbled", method="GET", times=1)
    assert opened().path(VOCABULARY).read_text() == "a\nb\n"


def test_a_mirror_and_a_cache_of_one_s_own(hub, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    source = HuggingFaceSource(endpoint=hub.url, cache_directory=tmp_path / "own")
    path = source.open("hf://org/name").path("config.json")
    assert path.is_relative_to(tmp_path / "own")


def test_the_environment_settings_of_the_client_are_followed(hub, tmp_path):
    """In a fresh process, as the client reads them when it is imported."""
    code = (
        "from mlmzoo.presets.sources.huggingface import HuggingFaceSource\n"
        "files = HuggingFaceSource().open('hf://org/name')\n"
        "print(files.path('config.json').read_text(), files.path('task.json'))\n"
    )
    environment = {**os.environ, **hub.environment(tmp_path / "fresh")}
    for offline in ("0", "1"):
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={**environment, "HF_HUB_OFFLINE": offline},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.strip() == '{"answer": 42} None'
        assert done.stderr == ""
        assert hub.count() == 3  # config.json: HEAD and GET; task.json: HEAD


def test_without_the_client_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(HubUnavailableError, match="pip install huggingface_hub"):
        opened().path("config.json")


@pytest.mark.parametrize("commit", ["main", "0" * 40])
def test_settings_that_the_client_cannot_read_are_one_clear_error(hub, tmp_path, commit):
    code = (
        "import traceback\n"
        "from mlmzoo.contract.errors import HubUnavailableError\n"
        "from mlmzoo.presets.sources.huggingface import HuggingFaceSource\n"
        f"try: HuggingFaceSource().open('hf://org/name@{commit}').path('config.json')\n"
        "except HubUnavailableError as error:\n"
        "    assert error.__context__ is None\n"
        "    traceback.print_exc()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "HF_ENDPOINT": "http://me:very[secret@mirror.example"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "HubUnavailableError" in done.stderr
    assert "check HF_ENDPOINT" in done.stderr
    assert "secret" not in done.stderr


def test_settings_that_only_the_downloading_process_cannot_read_are_told(hub, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://me:very[secret@mirror.example")
    with pytest.raises(
        HubUnavailableError, match=r"cannot be imported: ValueError.*HF_ENDPOINT"
    ) as caught:
        opened().path("config.json")
    assert "secret" not in str(caught.value)


def test_a_cache_that_cannot_be_looked_at_hides_no_fault(hub, monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub.file_download", None)
    hub.fail("500")
    with pytest.raises(HubUnavailableError, match="could not be reached or failed"):
        opened().path("config.json")


def test_large_files_come_over_plain_https(hub):
    """Nobody sees the progress of Xet, which the hub offers for them."""
    hub.offers_xet = True
    assert opened().path("model.weights.h5").stat().st_size == 256 * 4096
    assert [request.path for request in hub.requests if "no-xet" in request.path] == []


def test_an_application_without_python_uses_the_cache_and_says_what_it_misses(hub, monkeypatch):
    load()
    monkeypatch.setattr(downloader, "_running", None)
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert load()[0].read_text() == '{"answer": 42}'
    with pytest.raises(HubUnavailableError, match=r"not downloaded: a frozen .*ordinary Python"):
        opened().path("model.weights.h5")
