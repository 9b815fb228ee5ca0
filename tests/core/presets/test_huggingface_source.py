"""The real huggingface_hub against a server on 127.0.0.1."""

import os
import subprocess
import sys
import traceback

import pytest

from mlmzoo.contract.errors import (
    HubAccessError,
    HubUnavailableError,
    MlmzooError,
    PresetMissingError,
)
from mlmzoo.presets.sources.huggingface import HuggingFaceSource

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
    assert files.path("model.weights.h5").stat().st_size == 256 * 64


def test_a_hub_that_is_gone_is_unavailable(hub):
    hub.stop()
    for name in ("config.json", "task.json"):
        with pytest.raises(HubUnavailableError, match="Check the network"):
            opened().path(name)


@pytest.mark.parametrize("fault", ["gone", "500", "close", "401", "gated", "offline"])
def test_what_was_loaded_once_loads_again_without_the_hub(hub, monkeypatch, fault):
    before = load()
    if fault == "gone":
        hub.stop()
    elif fault == "offline":
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    else:
        hub.fail(fault)
    hub.forget()
    assert load() == before
    if fault == "offline":
        assert hub.count() == 0
        with pytest.raises(HubUnavailableError, match="Unset HF_HUB_OFFLINE"):
            opened().path("preprocessor.json")  # never asked for, so nothing is known


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


def test_a_full_disk_is_no_fault_of_the_hub(hub, monkeypatch):
    import errno

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("huggingface_hub.file_download.http_get", full)
    with pytest.raises(OSError, match="No space left") as raised:
        opened().path("config.json")
    assert not isinstance(raised.value, MlmzooError)


@pytest.mark.parametrize("fault", ["401", "403", "gated", "500", "close", "cut"])
def test_no_token_is_shown(hub, monkeypatch, fault):
    monkeypatch.setenv("HF_TOKEN", "hf_very_secret")
    hub.fail(fault)
    with pytest.raises(MlmzooError) as raised:
        opened().path("config.json")
    shown = "".join(traceback.format_exception(raised.value))
    assert "secret" not in shown
    assert f"{hub.url}/org" not in shown, "an address of the client's could be a signed one"


def test_a_mirror_and_a_cache_of_one_s_own(hub, tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(
        "huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE",
        "http://127.0.0.1:9/{repo_id}/resolve/{revision}/{filename}",
    )
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
        assert hub.count() == 3  # config.json: HEAD and GET; task.json: HEAD


def test_without_the_client_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(HubUnavailableError, match="pip install huggingface_hub"):
        opened().path("config.json")
