"""Presets on Kaggle Models, through kagglehub and a cache of our own."""

from __future__ import annotations

import re
import sys
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from mlmzoo.contract.errors import (
    HandleError,
    HubAccessError,
    HubUnavailableError,
    MlmzooError,
    PresetMissingError,
    PresetWarning,
)
from mlmzoo.contract.records import UploadRequest
from mlmzoo.presets.sources import downloader
from mlmzoo.presets.sources.download_settings import offline, patience
from mlmzoo.presets.sources.file_names import check_file_name
from mlmzoo.presets.sources.hub_faults import local, local_error
from mlmzoo.presets.sources.kaggle_cache import KaggleCache
from mlmzoo.presets.sources.progress import Progress, Stalled
from mlmzoo.presets.sources.uploading import Hub, send

_FORM = "kaggle://org/model/framework/variation or kaggle://org/model/framework/variation/version"
_PART = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9_-])?")
_VERSION = re.compile(r"[1-9][0-9]*")

_LOG_IN = "Log in (`kagglehub.login()`, or set KAGGLE_API_TOKEN) as somebody who may write there"

_PIN = "config.json"
"""Every preset has this file, so that it is not there means that there is no such preset, and the
version it comes from is the version of all the others."""


class KaggleFiles:
    """The files of one version of a model variation.

    Args:
        handle: The whole handle.
        model: ``"org/model/framework/variation"``.
        version: Its version, or ``None`` for the newest.
    """

    def __init__(self, handle: str, model: str, version: int | None):
        self.handle = handle
        self._model = model
        self._version = version
        self._config: Path | None = None

    def path(self, name: str) -> Path | None:
        """Path of the file called `name`, downloaded if need be.

        The first call settles the version. What a version holds never changes: a file in the
        cache, or our note that there is none, is used without a request.

        Raises:
            HubUnavailableError: Kaggle could not be reached, failed, stalled or sent something
                else than the file; or requests are forbidden and the file is not in the cache.
            HubAccessError: Kaggle refused access, or wants its terms to be accepted.
            PresetMissingError: There is no such model or version, or it is no preset.
            PresetFormatError: `name` leads out of the preset.
            OSError: This machine failed: a full disk, a cache that may not be written to.
        """
        check_file_name(name, self.handle)
        if self._config is None:
            self._config = self._settle()
        return self._config if name == _PIN else self._fetch(name)

    def _settle(self) -> Path:
        cache = KaggleCache(self._model)
        if self._version is None and offline():
            self._version = cache.newest(_PIN)
        try:
            path = self._fetch(_PIN)
        except OSError as error:
            # Which version is the newest cannot be asked, or a read-only cache does not allow to;
            # the newest one seen before will do.
            newest = cache.newest(_PIN) if self._version is None else None
            if newest is None or isinstance(error, HubAccessError):
                raise
            path = cache.find(newest, _PIN)
            self._version = newest
            warnings.warn(
                f"{self.handle}: Kaggle could not be asked for the newest version, so version "
                f"{newest} is used, the newest in the cache. ({error})",
                PresetWarning,
                stacklevel=2,
            )
        if path is None:
            raise PresetMissingError(
                f"{self.handle}: Kaggle has no such model, variation or version, or it holds no "
                f"{_PIN} and is no preset. The form is {_FORM}; models are listed at "
                "https://www.kaggle.com/models."
            )
        return path

    def _fetch(self, name: str) -> Path | None:
        cache = KaggleCache(self._model)
        if self._version is not None:
            found = cache.find(self._version, name)
            if found is not None or cache.is_absent(self._version, name):
                return found
        if forbidden := offline():
            raise HubUnavailableError(
                f"{self._asked(name)} is not in the cache, and {forbidden} forbids to ask Kaggle "
                "whether it exists. Unset the variable, or load the preset once with a network."
            )
        answer: dict[str, Any] | None
        try:
            with cache.private(self._version, patience()) as directory:
                # Another process can have fetched it while this one waited for its turn.
                if self._version is not None and (found := cache.find(self._version, name)):
                    return found
                answer = self._ask(name, directory, cache)
                if "path" in answer:
                    return self._kept(Path(answer["path"]), name, directory, cache)
        except Stalled as problem:
            answer = {"fault": "waited", "reason": str(problem)}
        except OSError as error:
            answer = local(error)
            if answer is None:
                raise
        if "absent" not in answer:
            self._explain(answer, name)
        if self._version is not None and name != _PIN:
            cache.note_absent(self._version, name)
        return None

    def _ask(self, name: str, directory: Path, cache: KaggleCache) -> dict[str, Any]:
        """What the downloading process answers; a fault where it does not."""
        if self._version is None:
            cache.show(directory, name)
        request = {
            "hub": "kaggle",
            "model": f"{self._model}/{self._version}" if self._version else self._model,
            "name": name,
            "directory": str(directory),
            "credentials": _credentials(),
        }
        try:
            with Progress(directory, patience(), f"{self._model}/{name}") as progress:
                return downloader.ask(request, progress)
        except Stalled as problem:
            return {"fault": "stalled", "reason": str(problem)}
        except downloader.Ended as problem:
            return {"fault": "ended", "reason": str(problem)}

    def _kept(self, path: Path, name: str, directory: Path, cache: KaggleCache) -> Path:
        """Where a downloaded file is from now on; settles the version."""
        version = path.parents[name.count("/")].name
        if self._version is None and _VERSION.fullmatch(version):
            self._version = int(version)
        if self._version is None or not path.is_relative_to(directory):
            return path  # mounted, in a Kaggle or Colab notebook
        return cache.keep(path, self._version, name)

    def _asked(self, name: str) -> str:
        return f"{self.handle} (file {name!r})"

    def _explain(self, fault: dict[str, Any], name: str) -> NoReturn:
        """Raise the error that says what `fault` means."""
        asked = self._asked(name)
        page = "https://www.kaggle.com/models/" + "/".join(self._model.split("/")[:2])
        kind, why = fault["fault"], fault["reason"]
        explained: MlmzooError
        if kind == "local":
            raise local_error(
                fault,
                asked,
                f"The cache is {KaggleCache(self._model).directory}; free space or mend the rights "
                "there, or set MLMZOO_CACHE to another place.",
            )
        if kind == "refused":
            explained = HubAccessError(
                f"{asked}: Kaggle refused access ({fault['status']}). Check the name; if it is "
                "right, log in (`kagglehub.login()`, or set KAGGLE_API_TOKEN) and accept the "
                f"model's terms at {page}."
            )
        elif kind == "credentials":
            explained = HubAccessError(
                f"{asked}: Kaggle wants credentials ({why}). Log in (`kagglehub.login()`, or set "
                "KAGGLE_API_TOKEN)."
            )
        elif kind == "settings":
            explained = HubAccessError(
                f"{asked}: kagglehub does not take its settings ({why}). Check the Kaggle "
                "credentials in ~/.kaggle and in the variables KAGGLE_…."
            )
        elif kind == "framework":
            explained = HandleError(
                f"{asked}: Kaggle knows no framework {self._model.split('/')[2]!r}. The form is "
                f"{_FORM}; the framework of most presets is keras."
            )
        elif kind == "client":
            explained = HubUnavailableError(
                f"{self.handle} needs the package kagglehub, which cannot be imported: {why}. "
                "Run: pip install kagglehub"
            )
        elif kind == "waited":
            explained = HubUnavailableError(
                f"{asked}: another process has been downloading it and made {why}. Try again; if "
                "that process hangs, end it."
            )
        elif kind == "stalled":
            explained = HubUnavailableError(
                f"{asked}: Kaggle does not answer or stopped sending ({why}). Check the network "
                "and try again."
            )
        elif kind == "ended":
            explained = HubUnavailableError(
                f"{asked} is not in the cache and was not downloaded: {why}."
            )
        else:
            explained = HubUnavailableError(
                f"{asked} is not in the cache, and Kaggle could not be reached or failed ({why}). "
                "Check the network and try again later."
            )
        raise explained

    def __repr__(self) -> str:
        return f"KaggleFiles({self.handle!r}, version={self._version!r})"


