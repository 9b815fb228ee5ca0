"""The part of Kaggle Models that an upload needs, on 127.0.0.1."""

import json

from kaggle_server import KaggleServer, _error, _json
from loopback import Answer, Request


class WritableKaggle(KaggleServer):
    """Takes versions, too, from whoever has credentials.

    Files go to a store first, at a signed address; a version names them by their tokens.
    """

    def __init__(self, directory_by_model=None):
        super().__init__(directory_by_model)
        self.private: dict[str, bool] = {}
        """Of the models that were made here."""
        self.licenses: dict[str, str | None] = {}
        self.notes: list[str] = []
        self._names: dict[str, str] = {}
        self._stored: dict[str, bytes] = {}

    def answer(self, request: Request) -> Answer:
        if request.path.startswith("/store/"):
            return self._store(request, request.path.removeprefix("/store/"))
        name = request.path.rpartition("/")[2]
        work = getattr(self, f"_{name}", None)
        if work is None:
            return super().answer(request)
        if "Authorization" not in request.headers:
            return _error(401, "Unauthenticated")
        return work(json.loads(request.body))

    def _store(self, request, token):
        if request.headers.get("Content-Range", "").startswith("bytes */"):  # what is there?
            return Answer(200 if token in self._stored else 308)
        self._stored[token] = request.body
        return Answer(200)

    def _GetModel(self, asked):
        model = f"{asked['ownerSlug']}/{asked['modelSlug']}"
        if model in self.private or any(name.startswith(f"{model}/") for name in self._versions):
            return _json(200, {"id": 1, "slug": asked["modelSlug"]})
        return _error(403, "Permission 'models.get' was denied")

    def _CreateModel(self, asked):
        self.private[f"{asked['ownerSlug']}/{asked['slug']}"] = asked.get("isPrivate", False)
        return _json(200, {"id": 1})

    def _StartBlobUpload(self, asked):
        token = f"token-{len(self._names)}"
        self._names[token] = asked["name"]
        url = f"{self.url}/store/{token}?{self.signature}"
        return _json(200, {"token": token, "createUrl": url})

    def _CreateModelInstance(self, asked):
        body = asked["body"]
        framework = body["framework"].removeprefix("MODEL_FRAMEWORK_").lower()
        model = f"{asked['ownerSlug']}/{asked['modelSlug']}/{framework}/{body['instanceSlug']}"
        if model in self._versions:
            return _json(200, {"error": "It exists.", "errorCode": 409})
        if not self._is_stored(body):
            return _json(200, {"error": "A file is missing.", "errorCode": 400})
        if body.get("licenseName") == "no-such":
            return _json(200, {"error": "'no-such' is no license.", "errorCode": 400})
        self.licenses[model] = body.get("licenseName")
        self.publish(model, dict(self._tree(body, "")))
        return _json(200, {"id": 1})

    def _CreateModelInstanceVersion(self, asked):
        framework = asked["framework"].removeprefix("MODEL_FRAMEWORK_").lower()
        model = f"{asked['ownerSlug']}/{asked['modelSlug']}/{framework}/{asked['instanceSlug']}"
        if not self._is_stored(asked["body"]):
            return _json(200, {"error": "A file is missing.", "errorCode": 400})
        self.notes.append(asked["body"].get("versionNotes", ""))
        self.publish(model, dict(self._tree(asked["body"], "")))
        return _json(200, {"id": 1})

    def _is_stored(self, folder):
        return all(file["token"] in self._stored for file in folder.get("files", ())) and all(
            self._is_stored(directory) for directory in folder.get("directories", ())
        )

    def _tree(self, folder, inside):
        for file in folder.get("files", ()):
            yield inside + self._names[file["token"]], self._stored[file["token"]]
        for directory in folder.get("directories", ()):
            yield from self._tree(directory, f"{inside}{directory['name']}/")
