"""Uploads that go wrong: one clear error, and nothing half of it to be seen."""

import json
import logging
import re
import sys
import traceback

import pytest
from loopback import Answer, bytes_in
from writable_hub import WritableHub
from writable_kaggle import WritableKaggle

from mlmzoo.contract.errors import (
    HandleError,
    HubAccessError,
    HubUnavailableError,
    MlmzooError,
)
from mlmzoo.contract.records import UploadRequest
from mlmzoo.presets.sources import downloader
from mlmzoo.presets.sources.huggingface import HuggingFaceSource
from mlmzoo.presets.sources.kaggle import KaggleSource
from mlmzoo.presets.sources.progress import Progress, Stalled

pytestmark = pytest.mark.slow  # no backend has a part in it: once is enough


class Hub:
    """Where a directory is uploaded to."""

    handle, source = "hf://org/name", HuggingFaceSource
    steps = ("/repos/create", "/api/models/org/name", "/preupload/", "/objects/batch", "/store/")
    last = "/commit/"
    client = "huggingface_hub"

    def __init__(self, server, directory):
        self.server, self.directory = server, directory

    def upload(self, handle=None, **how):
        names = tuple(bytes_in(self.directory))
        request = UploadRequest(self.directory, names, ("model.*", "task.*"), "message", **how)
        return self.source().upload(handle or self.handle, request)

    def seen(self):
        """What everybody sees there."""
        if self.server.private:
            there = self.server.files("org/name")
            del there[".gitattributes"]
            return there
        return {}


class Kaggle(Hub):
    handle, source = "kaggle://org/model/keras/small", KaggleSource
    steps = ("/GetModel", "/CreateModel", "/StartBlobUpload", "/store/")
    last = "/CreateModelInstance"
    client = "kagglehub"

    def seen(self):
        versions = self.server._versions.get("org/model/keras/small")
        return versions[-1] if versions else {}


@pytest.fixture(params=["hf", "kaggle"])
def place(request, preset_directory, tmp_path, monkeypatch):
    kind, server = (Hub, WritableHub()) if request.param == "hf" else (Kaggle, WritableKaggle())
    with server:
        server.use(monkeypatch, tmp_path / "cache")
        monkeypatch.setenv("HF_TOKEN", "hf_very-secret")
        monkeypatch.setenv("KAGGLE_API_TOKEN", "very-secret")
        yield kind(server, preset_directory)


@pytest.mark.parametrize("fault", ["401", "403", "500", "close", "page"])
def test_whatever_step_fails_nothing_is_to_be_seen(place, fault):
    for step in (*place.steps, place.last):
        # kagglehub makes a model that it may not ask for.
        if step == "/GetModel" and fault == "403":
            continue
        place.server.heal()
        place.server.fail(fault, only=step)
        error = HubAccessError if fault in ("401", "403") else HubUnavailableError
        if step == "/store/" and place.last == Kaggle.last:
            error = (HubAccessError, HubUnavailableError)  # the store is not asked who we are
        with pytest.raises(error) as caught:
            place.upload()
        assert str(caught.value).startswith(f"A preset was to be uploaded to {place.handle}"), step
        if fault != "page":  # of which nobody can tell what it answers
            under_way = step == place.last and fault in ("close", "500")
            assert ("last step was under way" in str(caught.value)) == under_way, step
        assert place.seen() == {}, step
        # Where a file did not arrive, the last step is never begun.
        assert step == place.last or place.server.count(containing=place.last) == 0, step
    place.server.heal()
    place.upload()
    assert place.seen() == bytes_in(place.directory)


def test_an_older_preset_is_untouched_where_an_upload_fails(place):
    place.upload()
    before = place.seen()
    (place.directory / "config.json").write_text("{}")
    (place.directory / "model.weights.h5").write_bytes(b"other" * 1000)
    for step in ("/store/", place.last):
        place.server.fail("500", only=step)
        with pytest.raises(HubUnavailableError):
            place.upload()
        assert place.seen() == before
        place.server.heal()


def test_without_credentials_nothing_is_asked(place, monkeypatch):
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.delenv("KAGGLE_API_TOKEN")
    with pytest.raises(HubAccessError, match=r"is not told by whom.*(HF_TOKEN|KAGGLE_API_TOKEN)"):
        place.upload()
    assert place.server.requests == []


def test_a_hub_that_is_not_there_is_told(place):
    place.server.stop()
    with pytest.raises(HubUnavailableError, match="could not be reached or failed"):
        place.upload()


