"""The part of the Hugging Face Hub that a download needs, on 127.0.0.1."""

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

from loopback import Answer, Loopback, Request

_PATH = re.compile(r"/(?P<repository>[^/]+/[^/]+)/resolve/(?P<rest>.+)")


class HubServer(Loopback):
    """Serves directories as repositories.

        with HubServer({"org/name": directory}) as hub:
            hub.use(monkeypatch, cache=tmp_path / "cache")      # for this process
            subprocess.run(..., env=hub.environment(cache))     # for another one

    What it serves is read when it is added: a directory that changes later changes nothing, and
    adding it again makes a new commit, as a push does; older commits stay.
    """

    def __init__(self, directory_by_repository: Mapping[str, Path] | None = None):
        super().__init__()
        self._commits: dict[tuple[str, str], dict[str, bytes]] = {}
        self._revisions: dict[tuple[str, str], str] = {}
        for repository, directory in (directory_by_repository or {}).items():
            self.add(repository, directory)

    def add(self, repository: str, directory: Path, revision: str = "main") -> str:
        """Serve the files of `directory` as a new commit of `revision`; returns the commit."""
        files = {
            path.relative_to(directory).as_posix(): path.read_bytes()
            for path in sorted(Path(directory).rglob("*"))
            if path.is_file()
        }
        digest = hashlib.sha1(repr(sorted(files.items())).encode())
        commit = digest.hexdigest()
        self._commits[repository, commit] = files
        self._revisions[repository, revision] = commit
        self._revisions[repository, commit] = commit
        return commit

    def answer(self, request: Request) -> Answer:
        found = _PATH.fullmatch(request.path)
        if not found:
            return _error(404, None)
        repository, rest = found["repository"], found["rest"]
        known = [name for (owner, name) in self._revisions if owner == repository]
        if not known:
            return _error(404, "RepoNotFound", "Repository not found")
        # A revision can hold slashes: the longest one that fits is meant.
        fitting = [name for name in known if rest.startswith(name + "/")]
        if not fitting:
            return _error(404, "RevisionNotFound", "Invalid rev id")
        revision = max(fitting, key=len)
        commit = self._revisions[repository, revision]
        body = self._commits[repository, commit].get(rest.removeprefix(revision + "/"))
        if body is None:
            return _error(404, "EntryNotFound", "Entry not found", {"X-Repo-Commit": commit})
        etag = hashlib.sha256(body).hexdigest()
        return Answer(200, body, {"X-Repo-Commit": commit, "ETag": f'"{etag}"'})

    def refusal(self, fault: str, request: Request) -> Answer:
        if fault == "gated":
            return _error(403, "GatedRepo", "Access to this model is restricted")
        if fault == "401":  # what the hub says of a missing or private one to the unknown
            return _error(401, "RepoNotFound", "Invalid username or password.")
        return _error(int(fault), None)

    def use(self, monkeypatch, cache: Path) -> None:
        """Point huggingface_hub in this process here, with its cache at `cache`.

        Its settings are read when it is imported, so they are patched; the pauses between its
        attempts are left out.
        """
        import huggingface_hub.constants as constants
        import huggingface_hub.file_download as file_download
        import huggingface_hub.utils._http as http

        template = self.url + "/{repo_id}/resolve/{revision}/{filename}"
        for name, value in {
            "ENDPOINT": self.url,
            "HUGGINGFACE_CO_URL_TEMPLATE": template,
            "HF_HUB_CACHE": str(cache),
            "HF_TOKEN_PATH": str(Path(cache) / "no-token"),
            "HF_HUB_OFFLINE": False,
            "HF_HUB_DISABLE_XET": True,
            "HF_HUB_DISABLE_TELEMETRY": True,
        }.items():
            monkeypatch.setattr(constants, name, value)
        monkeypatch.delenv("HF_TOKEN", raising=False)
        for module in (file_download, http):
            monkeypatch.setattr(module, "time", _NoPauses(module.time))

    def environment(self, cache: Path) -> dict[str, str]:
        """Environment variables that point another process here."""
        return {
            "HF_ENDPOINT": self.url,
            "HF_HOME": str(cache),
            "HF_HUB_CACHE": str(cache),
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        }


class _NoPauses:
    def __init__(self, time):
        self._time = time

    def __getattr__(self, name):
        return getattr(self._time, name)

    def sleep(self, seconds):
        pass


def _error(status, code, message="refused", headers=None) -> Answer:
    named = {"X-Error-Code": code, "X-Error-Message": message} if code else {}
    return Answer(status, b"", {**named, **(headers or {})})
