"""What the hub sources make of a client library's exceptions, alike for every client.

The exceptions stay in the process that talks to the hubs: their chains hold requests and answers,
headers and signed addresses. What leaves it is a *fault*, a small dictionary:

    fault       what it means: see `local` and the modules of the clients
    reason      type and first line, without credentials
    status      the HTTP status, where the hub answered
    errno, strerror, filename     of a fault of this machine
"""

from __future__ import annotations

import os
import re
from typing import Any

# Beyond their host, addresses can carry credentials: signatures of download links, passwords of
# mirrors. A header that the HTTP library refuses is quoted in its error, token and all.
_CREDENTIALS = (
    (re.compile(r"(\w+://)(?:[^\s/@]*@)?([^\s/?#'\"]*)[^\s'\"]*"), r"\1\2/…"),
    (re.compile(r"\?[^\s'\")]+"), "?…"),
    (re.compile(r"(?i)\b(bearer|basic)\b.*"), r"\1 …"),
)
_SECRETS = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "KAGGLE_KEY", "KAGGLE_API_TOKEN")
_LONGEST = 200


def reason(error: BaseException) -> str:
    """Type and first line of an error in a form that holds no credentials."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = lines[0] if lines else ""
    for secret in filter(None, (os.environ.get(name, "").strip() for name in _SECRETS)):
        text = text.replace(secret, "…")
    for pattern, replacement in _CREDENTIALS:
        text = pattern.sub(replacement, text)
    if len(text) > _LONGEST:
        text = text[:_LONGEST] + "…"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def status_of(error: BaseException | None) -> int | None:
    """HTTP status of the answer an error is about, or ``None`` where nothing was answered."""
    response: Any = getattr(error, "response", None)
    status = getattr(response, "status_code", None)
    return status if isinstance(status, int) else None


def local(error: BaseException) -> dict[str, Any] | None:
    """The fault, if it is this machine's own: a full disk, a folder one may not write to.

    Operating system errors carry a number; those that HTTP libraries derive from `OSError` do not.
    """
    if (
        not isinstance(error, OSError)
        or error.errno is None
        or isinstance(error, (ConnectionError, TimeoutError))
    ):
        return None
    return {
        "fault": "local",
        "reason": reason(error),
        "errno": error.errno,
        "strerror": error.strerror,
        "filename": str(error.filename) if error.filename is not None else None,
    }


def local_error(fault: dict[str, Any], asked: str, advice: str) -> OSError:
    """The error to raise for a fault of this machine; of the class that its number stands for."""
    text = f"{fault['strerror']}: {asked} could not be kept. {advice}"
    return OSError(fault["errno"], text, fault["filename"])
