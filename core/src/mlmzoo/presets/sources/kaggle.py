"""Presets on Kaggle Models, through kagglehub and its own cache."""

from __future__ import annotations

import json
import re
import sys
import warnings
from contextlib import redirect_stdout
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
from mlmzoo.presets.sources.deadline import Stalled, while_growing
from mlmzoo.presets.sources.file_names import check_file_name
from mlmzoo.presets.sources.hub_faults import is_local, reason, status_of

_FORM = "kaggle://org/model/framework/variation or kaggle://org/model/framework/variation/version"
_PART = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9_-])?")
_VERSION = re.compile(r"[1-9][0-9]*")

_PIN = "config.json"
"""Every preset has this file, so that it is not there means that there is no such preset, and the
version it comes from is the version of all the others."""

_PATIENCE = 120.0
"""Seconds without a byte before a download is given up. kagglehub writes blocks of 1 MiB, so this
asks for 9 kB/s."""


class KaggleFiles:
    """The files of one version of a model variation.

    Not covered: two processes that fetch one file at the same time can damage it, as kagglehub
    has no lock; a file is checked against a hash only where Kaggle sends one.

    Args:
        handle: The whole handle.
        model: ``"org/model/framework/variation"``.
        version: Its version, or ``None`` for the newest.
        patience: Seconds without progress after which a download is given up.
    """

    def __init__(self, handle: str, model: str, version: int | None, patience: float = _PATIENCE):
        self.handle = handle
        self._model = model
        self._version = version
        self._patience = patience
        self._config: Path | None = None

    def path(self, name: str) -> Path | None:
        """Path in the client's cache of the file called `name`, downloaded if need be.

        The first call settles the version. What a version holds never changes: a file in the
        cache, or our note beside it that there is none, is used without a request.

        Raises:
            HubUnavailableError: Kaggle could not be reached, failed or stalled.
            HubAccessError: Kaggle refused access, or wants its terms to be accepted.
            PresetMissingError: There is no such model or version, or it is no preset.
            PresetFormatError: `name` leads out of the preset.
        """
        check_file_name(name, self.handle)
        if self._config is None:
            self._config = self._settle()
        if name == _PIN:
            return self._config
        note = self._absence(name)
        if note is not None and note.is_file():
            return None
        path = self._fetch(name)
        if path is None and note is not None:
            note.parent.mkdir(parents=True, exist_ok=True)
            note.touch()
        return path

    def _settle(self) -> Path:
        try:
            path = self._fetch(_PIN)
        except HubUnavailableError as error:
            # Which version is the newest cannot be asked; the newest one seen before will do.
            self._version = self._version or self._newest_in_cache()
            path = self._fetch(_PIN) if self._version else None
            if path is None:
                raise
            warnings.warn(
                f"{self.handle}: Kaggle could not be asked for the newest version, so version "
                f"{self._version} is used, the newest in the cache. ({error})",
                PresetWarning,
                stacklevel=2,
            )
        if path is None:
            raise PresetMissingError(
                f"{self.handle}: Kaggle has no such model, variation or version, or it holds no "
                f"{_PIN} and is no preset. The form is {_FORM}; models are listed at "
                "https://www.kaggle.com/models."
            )
        if self._version is None and _VERSION.fullmatch(path.parent.name):
            self._version = int(path.parent.name)
        return path

    def _fetch(self, name: str) -> Path | None:
        kagglehub = _client(self.handle)
        handle = f"{self._model}/{self._version}" if self._version else self._model
        try:
            path = while_growing(
                lambda: kagglehub.model_download(handle, path=name),
                self._cache(),
                self._patience,
            )
        except Stalled as error:
            raise HubUnavailableError(
                f"{self.handle} (file {name!r}): Kaggle does not answer or stopped sending "
                f"({error}). Check the network and try again."
            ) from None
        except Exception as error:
            response = getattr(error, "response", None)
            status = _status(error)
            if response is not None:
                response.close()  # kagglehub leaves refused connections open
            if status == 404 or "is not present in the model files" in str(error):
                return None  # the second: the words of a Kaggle notebook, where files are mounted
            self._explain(error, status, name)
        return Path(path)

    def _cache(self) -> Path:
        """Where kagglehub keeps this variation: one folder per version."""
        from kagglehub.config import get_cache_folder

        return Path(get_cache_folder(), "models", *self._model.split("/"))

    def _newest_in_cache(self) -> int | None:
        marks = self._cache().glob(f".complete/*/{_PIN}.complete")
        versions = [mark.parent.name for mark in marks]
        return max((int(name) for name in versions if _VERSION.fullmatch(name)), default=None)

    def _absence(self, name: str) -> Path | None:
        """Our note that this version has no file `name`.

        kagglehub keeps none, and a preset that was loaded once must load without a network.
        """
        if self._version is None:
            return None
        return self._cache() / ".mlmzoo-absent" / str(self._version) / name

    def _explain(self, error: Exception, status: int | None, name: str) -> NoReturn:
        """Raise the error of ours that says what `error` means; one that is not Kaggle's as is."""
        from kagglehub.exceptions import CredentialError, UnauthenticatedError

        asked = f"{self.handle} (file {name!r})"
        page = "https://www.kaggle.com/models/" + "/".join(self._model.split("/")[:2])
        explained: MlmzooError
        if status in (401, 403):
            explained = HubAccessError(
                f"{asked}: Kaggle refused access ({status}). Check the name; if it is "
                "right, log in (`kagglehub.login()`, or set KAGGLE_API_TOKEN) and accept the "
                f"model's terms at {page}."
            )
        elif isinstance(error, (CredentialError, UnauthenticatedError)):
            explained = HubAccessError(
                f"{asked}: Kaggle wants credentials ({reason(error)}). Log in "
                "(`kagglehub.login()`, or set KAGGLE_API_TOKEN)."
            )
        elif is_local(error):
            raise error
        elif isinstance(error, (OSError, json.JSONDecodeError)) or type(
            error
        ).__module__.startswith("kagglehub"):
            explained = HubUnavailableError(
                f"{asked} is not in the cache, and Kaggle could not be reached or failed "
                f"({reason(error)}). Check the network and try again later."
            )
        elif isinstance(error, ValueError) and "ModelFramework" in str(error):
            explained = HandleError(
                f"{asked}: Kaggle knows no framework {self._model.split('/')[2]!r}. The form is "
                f"{_FORM}; the framework of most presets is keras."
            )
        elif isinstance(error, ValueError):
            explained = HubAccessError(
                f"{asked}: kagglehub does not take its settings ({reason(error)}). Check the "
                "Kaggle credentials in ~/.kaggle and in the variables KAGGLE_…."
            )
        else:
            raise error
        # The client's own message can hold signed addresses, so it is not shown as the cause.
        raise explained from None

    def __repr__(self) -> str:
        return f"KaggleFiles({self.handle!r}, version={self._version!r})"