def test_a_hub_that_hangs_is_given_up(place, monkeypatch):
    monkeypatch.setenv("MLMZOO_UPLOAD_TIMEOUT", "0.7")
    for step in ("/store/", place.last):
        place.server.fail("stall", only=step)
        with pytest.raises(HubUnavailableError, match=r"no progress for 0\.7 s.*UPLOAD_TIMEOUT"):
            place.upload()
        assert place.seen() == {}


def test_one_file_that_does_not_arrive_at_first_is_sent_again(place):
    place.server.fail("close", only="/store/", times=2)
    place.upload()
    assert place.seen() == bytes_in(place.directory)


def test_where_no_process_can_be_started_no_advice_about_loading_is_given(place, monkeypatch):
    monkeypatch.setattr(downloader, "_running", None)
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    with pytest.raises(HubUnavailableError, match="no Python to start") as caught:
        place.upload()
    assert "Load the preset" not in str(caught.value)


def test_a_client_that_is_not_installed_is_told(place, monkeypatch, tmp_path):
    (tmp_path / "none" / place.client).mkdir(parents=True)
    (tmp_path / "none" / place.client / "__init__.py").write_text("raise ImportError('broken')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "none"))
    with pytest.raises(HubUnavailableError, match=f"pip install {place.client}"):
        place.upload()


def test_a_framework_that_kaggle_does_not_know_is_told_before_anything_is_sent(place):
    if place.client == "huggingface_hub":
        pytest.skip("it has none")
    with pytest.raises(HandleError, match="no framework 'keraz'"):
        place.upload("kaggle://org/model/keraz/small")
    assert place.server.requests == []


@pytest.fixture
def full(place):
    """The place refuses the last step, and says why."""

    def full(words):
        body = json.dumps({"error": words, "code": 403, "message": words}).encode()

        class Full(type(place.server)):
            def answer(self, request):
                if place.last in request.path:
                    return Answer(403, body, {"Content-Type": "application/json"})
                return super().answer(request)

        place.server.__class__ = Full

    return full


def test_what_the_hub_says_is_told(place, full):
    full("Storage quota exceeded")
    with pytest.raises(HubAccessError, match="403: Storage quota exceeded"):
        place.upload()


def test_a_repository_that_changes_in_the_meantime_is_told(place):
    if place.client == "kagglehub":
        pytest.skip("its versions do not build on each other")

    class Busy(WritableHub):
        def answer(self, request):
            if "/commit/" in request.path:
                self.commit("org/name", {".gitattributes": b"", "config.json": b"theirs"})
            return super().answer(request)

    place.server.__class__ = Busy
    with pytest.raises(HubUnavailableError, match="somebody else changed it"):
        place.upload()
    assert place.seen() == {"config.json": b"theirs"}


def test_no_secret_is_shown(place, full, caplog, capfd):
    full(f"hf_very-secret may not PUT http://host/store?{place.server.signature}")
    shown = []
    with caplog.at_level(logging.DEBUG):
        with pytest.raises(HubAccessError, match="may not PUT http://host/…") as caught:
            place.upload()
        shown.append(str(caught.value))
        for fault in ("401", "403", "500", "close", "page"):
            for step in (*place.steps, place.last):
                place.server.fail(fault, only=step)
                try:
                    place.upload()
                except MlmzooError as error:
                    shown += traceback.format_exception(error)
                    shown += [repr(vars(error)), repr(error.__context__), repr(error.__cause__)]
    shown += [caplog.text, *capfd.readouterr()]
    with open(f"/proc/{downloader._running._process.pid}/cmdline", encoding="utf-8") as file:
        shown.append(file.read())
    assert len(shown) > 20
    assert not re.search("very-secret|signed-and-secret", "\n".join(shown))


# Progress -----------------------------------------------------------------------------------------

SENDING = """
import sys
if "mlmzoo.presets.sources.downloader_main" in sys.orig_argv:
    import time, types
    client = types.ModuleType("mlmzoo.presets.sources.huggingface_upload_client")
    sys.modules[client.__name__] = client
    def upload(times, sent):
        for _ in range(times):
            time.sleep(0.3)
            sent(1000)
        time.sleep(0 if times else 60)
        return {"done": times}
    client.upload = upload
"""


@pytest.fixture
def sending(tmp_path, monkeypatch):
    """A process that sends so many times, and hangs if that is none."""
    (tmp_path / "sitecustomize.py").write_text(SENDING)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(downloader, "_running", None)
    return lambda times, progress: downloader.ask({"hub": "to hf", "times": times}, progress)


def test_an_upload_that_gets_on_is_never_given_up(sending):
    progress = Progress(None, patience=0.8, total=6000)
    assert sending(6, progress) == {"done": 6}
    assert progress._state[0] == 6000
    with pytest.raises(Stalled):
        sending(0, Progress(None, patience=0.8))
