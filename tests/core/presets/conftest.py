import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "servers"))

from hub_server import HubServer
from kaggle_server import KaggleServer

from mlmzoo.presets.sources import downloader
from mlmzoo.presets.sources.huggingface import HuggingFaceSource
from mlmzoo.presets.sources.kaggle import KaggleSource


@pytest.fixture
def preset_directory(tmp_path):
    """A directory in hub form: a config, a nested file and some binary data; no weights."""
    directory = tmp_path / "preset"
    (directory / "assets" / "tokenizer").mkdir(parents=True)
    (directory / "config.json").write_text('{"answer": 42}', encoding="utf-8")
    (directory / "assets" / "tokenizer" / "vocabulary.txt").write_text("a\nb\n", encoding="utf-8")
    (directory / "model.weights.h5").write_bytes(bytes(range(256)) * 4096)
    return directory


@pytest.fixture(autouse=True, scope="module")
def _no_process_stays():
    yield
    downloader._running = None


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


class HubPlace:
    """A preset on one of the hubs, and what this machine holds of it."""

    def __init__(self, server, directory, tmp_path):
        self.server = server
        self.directory = directory
        self.caches = [tmp_path / self.cache_name, tmp_path / "mlmzoo-cache"]

    def open(self, handle=None):
        return self.source().open(handle or self.handle)

    def path(self, name):
        return self.open().path(name)

    def environment(self):
        """For another process that loads from here."""
        return {**os.environ, **self.server.environment(self.caches[0])}

    def code(self, *names):
        """A program that prints the sizes of files."""
        return (
            f"from {self.source.__module__} import {self.source.__name__} as Source\n"
            f"files = Source().open({self.handle!r})\n"
            f"for name in {names!r}: print(files.path(name).stat().st_size)\n"
        )

    def whole(self):
        """Names of the files that are there; each holds what the preset holds, byte by byte."""
        found = sorted(path for path in self.place().rglob("*") if path.is_file())
        names = [path.relative_to(self.place()).as_posix() for path in found]
        for name, path in zip(names, found, strict=True):
            assert path.read_bytes() == (self.directory / name).read_bytes(), name
        return names

    def all_files(self):
        return [path for cache in self.caches for path in cache.rglob("*") if path.is_file()]


class HuggingFacePlace(HubPlace):
    name = "hf"
    cache_name = "hf-cache"
    store = "/cdn/"
    source = HuggingFaceSource

    def __init__(self, server, directory, tmp_path):
        super().__init__(server, directory, tmp_path)
        self.commit = server.add("org/name", directory)
        self.handle = f"hf://org/name@{self.commit}"
        self.newest = "hf://org/name"

    def place(self):
        return self.caches[0] / "models--org--name" / "snapshots" / self.commit

    def unfinished(self):
        blobs = self.caches[0] / "models--org--name" / "blobs"
        return [path for path in blobs.glob("*") if path.name.endswith(".incomplete")]


class KagglePlace(HubPlace):
    name = "kaggle"
    cache_name = "kaggle-cache"
    store = "/blob/"
    source = KaggleSource
    handle = "kaggle://org/model/keras/small/1"
    newest = "kaggle://org/model/keras/small"

    def variation(self):
        return self.caches[1] / "kaggle" / "org" / "model" / "keras" / "small"

    def place(self):
        return self.variation() / "1"

    def unfinished(self):
        return [path for path in (self.variation() / ".unfinished").rglob("*") if path.is_file()]


@pytest.fixture(params=["hf", "kaggle"])
def place(request, preset_directory, tmp_path):
    """The same preset on each of the hubs, at a pinned version."""
    if request.param == "hf":
        return HuggingFacePlace(request.getfixturevalue("hub"), preset_directory, tmp_path)
    return KagglePlace(request.getfixturevalue("kaggle"), preset_directory, tmp_path)
