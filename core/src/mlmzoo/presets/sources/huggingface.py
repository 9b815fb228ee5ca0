"""Presets on the Hugging Face Hub, through huggingface_hub and its own cache."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from mlmzoo.contract.errors import (
    HandleError,
    HubAccessError,
    HubUnavailableError,
    MlmzooError,
    PresetMissingError,
)
from mlmzoo.contract.records import UploadRequest
from mlmzoo.presets.sources import downloader
from mlmzoo.presets.sources.checks import blob_of, is_intact
from mlmzoo.presets.sources.download_settings import offline, patience
from mlmzoo.presets.sources.file_names import check_file_name
from mlmzoo.presets.sources.hub_faults import local_error, reason
from mlmzoo.presets.sources.progress import Progress, Stalled
from mlmzoo.presets.sources.uploading import Hub, send

_FORM = "hf://org/name or hf://org/name@revision"
_PART = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,94}[A-Za-z0-9_])?")
_REVISION = re.compile(r"[^\s~^:?*\[\\\x00-\x1f\x7f/]+(?:/[^\s~^:?*\[\\\x00-\x1f\x7f/]+)*")
_COMMIT = re.compile(r"[0-9a-f]{40}")

_LOG_IN = (
    "Log in with a token that may write there (`hf auth login`, or set HF_TOKEN); tokens are made "
    "at https://huggingface.co/settings/tokens"
)

_PIN = "config.json"
"""Every preset has this file; the commit it comes from is the commit of all the others."""


class HuggingFaceFiles:
    """The files of one repository at one commit.

    Args:
        handle: The whole handle.
        repository: ``"org/name"``.
        revision: Branch, tag or commit.
        endpoint: Address of the hub; the client's own setting when ``None``.
        cache_directory: The client's cache; its own setting when ``None``.
    """

    def __init__(
        self,
        handle: str,
        repository: str,
        revision: str,
        endpoint: str | None = None,
        cache_directory: Path | None = None,
    ):
        self.handle = handle
        self._repository = repository
        self._revision = revision
        self._endpoint = endpoint
        self._cache = cache_directory
        self._commit = revision if _COMMIT.fullmatch(revision) else None

    def path(self, name: str) -> Path | None:
        """Path in the client's cache of the file called `name`, downloaded if need be.

        The first call settles the commit, so that a branch that moves during a load does not mix
        two versions. What a commit holds never changes: a file, or the client's own note that
        there is none, is used without a request. A file's contents are compared with the hash that
        the hub announced, once; a damaged one is removed and fetched again, once.

        Raises:
            HubUnavailableError: The hub could not be reached, failed, stalled or sent something
                else than the file; or requests are forbidden and the file is not in the cache.
            HubAccessError: The repository is gated or private, or the token was refused.
            PresetMissingError: There is no such repository or revision.
            PresetFormatError: `name` leads out of the preset.
            OSError: This machine failed: a full disk, a cache that may not be written to.
        """
        check_file_name(name, self.handle)
        if self._commit is None:
            pin = self._fetch(_PIN, self._revision)
            if name == _PIN:
                return pin
        return self._fetch(name, self._commit or self._revision)

    def _fetch(self, name: str, revision: str) -> Path | None:
        forbidden = offline()
        path, absent, etag = None, False, None
        if forbidden or revision == self._commit:
            path, absent = self._cached(name, revision)
        if path is None and not absent:
            if forbidden:
                raise HubUnavailableError(
                    f"{self._asked(name)} is not in the cache, and {forbidden} forbids to ask "
                    "Hugging Face whether it exists. Unset the variable, or load the preset once "
                    "with a network."
                )
            path, etag = self._download(name, revision)
        if path is None:
            return None
        # The client's cache: …/snapshots/<commit>/<name>
        self._settle(path.parents[name.count("/")].name)
        if self._intact(path, etag):
            return path
        if forbidden:
            self._remove(path, etag)
            raise HubUnavailableError(
                f"{self._asked(name)} was damaged in the cache and has been removed; {forbidden} "
                "forbids to fetch it again. Unset the variable, or load the preset once with a "
                "network."
            )
        return self._once_more(name, revision, path, etag)

    def _once_more(self, name: str, revision: str, damaged: Path, etag: str | None) -> Path | None:
        """Download a file again that is not what the hub announced, in its place."""
        if not _COMMIT.fullmatch(self._revision) and revision == self._revision:
            self._commit = None  # the branch can have moved between the two requests of a download
        if blob_of(damaged) is None:  # the client replaces what a link leads to, and no other file
            self._remove(damaged, etag)
        try:
            path, announced = self._download(name, revision, again=True)
        except BaseException:
            self._remove(damaged, etag)
            raise
        if path != damaged:
            self._remove(damaged, etag)
        if path is None:
            return None
        self._settle(path.parents[name.count("/")].name)
        if self._intact(path, announced):
            return path
        self._remove(path, announced)
        raise HubUnavailableError(
            f"{self._asked(name)}: what was sent is not what Hugging Face announced (the hashes "
            "differ), twice. Nothing of it was kept. A proxy or a mirror on the way can be the "
            "cause; check HF_ENDPOINT and the network, and try again."
        )

    def _download(
        self, name: str, revision: str, again: bool = False
    ) -> tuple[Path | None, str | None]:
        """Path and, where the cache does not tell it, ETag; no path where there is no such file."""
        request = {
            "hub": "hf",
            "repository": self._repository,
            "name": name,
            "revision": revision,
            "endpoint": self._endpoint,
            "cache": str(self._cache_directory()),
            "token": _notebook_token(),
            "again": again,
        }
        try:
            with Progress(self._blobs(), patience(), f"{self._repository}/{name}") as progress:
                answer = downloader.ask(request, progress)
        except Stalled as problem:
            answer = {"fault": "unavailable", "reason": f"it stalled: {problem}"}
        except downloader.Ended as problem:
            answer = {"fault": "ended", "reason": str(problem)}
        if "path" in answer:
            return Path(answer["path"]), answer["etag"]
        if "absent" in answer:
            self._settle(answer["absent"])
            return None, None
        # The client turns to its cache after most faults, not after all, and not to its notes.
        status = answer.get("status")
        if not again and (status is None or status >= 500):
            path, absent = None, False
            with contextlib.suppress(HubUnavailableError):  # the first fault is the one to explain
                path, absent = self._cached(name, revision)
            if path or absent:
                return path, None
        self._explain(answer, name, revision)

    def _intact(self, path: Path, etag: str | None) -> bool:
        blob = blob_of(path)
        if blob is not None:
            return is_intact(blob, blob.name)
        return etag is None or is_intact(path, etag)

    def _remove(self, path: Path, etag: str | None) -> None:
        """Remove a damaged file from the client's cache: what it holds, then its name."""
        blob = blob_of(path) or (self._blobs() / etag if etag else None)
        for file in filter(None, (blob, path)):
            with contextlib.suppress(OSError):  # if it stays, it is fetched or refused again
                os.unlink(file)

    def _blobs(self) -> Path:
        folder = f"models--{self._repository.replace('/', '--')}"
        return self._cache_directory() / folder / "blobs"

    def _cached(self, name: str, revision: str) -> tuple[Path | None, bool]:
        """Path in the cache, and whether the cache knows that there is no such file."""
        client = self._client("file_download")
        found = client.try_to_load_from_cache(
            self._repository, name, cache_dir=self._cache_directory(), revision=revision
        )
        return (Path(found) if isinstance(found, str) else None), found is client._CACHED_NO_EXIST

    def _cache_directory(self) -> Path:
        return Path(self._cache or self._client("constants").HF_HUB_CACHE).absolute()

    def _client(self, module: str) -> Any:
        try:
            import_module("huggingface_hub")
            return import_module(f"huggingface_hub.{module}")
        except Exception as error:  # also of settings that it cannot read
            why = reason(error)
        # Out here: the error above may quote a password, and must not hang on this one.
        raise HubUnavailableError(_no_client(self.handle, why))

    def _settle(self, commit: str | None) -> None:
        if self._commit is None and commit and _COMMIT.fullmatch(commit):
            self._commit = commit

    def _asked(self, name: str) -> str:
        return f"{self.handle} (file {name!r})"

    def _explain(self, fault: dict[str, Any], name: str, revision: str) -> NoReturn:
        """Raise the error that says what `fault` means."""
        asked = self._asked(name)
        page = f"https://huggingface.co/{self._repository}"
        kind, why = fault["fault"], fault["reason"]
        explained: MlmzooError
        if kind == "local":
            raise local_error(
                fault,
                asked,
                f"The cache is {self._cache_directory()}; free space or mend the rights there, or "
                "set HF_HUB_CACHE to another place.",
            )
        if kind == "gated":
            explained = HubAccessError(
                f"{asked}: Hugging Face says that the repository is gated. Log in "
                f"(`hf auth login`, or set HF_TOKEN) and accept its terms at {page}."
            )
        elif kind == "refused":
            # Without a token the hub answers 401 for repositories that do not exist, too.
            explained = HubAccessError(
                f"{asked}: Hugging Face refused access ({fault['status']}). It answers the same "
                "for a repository that does not exist and for a private one. Check the name; if it "
                "is right, log in with a token that may read it (`hf auth login`, or set HF_TOKEN) "
                f"and accept its terms, if it has any, at {page}."
            )
        elif kind == "no repository":
            explained = PresetMissingError(
                f"{asked}: Hugging Face has no repository {self._repository!r}. Check the name; "
                "if it is private, log in (`hf auth login`, or set HF_TOKEN)."
            )
        elif kind == "no revision":
            explained = PresetMissingError(
                f"{asked}: the repository {self._repository!r} has no revision {revision!r}. "
                f"Its branches and tags are listed at {page}/tree/main."
            )
        elif kind == "handle":
            explained = HandleError(f"{asked}: {why}. The form is {_FORM}.")
        elif kind == "client":
            explained = HubUnavailableError(_no_client(self.handle, why))
        elif kind == "ended":
            explained = HubUnavailableError(
                f"{asked} is not in the cache and was not downloaded: {why}."
            )
        else:
            explained = HubUnavailableError(
                f"{asked} is not in the cache, and Hugging Face could not be reached or failed "
                f"({why}). Check the network and try again later; with a mirror, check "
                "HF_ENDPOINT, and behind a proxy whether it lets the hub through."
            )
        raise explained

    def __repr__(self) -> str:
        return f"HuggingFaceFiles({self.handle!r}, commit={self._commit!r})"