def _credentials() -> dict[str, str] | None:
    """Those that only this process knows: of `kagglehub.login()`, of a Colab notebook's secrets."""
    if "kagglehub" not in sys.modules and "google.colab" not in sys.modules:
        return None
    with suppress(Exception):  # the client says in its own process what is wrong with them
        from kagglehub.config import get_kaggle_credentials

        found = get_kaggle_credentials()
        known = {name: getattr(found, name, None) for name in ("username", "key", "api_key")}
        return {name: value for name, value in known.items() if value} or None
    return None


class KaggleSource:
    """Kaggle Models: ``kaggle://org/model/framework/variation[/version]``."""

    scheme = "kaggle"

    def open(self, handle: str) -> KaggleFiles:
        """The files behind ``kaggle://org/model/framework/variation[/version]``.

        Raises:
            HandleError: The handle has another form.
        """
        return KaggleFiles(handle, *_parse(handle))

    def check_upload(self, handle: str) -> None:
        """Refuse what is no ``kaggle://org/model/framework/variation``.

        Raises:
            HandleError: The handle has another form, or names a version.
        """
        model, version = _parse(handle)
        if version is not None:
            raise HandleError(
                f"{handle!r} was to be uploaded to, and names a version; Kaggle numbers them "
                f"itself. Write kaggle://{model}."
            )

    def upload(self, handle: str, request: UploadRequest) -> str:
        """Send a preset as a new version; the handle of the variation.

        Raises:
            HandleError: The handle has another form.
            HubUnavailableError: Kaggle could not be reached, failed or stalled.
            HubAccessError: There are no credentials, or Kaggle refused.
            InputError: A licence was given for a variation that has one already.
        """
        model, _ = _parse(handle)
        asked = {"hub": "to kaggle", "model": model, "credentials": _credentials()}
        page = f"https://www.kaggle.com/models/{model}"
        send(Hub("Kaggle", handle, page, _LOG_IN, "kagglehub"), asked, request)
        return f"kaggle://{model}"


def _parse(handle: str) -> tuple[str, int | None]:
    """Variation and version of a handle."""
    parts = handle.removeprefix("kaggle://").split("/")
    if not all(parts):
        hint = "A part of it is empty; it ends without a slash."
    elif len(parts) not in (4, 5):
        hint = f"It has {len(parts)} parts, not four or five."
    elif not all(map(_PART.fullmatch, parts[:4])):
        hint = "A part of it has characters that Kaggle does not know in names."
    elif len(parts) == 5 and not _VERSION.fullmatch(parts[4]):
        hint = f"The version is a number such as 1, not {parts[4]!r}."
    else:
        return "/".join(parts[:4]), int(parts[4]) if len(parts) == 5 else None
    raise HandleError(f"{handle!r} is no preset on Kaggle: the form is {_FORM}. {hint}")