def _client(handle: str) -> Any:
    try:
        # kagglehub logs to what is standard output when it is imported, where answers belong.
        with redirect_stdout(sys.stderr):
            import kagglehub
    except ImportError as error:
        raise HubUnavailableError(
            f"{handle} needs the package kagglehub, which cannot be imported: {error}. "
            "Run: pip install kagglehub"
        ) from error
    return kagglehub


def _status(error: Exception) -> int | None:
    """HTTP status, also where Kaggle puts it into the body of an answer with status 200."""
    status = status_of(error)
    if status is not None and status < 400:
        try:
            code = error.response.json()["code"]  # type: ignore[attr-defined]
        except (AttributeError, KeyError, TypeError, ValueError, RuntimeError):
            return status
        return code if isinstance(code, int) else status
    return status


class KaggleSource:
    """Kaggle Models: ``kaggle://org/model/framework/variation[/version]``.

    Args:
        patience: Seconds without progress after which a download is given up.
    """

    scheme = "kaggle"

    def __init__(self, patience: float = _PATIENCE):
        self._patience = patience

    def open(self, handle: str) -> KaggleFiles:
        """The files behind ``kaggle://org/model/framework/variation[/version]``.

        Raises:
            HandleError: The handle has another form.
        """
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
            version = int(parts[4]) if len(parts) == 5 else None
            return KaggleFiles(handle, "/".join(parts[:4]), version, self._patience)
        raise HandleError(f"{handle!r} is no preset on Kaggle: the form is {_FORM}. {hint}")