def _no_client(handle: str, why: str) -> str:
    return (
        f"{handle} needs the package huggingface_hub, which cannot be imported: {why}. "
        "Run: pip install huggingface_hub. Where it is installed, check HF_ENDPOINT."
    )


def _notebook_token() -> str | None:
    """The token among a Colab notebook's secrets, which only this process can read."""
    if "google.colab" not in sys.modules:
        return None
    with contextlib.suppress(Exception):  # the client says in its own process what is wrong
        from huggingface_hub import get_token

        token: str | None = get_token()
        return token
    return None


class HuggingFaceSource:
    """The Hugging Face Hub: ``hf://org/name[@revision]``.

    Args:
        endpoint: Address of the hub or a mirror; the client's own setting (``HF_ENDPOINT``) when
            ``None``.
        cache_directory: Where the client keeps files; its own setting (``HF_HUB_CACHE``) when
            ``None``.
    """

    scheme = "hf"

    def __init__(self, endpoint: str | None = None, cache_directory: Path | None = None):
        self._endpoint = endpoint
        self._cache = cache_directory

    def open(self, handle: str) -> HuggingFaceFiles:
        """The files behind ``hf://org/name[@revision]``.

        Raises:
            HandleError: The handle has another form.
        """
        return HuggingFaceFiles(handle, *_parse(handle), self._endpoint, self._cache)

    def check_upload(self, handle: str) -> None:
        """Refuse what is no ``hf://org/name[@branch]``.

        Raises:
            HandleError: The handle has another form, or names a commit.
        """
        if _COMMIT.fullmatch(_parse(handle)[1]):
            raise HandleError(
                f"{handle!r} was to be uploaded to, and names a commit, which never changes. Give "
                "hf://org/name, or a branch: hf://org/name@branch."
            )

    def upload(self, handle: str, request: UploadRequest) -> str:
        """Send a preset in one commit; the handle of that commit.

        A repository that is not there is made, and so is a branch.

        Raises:
            HandleError: The handle has another form.
            HubUnavailableError: The hub could not be reached, failed or stalled.
            HubAccessError: There is no token, or the hub refused.
            InputError: The card contradicts the licence, or has metadata that the hub refuses.
        """
        repository, revision = _parse(handle)
        asked = {
            "hub": "to hf",
            "repository": repository,
            "revision": revision,
            "endpoint": self._endpoint,
            "token": _notebook_token(),
        }
        page = f"https://huggingface.co/{repository}"
        answer = send(Hub("Hugging Face", handle, page, _LOG_IN, "huggingface_hub"), asked, request)
        return f"hf://{repository}@{answer['commit']}"


def _parse(handle: str) -> tuple[str, str]:
    """Repository and revision of a handle."""
    repository, at, revision = handle.removeprefix("hf://").partition("@")
    parts = repository.split("/")
    if len(parts) == 1 and _is_part(parts[0]):
        hint = f"The organisation is missing: write hf://org/{repository}{at}{revision}."
    elif len(parts) > 2 and all(_is_part(part) for part in parts[:2]) and parts[2] == "tree":
        hint = f"Write hf://{parts[0]}/{parts[1]}@{'/'.join(parts[3:]) or 'main'}."
    elif len(parts) != 2 or not all(_is_part(part) for part in parts):
        hint = "It names a repository, not a folder or a file in it, and ends without a slash."
    elif at and (not _REVISION.fullmatch(revision) or ".." in revision or "@{" in revision):
        hint = "After the @ comes the name of a branch or tag, or a commit."
    else:
        return repository, revision or "main"
    raise HandleError(
        f"{handle!r} is no preset on the Hugging Face Hub: the form is {_FORM}. {hint}"
    )


def _is_part(text: str) -> bool:
    return bool(_PART.fullmatch(text)) and "--" not in text and ".." not in text
