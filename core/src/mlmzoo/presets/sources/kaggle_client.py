"""One file through kagglehub, in the process that talks to the hubs."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import kagglehub
from kagglehub import clients, config, http_resolver
from kagglehub.exceptions import CredentialError, UnauthenticatedError

from mlmzoo.presets.sources.checks import is_web_page
from mlmzoo.presets.sources.hub_faults import local, reason, status_of

_BLOCK = 256 * 1024
"""Bytes written at once, so that progress is seen on slow lines, too; the client takes 1 MiB."""


class _NotTheFile(Exception):
    """What arrived is not what was announced."""


def fetch(
    model: str, name: str, directory: str, credentials: Mapping[str, str] | None
) -> dict[str, Any]:
    """Download a file into a directory that nobody else uses.

    Args:
        model: ``"org/model/framework/variation"``, with or without ``"/version"``.
        name: File in it.
        directory: Where to put it; takes the place of the client's cache.
        credentials: ``"api_key"``, or ``"username"`` and ``"key"``; the client's own settings
            when ``None``.

    Returns:
        ``{"path": …}``, in `directory` or, in Kaggle's own notebooks and in Colab, where the
        model is mounted. ``{"absent": True}`` where Kaggle says that there is no such file (or
        model, or version). Or a fault: ``"refused"``, ``"credentials"``, ``"framework"``,
        ``"settings"``, ``"local"``, ``"client"`` or ``"unavailable"``.
    """
    os.environ["KAGGLEHUB_CACHE"] = directory
    _watch_sizes()
    log_in(credentials)
    try:
        path = kagglehub.model_download(model, path=name)
        if is_web_page(Path(path), name):
            raise _NotTheFile("a web page was sent in the place of the file")
        return {"path": path}
    except Exception as error:
        status = status_in(error)
        response: Any = getattr(error, "response", None)
        if response is not None:
            response.close()  # kagglehub leaves refused connections open
            # Not Kaggle says so where it was asked and sent us elsewhere, or where a page answers.
            page = "html" in response.headers.get("Content-Type", "")
            if status == 404 and not response.history and not page:
                return {"absent": True}
        if "is not present in the model files" in str(
            error
        ):  # of a notebook, where files are mounted
            return {"absent": True}
        return fault_of(error, status)


def _watch_sizes() -> None:
    """Have kagglehub compare what it wrote with what was announced; it compares hashes only."""
    clients.CHUNK_SIZE = _BLOCK
    download = getattr(http_resolver, "download_file", None)
    if download is None or hasattr(download, "unwatched"):
        return

    def watched(response: Any, out_file: str, *args: Any, **settings: Any) -> Any:
        done = download(response, out_file, *args, **settings)
        announced = response.headers.get("Content-Length", "")
        encoded = response.headers.get("Content-Encoding", "identity") != "identity"
        unpacked = urlparse(response.url).path.endswith(".zip")
        if announced.isdigit() and not encoded and not unpacked:
            size = os.path.getsize(out_file)
            if size != int(announced):
                raise _NotTheFile(f"{size} bytes were sent and {announced} announced")
        return done

    watched.unwatched = download  # type: ignore[attr-defined]
    http_resolver.download_file = watched


def log_in(credentials: Mapping[str, str] | None) -> None:
    """Take credentials that only the other process knows."""
    if credentials is None:
        return
    if credentials.get("api_key"):
        config.set_kaggle_api_token(credentials["api_key"])
    else:
        config.set_kaggle_credentials(credentials["username"], credentials["key"])


def fault_of(error: Exception, status: int | None) -> dict[str, Any]:
    """The fault that an error of kagglehub stands for; `status` is that of `status_in`."""
    if of_this_machine := local(error):
        return of_this_machine
    kind = "unavailable"
    if status in (401, 403):
        kind = "refused"
    elif isinstance(error, (CredentialError, UnauthenticatedError)):
        kind = "credentials"
    elif isinstance(error, ValueError) and "ModelFramework" in str(error):
        kind = "framework"
    elif isinstance(error, ValueError) and not isinstance(error, (OSError, json.JSONDecodeError)):
        kind = "settings"
    return {"fault": kind, "reason": reason(error), "status": status}


def status_in(error: Exception) -> int | None:
    """HTTP status, also where Kaggle puts it into the body of an answer with status 200."""
    status = status_of(error)
    if status is not None and status < 400:
        try:
            code = error.response.json()["code"]  # type: ignore[attr-defined]
        except (AttributeError, KeyError, TypeError, ValueError, RuntimeError):
            return status
        return code if isinstance(code, int) else status
    return status
