"""The part of the Hugging Face Hub that an upload needs, on 127.0.0.1."""

import base64
import hashlib
import json
import re

from hub_server import LARGE, HubServer, _error
from loopback import Answer, Request

_ROUTES = {
    re.compile(r"/api/models/([^/]+/[^/]+)(?:/revision/(.+))?"): "_info",
    re.compile(r"/api/repos/create"): "_create",
    re.compile(r"/api/models/([^/]+/[^/]+)/branch/(.+)"): "_branch",
    re.compile(r"/api/validate-yaml"): "_validate",
    re.compile(r"/api/models/([^/]+/[^/]+)/preupload/(.+)"): "_preupload",
    re.compile(r"/([^/]+/[^/]+)\.git/info/lfs/objects/batch"): "_batch",
    re.compile(r"/store/(\w+)"): "_store",
    re.compile(r"/verify"): "_verify",
    re.compile(r"/api/models/([^/]+/[^/]+)/commit/(.+)"): "_commit",
}


class WritableHub(HubServer):
    """Takes commits, too, from whoever has a token.

    Large files go to a store first, at a signed address; a commit names them by their SHA-256.
    """

    def __init__(self, directory_by_repository=None):
        super().__init__(directory_by_repository)
        self.private: dict[str, bool] = {}
        """Of the repositories that were made here."""
        self.history: list[tuple[str, str, str]] = []
        """Repository, branch and message of each commit that was taken."""
        self._stored: dict[str, bytes] = {}

    def files(self, repository: str, revision: str = "main") -> dict[str, bytes]:
        """What a branch holds."""
        return dict(self._commits[repository, self._revisions[repository, revision]])

    def answer(self, request: Request) -> Answer:
        for pattern, name in _ROUTES.items():
            if found := pattern.fullmatch(request.path):
                if "Authorization" not in request.headers and name != "_store":
                    return _error(401, None, "Invalid credentials in Authorization header")
                return getattr(self, name)(request, *found.groups())
        return super().answer(request)

    def _info(self, request, repository, revision):
        if not any(owner == repository for owner, _ in self._revisions):
            return _error(404, "RepoNotFound", "Repository not found")
        if (repository, revision or "main") not in self._revisions:
            return _error(404, "RevisionNotFound", "Invalid rev id")
        names = self.files(repository, revision or "main")
        siblings = [{"rfilename": name} for name in names]
        commit = self._revisions[repository, revision or "main"]
        return _json(200, {"id": repository, "sha": commit, "siblings": siblings})

    def _create(self, request):
        asked = json.loads(request.body)
        repository = f"{asked['organization']}/{asked['name']}"
        if repository in self.private:
            return _error(409, None, "You already created this model repo")
        self.private[repository] = asked.get("visibility") == "private"
        self.commit(repository, {".gitattributes": b"*.h5 filter=lfs\n"})
        return _json(200, {"url": f"{self.url}/{repository}"})

    def _branch(self, request, repository, branch):
        self._revisions[repository, branch] = self._revisions[repository, "main"]
        return _json(201, {})

    def _validate(self, request):
        if "license: no-such" in json.loads(request.body)["content"]:
            return _json(400, {"errors": [{"message": '"license" must be one of [mit]'}]})
        return _json(200, {"errors": [], "warnings": []})

    def _preupload(self, request, repository, revision):
        there = self.files(repository, revision)
        ignored = there.get(".gitignore", b"").decode().split()
        return _json(
            200,
            {
                "files": [
                    {
                        "path": file["path"],
                        "uploadMode": "lfs" if file["path"].endswith(LARGE) else "regular",
                        "shouldIgnore": file["path"] in ignored,
                        "oid": _oid(file["path"], there.get(file["path"])),
                    }
                    for file in json.loads(request.body)["files"]
                ]
            },
        )

    def _batch(self, request, repository):
        objects = json.loads(request.body)["objects"]
        for one in objects:
            if one["oid"] not in self._stored:
                one["actions"] = {
                    "upload": {"href": f"{self.url}/store/{one['oid']}?{self.signature}"},
                    "verify": {"href": f"{self.url}/verify"},
                }
        return _json(200, {"transfer": "basic", "objects": objects})

    def _store(self, request, oid):
        if hashlib.sha256(request.body).hexdigest() != oid:
            return _error(400, None)
        self._stored[oid] = request.body
        return Answer(200)

    def _verify(self, request):
        asked = json.loads(request.body)
        return Answer(200 if len(self._stored[asked["oid"]]) == asked["size"] else 422)

    def _commit(self, request, repository, revision):
        header, *operations = map(json.loads, request.body.splitlines())
        files, parent = self.files(repository, revision), header["value"].get("parentCommit")
        if parent not in (None, self._revisions[repository, revision]):
            return _error(412, None, "A commit has happened since. Please refresh and try again.")
        for operation in operations:
            value = operation["value"]
            if operation["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif operation["key"] == "lfsFile":
                files[value["path"]] = self._stored[value["oid"]]
            else:
                del files[value["path"]]
        commit = self.commit(repository, files, revision)
        self.history.append((repository, revision, header["value"]["summary"]))
        url = f"{self.url}/{repository}/commit/{commit}"
        return _json(200, {"commitUrl": url, "commitOid": commit})


def _oid(name, body):
    if body is None:
        return None
    if name.endswith(LARGE):
        return hashlib.sha256(body).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(body) + body).hexdigest()


def _json(status, content):
    return Answer(status, json.dumps(content).encode(), {"Content-Type": "application/json"})
