"""One file through huggingface_hub, in the process that talks to the hubs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from huggingface_hub import constants, get_hf_file_metadata, hf_hub_download, hf_hub_url
from huggingface_hub.errors import (
    GatedRepoError,
    HFValidationError,
    LocalEntryNotFoundError,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import disable_progress_bars

from mlmzoo.presets.sources.hub_faults import local, reason, status_of

_BLOCK = 256 * 1024
"""Bytes written at once, so that progress is seen on slow lines, too; the client takes 10 MiB."""


def fetch(
    repository: str,
    name: str,
    revision: str,
    endpoint: str | None,
    cache: str,
    token: str | None,
    again: bool,
) -> dict[str, Any]:
    """Download a file into the client's cache.

    Args:
        repository: ``"org/name"``.
        name: File in it.
        revision: Branch, tag or commit.
        endpoint: Address of the hub; the client's own setting when ``None``.
        cache: The client's cache.
        token: Credentials; the client's own setting when ``None``.
        again: Whether to replace what is in the cache.

    Returns:
        ``{"path": …, "etag": …}``; the ETag only where the name of the file does not tell it.
        ``{"absent": commit or None}`` where the hub says that there is no such file. Or a fault:
        ``"gated"``, ``"refused"``, ``"no repository"``, ``"no revision"``, ``"handle"``,
        ``"local"``, ``"client"`` or ``"unavailable"``.
    """
    disable_progress_bars()
    constants.DOWNLOAD_CHUNK_SIZE = _BLOCK
    try:
        path = hf_hub_download(
            repository,
            name,
            revision=revision,
            endpoint=endpoint,
            cache_dir=cache,
            token=token,
            force_download=again,
            library_name="mlmzoo",
        )
        return {"path": path, "etag": _etag(path, repository, name, endpoint, token)}
    except RemoteEntryNotFoundError as error:
        return {"absent": error.response.headers.get("X-Repo-Commit")}
    except Exception as error:
        return _fault(error)


def _etag(
    path: str, repository: str, name: str, endpoint: str | None, token: str | None
) -> str | None:
    """The ETag of a file that no link in the cache tells: there are no links on some systems."""
    if os.path.islink(path):
        return None
    commit = Path(path).parents[name.count("/")].name
    url = hf_hub_url(repository, name, revision=commit, endpoint=endpoint)
    etag: str | None = get_hf_file_metadata(url, token=token, endpoint=endpoint).etag
    return etag


def _fault(error: Exception) -> dict[str, Any]:
    # The client wraps whatever went wrong, a 403 included, in "not found locally", or, where it
    # was to replace a file, in a ValueError.
    wrapped = isinstance(error, (LocalEntryNotFoundError, ValueError)) and error.__cause__
    cause = error.__cause__ if wrapped and error.__cause__ else error
    if of_this_machine := local(cause):
        return of_this_machine
    status = status_of(cause)
    kind = "unavailable"
    if isinstance(cause, GatedRepoError):
        kind = "gated"
    elif status in (401, 403):
        kind = "refused"
    elif isinstance(cause, RepositoryNotFoundError):
        kind = "no repository"
    elif isinstance(cause, RevisionNotFoundError):
        kind = "no revision"
    elif isinstance(cause, HFValidationError):
        kind = "handle"
    return {"fault": kind, "reason": reason(cause), "status": status}
