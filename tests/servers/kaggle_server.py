"""The part of Kaggle Models that a download needs, on 127.0.0.1."""

import base64
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from in_children import NOWHERE, pointed_at
from loopback import Answer, Loopback, Request, bytes_in


class KaggleServer(Loopback):
    """Serves directories as versions of model variations.

        with KaggleServer({"org/model/keras/variation": directory}) as kaggle:
            kaggle.use(monkeypatch, cache=tmp_path / "cache")

    What it serves is read when it is added; each further `add` is the next version.
    """

    signature = "X-Goog-Signature=signed-and-secret"

    def __init__(self, directory_by_model: Mapping[str, Path] | None = None):
        super().__init__()
        self.sends_hashes = True
        self._versions: dict[str, list[dict[str, bytes]]] = {}
        for model, directory in (directory_by_model or {}).items():
            self.add(model, directory)

    def add(self, model: str, directory: Path) -> int:
        """Serve the files of `directory` as the next version of `model`; returns its number."""
        return self.publish(model, bytes_in(directory))

    def publish(self, model: str, files: Mapping[str, bytes]) -> int:
        """Serve these files as the next version of `model`; returns its number."""
        self._versions.setdefault(model, []).append(dict(files))
        return len(self._versions[model])

    def files(self, model: str) -> dict[str, bytes]:
        """What the newest version holds."""
        return self._versions[model][-1]

    def answer(self, request: Request) -> Answer:
        if request.path.startswith("/blob/"):
            model, version, name = request.path.removeprefix("/blob/").split("!")
            body = self._versions[model][int(version) - 1][name]
            digest = base64.b64encode(hashlib.md5(body).digest()).decode()
            hashes = {"x-goog-hash": f"crc32c=AAAAAA==,md5={digest}"} if self.sends_hashes else {}
            return Answer(200, body, {"Content-Type": "application/octet-stream", **hashes})
        asked = json.loads(request.body)
        framework = asked["framework"].removeprefix("MODEL_FRAMEWORK_").lower()
        model = f"{asked['ownerSlug']}/{asked['modelSlug']}/{framework}/{asked['instanceSlug']}"
        versions = self._versions.get(model)
        if not versions:
            return _error(404, "Not found")
        if request.path.endswith("/GetModelInstance"):
            return _json(200, {"versionNumber": len(versions)})
        version, name = asked["versionNumber"], asked.get("path")
        if version > len(versions) or name not in versions[version - 1]:
            return _error(404, "Not found")
        return Answer(
            302, b"", {"Location": f"{self.url}/blob/{model}!{version}!{name}?{self.signature}"}
        )

    def refusal(self, fault: str, request: Request) -> Answer:
        if fault == "gated":
            return _error(403, "Permission 'models.get' was denied: consent is required")
        return _error(int(fault), "refused")

    def use(self, monkeypatch, cache: Path) -> None:
        """Point mlmzoo and kagglehub here, kagglehub's cache at `cache`, without credentials."""
        for name in ("KAGGLE_USERNAME", "KAGGLE_KEY", "KAGGLE_API_TOKEN"):
            monkeypatch.delenv(name, raising=False)
        for name in ("HF_HUB_OFFLINE", "MLMZOO_OFFLINE"):
            monkeypatch.delenv(name, raising=False)
        for name, value in self.environment(cache).items():
            monkeypatch.setenv(name, value)

    def environment(self, cache: Path) -> dict[str, str]:
        """Environment variables that point another process here.

        kagglehub takes no address from anywhere, so a patch waits on the path of that process.
        """
        return {
            **pointed_at(self.url),
            "KAGGLE_CONFIG_DIR": NOWHERE,
            "KAGGLEHUB_CACHE": str(cache),
            "MLMZOO_CACHE": str(Path(cache).with_name("mlmzoo-cache")),
        }


def _json(status: int, content: dict) -> Answer:
    return Answer(status, json.dumps(content).encode(), {"Content-Type": "application/json"})


def _error(status: int, message: str) -> Answer:
    return _json(status, {"code": status, "message": message})
