"""Tokens, passwords and signed addresses are shown nowhere, whatever goes wrong."""

import logging
import subprocess
import sys
import traceback

import pytest

from mlmzoo.contract.errors import MlmzooError
from mlmzoo.presets.sources import downloader

pytestmark = pytest.mark.slow  # no backend has a part in it: once is enough

WEIGHTS = "model.weights.h5"
SECRETS = ("very-secret", "dmVyeS1zZWNyZXQ", "bWU6dmVyeS1zZWNyZXQ", "signed-and-secret")
"""The last but the first two are the first in base64, alone and after a user's name."""


PASSWORDS = {"": "very-secret", "@": "x@very-secret", "/": "x/very-secret", "#": "very-secret#x"}


@pytest.fixture(
    params=[
        "token",
        "token with a line break",
        *(f"key and password {mark}" for mark in PASSWORDS),
        *(f"proxy {mark}" for mark in PASSWORDS),
    ]
)
def with_secrets(request, place, monkeypatch):
    """The place, asked with credentials of each kind."""
    host = place.server.url.removeprefix("http://")
    password = PASSWORDS.get(request.param.rpartition(" ")[2])
    if "password" in request.param:
        monkeypatch.setenv("KAGGLE_USERNAME", "me")
        monkeypatch.setenv("KAGGLE_KEY", "very-secret")
        monkeypatch.setenv("HF_ENDPOINT", f"http://me:{password}@{host}")
    elif "proxy" in request.param:
        for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
            monkeypatch.setenv(name, f"http://me:{password}@127.0.0.1:9")
        monkeypatch.setenv("NO_PROXY", "localhost" if place.name == "kaggle" else "")
        monkeypatch.delenv("no_proxy", raising=False)
    else:
        end = "\n" if "line break" in request.param else ""
        monkeypatch.setenv("HF_TOKEN", f"hf_very-secret{end}")
        monkeypatch.setenv("KAGGLE_API_TOKEN", f"very-secret{end}")
    return place


def test_no_secret_is_shown(with_secrets, caplog, capfd, request):
    place = with_secrets
    faults = [(fault, "") for fault in ("401", "403", "500", "page")]
    faults += [(fault, place.store) for fault in ("403", "500", "close", "garbled")]
    if "proxy" in request.node.callspec.id:  # nobody gets through that one
        faults = []
    shown = []
    with caplog.at_level(logging.DEBUG):
        for fault, only in (*faults, ("", "")):
            place.server.fail(fault, only) if fault else place.server.heal()
            for name in ("config.json", WEIGHTS):
                try:
                    place.path(name)
                except (MlmzooError, OSError) as error:
                    shown += everything(error)
    assert shown
    shown.append(caplog.text)
    shown += [repr(vars(record)) for record in caplog.records]
    shown += capfd.readouterr()
    if downloader._running is not None:
        shown += arguments(downloader._running._process.pid)
    shown += [path.name for path in place.all_files()]
    shown += [path.read_bytes().decode("latin-1") for path in place.all_files()]
    for secret in SECRETS:
        assert secret not in "\n".join(shown)


def everything(error):
    """What a traceback shows, and what hangs on the error and on all those behind it."""
    yield "".join(traceback.format_exception(error))
    seen = set()
    waiting = [error]
    while waiting:
        one = waiting.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        yield repr(one)
        yield repr(vars(one))
        waiting += [one.__cause__, one.__context__]


def arguments(pid):
    """The command line of a process, as everybody on the machine can see it."""
    if sys.platform != "linux":
        return []
    with open(f"/proc/{pid}/cmdline", encoding="utf-8") as file:
        return [file.read()]


def test_no_secret_is_shown_by_the_traceback_of_a_program(place, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_very-secret")
    monkeypatch.setenv("KAGGLE_API_TOKEN", "very-secret")
    place.server.fail("403")
    code = "import logging\nlogging.basicConfig(level=logging.DEBUG)\n" + place.code("config.json")
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-c", code],
        env=place.environment(),
        capture_output=True,
        text=True,
    )
    assert "HubAccessError" in done.stderr
    assert "very-secret" not in done.stdout + done.stderr
