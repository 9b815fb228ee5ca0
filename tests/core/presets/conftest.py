import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "servers"))

from hub_server import HubServer
from kaggle_server import KaggleServer


@pytest.fixture
def preset_directory(tmp_path):
    """A directory in hub form: a config, a nested file and some binary data; no weights."""
    directory = tmp_path / "preset"
    (directory / "assets" / "tokenizer").mkdir(parents=True)
    (directory / "config.json").write_text('{"answer": 42}', encoding="utf-8")
    (directory / "assets" / "tokenizer" / "vocabulary.txt").write_text("a\nb\n", encoding="utf-8")
    (directory / "model.weights.h5").write_bytes(bytes(range(256)) * 64)
    return directory


@pytest.fixture
def hub(preset_directory, tmp_path, monkeypatch):
    """A loopback Hugging Face Hub with the repository org/name; the client points to it."""
    with HubServer({"org/name": preset_directory}) as server:
        server.use(monkeypatch, tmp_path / "hf-cache")
        yield server


@pytest.fixture
def kaggle(preset_directory, tmp_path, monkeypatch):
    """A loopback Kaggle with version 1 of org/model/keras/small; the client points to it."""
    with KaggleServer({"org/model/keras/small": preset_directory}) as server:
        server.use(monkeypatch, tmp_path / "kaggle-cache")
        yield server
