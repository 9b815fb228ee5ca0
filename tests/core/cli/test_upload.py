"""`upload`: what the command says, and what it does not."""

from __future__ import annotations

import pytest
from loopback import bytes_in
from writable_hub import WritableHub

from mlmzoo.presets.sources import downloader

pytestmark = pytest.mark.slow  # no backend has a part in it: once is enough

HANDLE = "hf://org/name"


@pytest.fixture
def hub(tmp_path, monkeypatch):
    with WritableHub() as server:
        server.use(monkeypatch, tmp_path / "cache")
        monkeypatch.setenv("HF_TOKEN", "hf_very-secret")
        yield server
    downloader._running = None


def test_a_preset_is_uploaded_and_the_way_back_is_told(mlmzoo, trained, hub):
    done = mlmzoo("upload", trained.preset, HANDLE, "--message", "First", "--public")
    assert done.exit_code == 0, done.output
    assert hub.history == [("org/name", "main", "First")]
    assert hub.private == {"org/name": False}
    commit = hub._revisions["org/name", "main"]
    assert f'MaskedLM.from_preset("{HANDLE}@{commit}")' in done.stdout
    assert "very-secret" not in done.output
    there = hub.files("org/name")
    del there[".gitattributes"]
    assert there == bytes_in(trained.preset)


def test_a_dry_run_says_what_would_be_sent_and_asks_nobody(mlmzoo, trained, hub, monkeypatch):
    monkeypatch.setenv("MLMZOO_OFFLINE", "1")
    (trained.preset / ".env").write_text("SECRET=1")
    try:
        done = mlmzoo("upload", trained.preset, HANDLE, "--dry-run")
    finally:
        (trained.preset / ".env").unlink()
    assert done.exit_code == 0, done.output
    for name, content in bytes_in(trained.preset).items():
        line = next(line for line in done.stdout.splitlines() if line.startswith(name))
        assert f"{len(content):,}" in line
    assert "Left out: .env\n" in done.stdout
    assert "Nothing was sent" in done.stdout
    assert hub.requests == []


@pytest.mark.parametrize(
    ("handle", "says"),
    [("kaggle://org/model/keras/small/1", "Kaggle numbers them itself"), ("nowhere", "no place")],
)
def test_what_is_refused_is_one_message(mlmzoo, trained, handle, says):
    for dry in ((), ("--dry-run",)):
        done = mlmzoo("upload", trained.preset, handle, *dry)
        assert done.exit_code == 1
        assert done.stderr.startswith("error: ") and says in done.stderr
        assert done.stdout == ""
