"""The part of the Hugging Face Hub that a download needs, on 127.0.0.1."""

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

from in_children import NOWHERE, without_pauses
from loopback import Answer, Loopback, Request, bytes_in

LARGE = (".h5", ".safetensors", ".bin", ".spm", ".model")
"""Names of files that are kept in large file storage."""

_PATH = re.compile(r"/(?P<repository>[^/]+/[^/]+)/resolve/(?P<rest>.+)")


class HubServer(Loopback):
    """Serves directories as repositories.

        with HubServer({"org/name": directory}) as hub:
            hub.use(monkeypatch, cache=tmp_path / "cache")      # for this process
            subprocess.run(..., env=hub.environment(cache))     # for another one

    What it serves is read when it is added: a directory that changes later changes nothing, and
    adding it again makes a new commit, as a push does; older commits stay.

    As on the real one, the ETag of a small file is its name in git, and large files are elsewhere,
    at a signed address, with the SHA-256 in a header.
    """

    signature = "X-Amz-Signature=signed-and-secret"

    offers_xet = False
    """Whether large files come with the real one's offer of another transport; nothing is there."""

    def __init__(self, directory_by_repository: Mapping[str, Path] | None = None):
        super().__init__()
        self._commits: dict[tuple[str, str], dict[str, bytes]] = {}
        self._revisions: dict[tuple[str, str], str] = {}
        self._large: dict[str, bytes] = {}
        for repository, directory in (directory_by_repository or {}).items():
            self.add(repository, directory)

    def add(self, repository: str, directory: Path, revision: str = "main") -> str:
        """Serve the files of `directory` as a new commit of `revision`; returns the commit."""
        return self.commit(repository, bytes_in(directory), revision)

    def commit(self, repository: str, files: Mapping[str, bytes], revision: str = "main") -> str:
        """Serve these files as a new commit of `revision`; returns the commit."""
        digest = hashlib.sha1(repr(sorted(files.items())).encode())
        commit = digest.hexdigest()
        self._commits[repository, commit] = dict(files)
        self._revisions[repository, revision] = commit
        self._revisions[repository, commit] = commit
        return commit

    def answer(self, request: Request) -> Answer:
        if request.path.startswith("/cdn/"):
            return Answer(200, self._large[request.path])
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
        name = rest.removeprefix(revision + "/")
        body = self._commits[repository, commit].get(name)
        if body is None:
            return _error(404, "EntryNotFound", "Entry not found", {"X-Repo-Commit": commit})
        if not name.endswith(LARGE):
            etag = hashlib.sha1(b"blob %d\0" % len(body) + body).hexdigest()
            return Answer(200, body, {"X-Repo-Commit": commit, "ETag": f'"{etag}"'})
        etag = hashlib.sha256(body).hexdigest()
        place = f"/cdn/{etag}/{name}"
        self._large[place] = body
        return Answer(
            302,
            b"",
            {
                "X-Repo-Commit": commit,
                "X-Linked-ETag": f'"{etag}"',
                "X-Linked-Size": len(body),
                **(self._xet(etag) if self.offers_xet else {}),
                # Another host, as far as the client can tell: it sends no token there.
                "Location": f"http://localhost:{self._port}{place}?{self.signature}",
            },
        )

    def _xet(self, etag: str) -> dict[str, str]:
        return {"X-Xet-Hash": etag, "X-Xet-Refresh-Route": f"{self.url}/no-xet"}

    def refusal(self, fault: str, request: Request) -> Answer:
        if fault == "gated":
            return _error(403, "GatedRepo", "Access to this model is restricted")
        if fault == "401":  # what the hub says of a missing or private one to the unknown
            return _error(401, "RepoNotFound", "Invalid username or password.")
        return _error(int(fault), None)

    def use(self, monkeypatch, cache: Path) -> None:
        """Point mlmzoo and huggingface_hub here, with the client's cache at `cache`.

        In this process the client only looks at its cache; its settings are read when it is
        imported, so that one is patched.
        """
        import huggingface_hub.constants as constants

        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
        for name in ("HF_TOKEN", "HF_HUB_OFFLINE", "MLMZOO_OFFLINE"):
            monkeypatch.delenv(name, raising=False)
        for name, value in self.environment(cache).items():
            monkeypatch.setenv(name, value)

    def environment(self, cache: Path) -> dict[str, str]:
        """Environment variables that point another process here."""
        return {
            **without_pauses(),
            "HF_ENDPOINT": self.url,
            "HF_HOME": NOWHERE,
            "HF_HUB_CACHE": str(cache),
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "MLMZOO_CACHE": str(Path(cache).with_name("mlmzoo-cache")),
        }


def _error(status, code, message="refused", headers=None) -> Answer:
    named = {"X-Error-Code": code, "X-Error-Message": message} if code else {}
    return Answer(status, b"", {**named, **(headers or {})})
