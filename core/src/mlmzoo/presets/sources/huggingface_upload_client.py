"""A preset through huggingface_hub, in one commit, in the process that talks to the hubs."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, RepoCard, get_token
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import disable_progress_bars

from mlmzoo.presets.card_facts import hub_licence
from mlmzoo.presets.sources.hub_faults import local, reason, status_of, without_credentials

_CARD, _IGNORE = "README.md", ".gitignore"


class _Contradiction(Exception):
    """What was asked contradicts the preset or what is there."""


def upload(
    repository: str,
    revision: str,
    endpoint: str | None,
    token: str | None,
    directory: str,
    names: Sequence[str],
    replaced: Sequence[str],
    message: str,
    license: str | None,
    public: bool,
    sent: Callable[[int], None],
) -> dict[str, Any]:
    """Send files in one commit, which takes away what it leaves of an older preset.

    Args:
        repository: ``"org/name"``; made if it is not there.
        revision: Branch; made if it is not there.
        endpoint: Address of the hub; the client's own setting when ``None``.
        token: Credentials; the client's own setting when ``None``.
        directory: Where the files are.
        names: Their paths in it.
        replaced: Patterns of what an older preset's files are called.
        message: First line of the commit's message.
        license: Licence for the card's metadata, if it is to be put there.
        public: Whether a repository that is made is public.
        sent: Told of every byte.

    Returns:
        ``{"commit": …}``. Or a fault: ``"credentials"``, ``"refused"``, ``"rejected"``,
        ``"changed"``, ``"contradiction"``, ``"local"`` or ``"unavailable"``; ``"last_step"`` says
        that nobody knows whether the commit was made.
    """
    disable_progress_bars()
    token = token or get_token()
    if not token:
        return {"fault": "credentials", "reason": "there is no token"}
    committing = False
    try:
        api = HfApi(endpoint=endpoint, token=token, library_name="mlmzoo")
        with contextlib.ExitStack() as stack:
            contents: dict[str, Any] = {
                name: stack.enter_context(_Counted(Path(directory, *name.split("/")), sent))
                for name in names
            }
            if license is not None:
                contents[_CARD] = _licensed(contents.get(_CARD), license)
            additions = [
                CommitOperationAdd(name, content) for name, content in sorted(contents.items())
            ]
            there = _there(api, repository, revision, public)
            old = [
                file.rfilename
                for file in there.siblings or ()
                if file.rfilename not in contents
                and any(fnmatchcase(file.rfilename, pattern) for pattern in replaced)
            ]
            for content in contents.values():
                if isinstance(content, _Counted):
                    content.counts = True
            if any(file.rfilename == _IGNORE for file in there.siblings or ()):
                api.preupload_lfs_files(repository, additions, revision=revision)
                _refuse_ignored(additions)
            committing = True
            commit = api.create_commit(
                repository,
                [*additions, *map(CommitOperationDelete, old)],
                commit_message=message,
                revision=revision,
                parent_commit=there.sha,
            )
        return {"commit": commit.oid}
    except Exception as error:
        return _fault(error, committing)


class _Counted(io.BufferedReader):
    """A file whose bytes are counted when they are read to be sent, not to be hashed before."""

    def __init__(self, path: Path, sent: Callable[[int], None]) -> None:
        super().__init__(io.FileIO(path))
        self.counts = False
        self._sent = sent

    def read(self, size: int | None = -1, /) -> bytes:
        block = super().read(size)
        if self.counts:
            self._sent(len(block))
        return block


def _there(api: HfApi, repository: str, revision: str, public: bool) -> Any:
    """What the repository holds, made if need be."""
    try:
        return api.model_info(repository, revision=revision)
    except GatedRepoError:
        raise
    except RepositoryNotFoundError:
        # Also what somebody hears who may not see it; then making it fails.
        api.create_repo(repository, private=not public, exist_ok=True)
    except RevisionNotFoundError:
        pass
    try:
        return api.model_info(repository, revision=revision)
    except RevisionNotFoundError:
        api.create_branch(repository, branch=revision, exist_ok=True)
        return api.model_info(repository, revision=revision)


def _licensed(card: io.BufferedReader | None, license: str) -> bytes:
    """The card with a licence: in its metadata, and in one of ours where it says it, too."""
    from mlmzoo.presets.layouts.card_file import signed, unsigned
    from mlmzoo.presets.layouts.transformers_card import with_licence

    content = card.read() if card else b""
    try:
        made = RepoCard(content.decode("utf-8"), ignore_metadata_errors=False)
    except Exception as error:  # whatever a reader of YAML raises
        raise _Contradiction(
            f"the metadata of its {_CARD} cannot be read, so no licence can be put there "
            f"({reason(error)}). Mend them"
        ) from None
    stated = made.data.to_dict().get("license")
    if stated is None:
        if ours := unsigned(content):
            return signed(with_licence(ours, license))
        made.data.license = hub_licence(license)
        return str(made).encode("utf-8")
    if hub_licence(str(stated)) != hub_licence(license):
        raise _Contradiction(
            f"the licence was given as {license!r}, where its {_CARD} says {stated!r}. Leave one "
            "of the two out"
        )
    return content


def _refuse_ignored(additions: Sequence[CommitOperationAdd]) -> None:
    """Raise where the client would leave files out of the commit without a word."""
    ignored = [add.path_in_repo for add in additions if getattr(add, "_should_ignore", False)]
    if ignored:
        raise _Contradiction(
            f"the repository's {_IGNORE} names {', '.join(ignored)}, which the hub would leave "
            "out. Mend it there"
        )


def _fault(error: Exception, committing: bool) -> dict[str, Any]:
    if isinstance(error, RuntimeError) and error.__cause__:  # "Error while uploading" one file
        error = error.__cause__  # type: ignore[assignment]
    if isinstance(error, _Contradiction):
        return {"fault": "contradiction", "reason": str(error)}
    if of_this_machine := local(error):
        return of_this_machine
    status = status_of(error)
    words = reason(error)
    if isinstance(error, HfHubHTTPError) and status is not None:
        # The first line of the error itself is the client's, and says less.
        said = without_credentials((error.server_message or "").replace("\n", " ").strip())
        words = f"{status}: {said}" if said else str(status)
    kind = "unavailable"
    if status in (401, 403):
        kind = "refused"
    elif status == 412:
        kind = "changed"
    elif status is not None and 400 <= status < 500 and status not in (408, 429):
        kind = "rejected"
    elif isinstance(error, ValueError) and not isinstance(error, OSError | json.JSONDecodeError):
        # What the client says of a card or a name that the hub does not take.
        kind, words = "rejected", without_credentials(" ".join(str(error).split()))
    # A gateway may have lost patience with a commit that is made all the same.
    last_step = committing and kind == "unavailable" and "/commit/" in _address(error)
    return {"fault": kind, "reason": words, "last_step": last_step}


def _address(error: Exception) -> str:
    """What was asked for when it went wrong; that of a commit where nobody says."""
    asked: Any = getattr(error, "response", None)
    if asked is None:
        asked = error
    try:
        return str(asked.request.url)
    except (AttributeError, RuntimeError):
        return "/commit/"
