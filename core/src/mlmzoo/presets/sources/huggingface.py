"""Presets on the Hugging Face Hub, through huggingface_hub and its own cache."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NoReturn

from mlmzoo.contract.errors import (
    HandleError,
    HubAccessError,
    HubUnavailableError,
    MlmzooError,
    PresetMissingError,
)
from mlmzoo.presets.sources.file_names import check_file_name
from mlmzoo.presets.sources.hub_faults import is_local, reason, status_of

_FORM = "hf://org/name or hf://org/name@revision"
_PART = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,94}[A-Za-z0-9_])?")
_REVISION = re.compile(r"[^\s~^:?*\[\\\x00-\x1f\x7f/]+(?:/[^\s~^:?*\[\\\x00-\x1f\x7f/]+)*")
_COMMIT = re.compile(r"[0-9a-f]{40}")

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
        there is none, is used without a request.

        Raises:
            HubUnavailableError: The hub could not be reached or failed.
            HubAccessError: The repository is gated or private, or the token was refused.
            PresetMissingError: There is no such repository or revision.
            PresetFormatError: `name` leads out of the preset.
        """
        check_file_name(name, self.handle)
        if self._commit is None:
            pin = self._fetch(_PIN, self._revision)
            if name == _PIN:
                return pin
        return self._fetch(name, self._commit or self._revision)

    def _fetch(self, name: str, revision: str) -> Path | None:
        try:
            from huggingface_hub import hf_hub_download
            from huggingface_hub.errors import RemoteEntryNotFoundError
        except ImportError as error:
            raise HubUnavailableError(
                f"{self.handle} needs the package huggingface_hub, which cannot be imported: "
                f"{error}. Run: pip install huggingface_hub"
            ) from error
        if revision == self._commit:
            path, absent = self._cached(name, revision)
            if path or absent:
                return path
        try:
            path = Path(
                hf_hub_download(
                    self._repository,
                    name,
                    revision=revision,
                    endpoint=self._endpoint,
                    cache_dir=self._cache,
                    library_name="mlmzoo",
                )
            )
        except RemoteEntryNotFoundError as error:
            self._settle(error.response.headers.get("X-Repo-Commit"))
            return None
        except Exception as error:
            # The client turns to its cache after most faults, not after all, and not to its notes.
            cached, absent = self._cached(name, revision)
            if absent and not _answered(error):
                return None
            if cached is None or _answered(error):
                self._explain(error, name, revision)
            path = cached
        # The client's cache: …/snapshots/<commit>/<name>
        self._settle(path.parents[name.count("/")].name)
        return path

    def _cached(self, name: str, revision: str) -> tuple[Path | None, bool]:
        """Path in the cache, and whether the cache knows that there is no such file."""
        from huggingface_hub import _CACHED_NO_EXIST, try_to_load_from_cache

        found = try_to_load_from_cache(
            self._repository, name, cache_dir=self._cache, revision=revision
        )
        return (Path(found) if isinstance(found, str) else None), found is _CACHED_NO_EXIST

    def _settle(self, commit: str | None) -> None:
        if self._commit is None and commit and _COMMIT.fullmatch(commit):
            self._commit = commit

    def _explain(self, error: Exception, name: str, revision: str) -> NoReturn:
        """Raise the error of ours that says what `error` means; one that is not the hub's as is."""
        from huggingface_hub import constants
        from huggingface_hub.errors import (
            GatedRepoError,
            HFValidationError,
            HTTPError,
            LocalEntryNotFoundError,
            RepositoryNotFoundError,
            RevisionNotFoundError,
            XetDownloadError,
        )

        asked = f"{self.handle} (file {name!r})"
        page = f"https://huggingface.co/{self._repository}"
        # The client wraps whatever went wrong, a 403 included, in "not found locally".
        wrapped = isinstance(error, LocalEntryNotFoundError)
        cause = error.__cause__ if wrapped and error.__cause__ else error
        status = status_of(cause)
        explained: MlmzooError
        if isinstance(cause, GatedRepoError):
            explained = HubAccessError(
                f"{asked}: Hugging Face says that the repository is gated. Log in "
                f"(`hf auth login`, or set HF_TOKEN) and accept its terms at {page}."
            )
        elif status in (401, 403):
            # Without a token the hub answers 401 for repositories that do not exist, too.
            explained = HubAccessError(
                f"{asked}: Hugging Face refused access ({status}). It answers the same for a "
                "repository that does not exist and for a private one. Check the name; if it is "
                "right, log in with a token that may read it (`hf auth login`, or set HF_TOKEN) "
                f"and accept its terms, if it has any, at {page}."
            )
        elif isinstance(cause, RepositoryNotFoundError):
            explained = PresetMissingError(
                f"{asked}: Hugging Face has no repository {self._repository!r}. Check the name; "
                "if it is private, log in (`hf auth login`, or set HF_TOKEN)."
            )
        elif isinstance(cause, RevisionNotFoundError):
            explained = PresetMissingError(
                f"{asked}: the repository {self._repository!r} has no revision {revision!r}. "
                f"Its branches and tags are listed at {page}/tree/main."
            )
        elif isinstance(cause, HFValidationError):
            explained = HandleError(f"{asked}: {reason(cause)}. The form is {_FORM}.")
        elif wrapped and constants.is_offline_mode():
            explained = HubUnavailableError(
                f"{asked} is not in the cache, and HF_HUB_OFFLINE forbids to ask whether it "
                "exists. Unset HF_HUB_OFFLINE, or load the preset once with a network."
            )
        elif wrapped or (
            isinstance(cause, (HTTPError, XetDownloadError, OSError)) and not is_local(cause)
        ):
            explained = HubUnavailableError(
                f"{asked} is not in the cache, and Hugging Face could not be reached or failed "
                f"({reason(cause)}). Check the network and try again later; with a mirror, check "
                "HF_ENDPOINT."
            )
        else:
            raise error
        # The client's own message can hold signed addresses, so it is not shown as the cause.
        raise explained from None

    def __repr__(self) -> str:
        return f"HuggingFaceFiles({self.handle!r}, commit={self._commit!r})"


def _answered(error: Exception) -> bool:
    """Whether the hub answered (with an error), rather than being out of reach or failing."""
    status = status_of(error.__cause__ or error)
    return status is not None and status < 500


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
            return HuggingFaceFiles(
                handle, repository, revision or "main", self._endpoint, self._cache
            )
        raise HandleError(
            f"{handle!r} is no preset on the Hugging Face Hub: the form is {_FORM}. {hint}"
        )


def _is_part(text: str) -> bool:
    return bool(_PART.fullmatch(text)) and "--" not in text and ".." not in text
