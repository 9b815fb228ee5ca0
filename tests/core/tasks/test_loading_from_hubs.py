"""`from_preset` and the hubs: what a load asks for, and what it does without a network."""

import pytest
from hub_server import HubServer
from kaggle_server import KaggleServer

import mlmzoo
from mlmzoo.contract.errors import HubUnavailableError
from mlmzoo.presets.sources import downloader


@pytest.fixture(params=["hf", "kaggle"])
def served(request, preset, tmp_path, monkeypatch):
    """The server, and the handles of the toy preset there: at a pinned version, and the newest."""
    if request.param == "hf":
        with HubServer() as server:
            commit = server.add("org/name", preset)
            server.use(monkeypatch, tmp_path / "cache")
            yield server, f"hf://org/name@{commit}", "hf://org/name"
    else:
        with KaggleServer({"org/model/keras/small": preset}) as server:
            server.use(monkeypatch, tmp_path / "cache")
            handle = "kaggle://org/model/keras/small"
            yield server, f"{handle}/1", handle
    downloader._running = None


def test_a_warm_load_of_a_pinned_version_makes_no_request(served, monkeypatch):
    server, pinned, _ = served
    first = mlmzoo.MaskedLM.from_preset(pinned)
    assert first.load_report.source == pinned
    assert server.count() > 0
    server.forget()
    monkeypatch.setattr(downloader, "ask", None)  # not even a process is started
    again = mlmzoo.MaskedLM.from_preset(pinned)
    assert set(again.load_report.loaded) == set(first.load_report.loaded)
    assert server.count() == 0


def test_offline_a_cached_preset_loads_and_another_says_so(served, monkeypatch):
    server, _, newest = served
    mlmzoo.MaskedLM.from_preset(newest)
    monkeypatch.setenv("MLMZOO_OFFLINE", "1")
    server.forget()
    assert mlmzoo.MaskedLM.from_preset(newest).head_state == "trained"
    for handle in ("hf://org/other", "kaggle://org/other/keras/small"):
        with pytest.raises(HubUnavailableError, match="MLMZOO_OFFLINE=1 forbids"):
            mlmzoo.MaskedLM.from_preset(handle)
    assert server.count() == 0


def test_a_failing_hub_is_never_taken_for_a_preset_without_weights(served):
    server, pinned, _ = served
    mlmzoo.Tokenizer.from_preset(pinned)
    server.fail("503")
    with pytest.raises(HubUnavailableError):
        mlmzoo.MaskedLM.from_preset(pinned)
