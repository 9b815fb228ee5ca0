"""A preset through kagglehub, as one version, in the process that talks to the hubs."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import kagglehub
import requests
from kagglehub import clients, config, gcs_upload
from kagglehub.exceptions import BackendError
from kagglehub.handle import ModelHandle, parse_model_handle
from kagglesdk.models.types.model_api_service import (
    ApiCreateModelRequest,
    ApiGetModelInstanceRequest,
    ApiGetModelRequest,
)

from mlmzoo.presets.sources.hub_faults import without_credentials
from mlmzoo.presets.sources.kaggle_client import fault_of, log_in, status_in

_UNKNOWN = (403, 404)
"""What Kaggle answers of a model that is not there, or not to be seen."""


class _NotTaken(Exception):
    """The store did not say that it has the whole file."""


def upload(
    model: str,
    credentials: Mapping[str, str] | None,
    directory: str,
    names: Sequence[str],
    replaced: Sequence[str],
    message: str,
    license: str | None,
    public: bool,
    sent: Callable[[int], None],
) -> dict[str, Any]:
    """Send all files of a directory as a new version.

    Files are stored first, and a version is made of them in one last request.

    Args:
        model: ``"org/model/framework/variation"``.
        credentials: See `mlmzoo.presets.sources.kaggle_client.fetch`.
        directory: Where the files are; it holds no other.
        names: Their paths in it.
        replaced: Not looked at: a version holds what was sent with it.
        message: Notes on the version.
        license: Kaggle's name of the licence, for a variation that is made.
        public: Whether a model that is made is public.
        sent: Told of every byte.

    Returns:
        ``{}``. Or a fault: ``"credentials"``, ``"refused"``, ``"rejected"``, ``"contradiction"``,
        ``"handle"``, ``"local"`` or ``"unavailable"``; ``"last_step"`` says that nobody knows
        whether the version was made.
    """
    last_step = False

    def making(*_: Any, **__: Any) -> None:
        nonlocal last_step
        last_step = True

    try:
        log_in(credentials)
        if config.get_kaggle_credentials() is None:
            return {"fault": "credentials", "reason": "there are none"}
        handle = parse_model_handle(model)
        try:
            handle.framework_enum()  # the client looks at it when everything was sent
        except ValueError:
            return {
                "fault": "handle",
                "reason": f"Kaggle knows no framework {handle.framework!r}; that of presets of the "
                "keras layout is keras, and transformers that of the other",
            }
        if license is not None and _is_there(handle):
            return {
                "fault": "contradiction",
                "reason": f"a licence was given ({license!r}), which Kaggle takes only for a new "
                "variation, and this one is there. Leave it out, and change it on the page",
            }
        if public:
            _make_public(handle)
        _watch(sent, making)
        kagglehub.model_upload(model, directory, license_name=license, version_notes=message)
        return {}
    except Exception as error:
        return _fault(error, last_step)


def _is_there(handle: ModelHandle) -> bool:
    asked = ApiGetModelInstanceRequest()
    asked.owner_slug = handle.owner
    asked.model_slug = handle.model
    asked.framework = handle.framework_enum()
    asked.instance_slug = handle.variation
    with clients.build_kaggle_client() as client:
        return _answers(lambda: client.models.model_api_client.get_model_instance(asked))


def _make_public(handle: ModelHandle) -> None:
    """Make the model if it is not there, for everybody to see; kagglehub makes private ones."""
    asked = ApiGetModelRequest()
    asked.owner_slug = handle.owner
    asked.model_slug = handle.model
    new = ApiCreateModelRequest()
    new.owner_slug = handle.owner
    new.slug = new.title = handle.model
    new.is_private = False
    with clients.build_kaggle_client() as client:
        if not _answers(lambda: client.models.model_api_client.get_model(asked)):
            made = client.models.model_api_client.create_model(new)
            if made.error:
                raise BackendError(made.error, made.error_code)


def _answers(ask: Callable[[], Any]) -> bool:
    """Whether something is there."""
    try:
        ask()
    except requests.HTTPError as error:
        if status_in(error) in _UNKNOWN:
            return False
        raise
    return True


class _Requests(threading.local):
    """Stands in for the module in kagglehub's uploads: counts bytes, keeps the last status.

    Each thread has its own: kagglehub sends several files at once from version 1.0.3 on.
    """

    def __init__(self, sent: Callable[[int], None]) -> None:
        self.status: int | None = None
        self._sent = sent

    def __getattr__(self, name: str) -> Any:
        return getattr(requests, name)

    def put(self, url: str, data: Any = None, **settings: Any) -> Any:
        self.status = None
        if data is not None:
            data = gcs_upload.CallbackIOWrapper(self._sent, data, "read")
        response = requests.put(url, data=data, **settings)
        page = "html" in response.headers.get("Content-Type", "")  # of a proxy, which has no file
        self.status = None if page else response.status_code
        return response


def _watch(sent: Callable[[int], None], making: Callable[..., None]) -> None:
    """Have kagglehub fail where a file did not arrive: it gives up after some attempts, takes an
    answer that it does not know for success, and makes a version of what there is.
    """
    store = gcs_upload.requests = _Requests(sent)
    send = getattr(gcs_upload._upload_blob, "unwatched", gcs_upload._upload_blob)

    def watched(file_path: str, *args: Any, **settings: Any) -> str:
        store.status = None
        token: str = send(file_path, *args, **settings)
        if store.status not in (200, 201):
            raise _NotTaken(f"Kaggle's store did not take a file (answer: {store.status})")
        return token

    watched.unwatched = send  # type: ignore[attr-defined]
    gcs_upload._upload_blob = watched
    models: Any = kagglehub.models
    make = getattr(
        models.create_model_instance_or_version,
        "unwatched",
        models.create_model_instance_or_version,
    )

    def noted(*args: Any, **settings: Any) -> None:
        making()
        make(*args, **settings)

    noted.unwatched = make  # type: ignore[attr-defined]
    models.create_model_instance_or_version = noted


def _fault(error: Exception, last_step: bool) -> dict[str, Any]:
    status = status_in(error)
    fault = fault_of(error, status)
    if fault["fault"] == "local":
        return fault
    answered = status is not None or isinstance(error, BackendError)
    if answered:
        fault["reason"] = _words(error, status)
    if fault["fault"] == "settings" or (
        # Kaggle's no in an answer of status 200; or the store's, which is no word of Kaggle.
        status is None and isinstance(error, BackendError) and error.error_code is not None
    ):
        fault["fault"] = "rejected"
    elif status is not None and 400 <= status < 500 and status not in (401, 403, 408, 429):
        fault["fault"] = "rejected"
    # A gateway may have lost patience with a version that is made all the same.
    unknown = not answered or (status is not None and status >= 500)
    return {**fault, "last_step": last_step and unknown}


def _words(error: Exception, status: int | None) -> str:
    """What Kaggle says, or else what kagglehub makes of it."""
    said = str(error)
    with contextlib.suppress(AttributeError, KeyError, TypeError, ValueError, RuntimeError):
        said = error.response.json()["message"]  # type: ignore[attr-defined]
    said = without_credentials(" ".join(said.split()))
    return f"{status}: {said}" if status is not None else said
