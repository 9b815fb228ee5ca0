"""What the hub sources make of a client library's exceptions, alike for every client.

The exceptions stay in the process that talks to the hubs: their chains hold requests and answers,
headers and signed addresses. What leaves it is a *fault*, a small dictionary:

    fault       what it means: see `local` and the modules of the clients
    reason      type and first line, without credentials
    status      the HTTP status, where the hub answered
    errno, strerror, filename     of a fault of this machine
"""

from __future__ import annotations

import errno
import os
import re
from typing import Any
from urllib.parse import unquote

# Beyond their host, addresses can carry credentials: signatures of download links, passwords of
# mirrors. A header that the HTTP library refuses is quoted in its error, token and all.
_CREDENTIALS = (
    (re.compile(r"(\w+://)(?:[^\s]*@)?([^\s/?#'\"]*)[^\s'\"]*"), r"\1\2/…"),
    (re.compile(r"\?[^\s'\")]+"), "?…"),
    (re.compile(r"(?i)\b(bearer|basic)\b.*"), r"\1 …"),
)
_SECRETS = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "KAGGLE_KEY", "KAGGLE_API_TOKEN")
_LONGEST = 200

_OF_THE_NETWORK = ("EHOSTUNREACH", "EHOSTDOWN", "ENETUNREACH", "ENETDOWN")


def reason(error: BaseException) -> str:
    """Type and first line of an error in a form that holds no credentials."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = without_credentials(lines[0]) if lines else ""
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def without_credentials(line: str) -> str:
    """A line of somebody else's text, cut short, in a form that holds no credentials."""
    for secret in _secrets():
        line = secret.sub("…", line)
    for pattern, replacement in _CREDENTIALS:
        line = pattern.sub(replacement, line)
    return line if len(line) <= _LONGEST else line[:_LONGEST] + "…"


def _secrets() -> list[re.Pattern[str]]:
    """What the environment holds that must not be shown; the longest first.

    A library that takes an address apart at the wrong place shows a part of the password as a host,
    a port or a path, perhaps in small letters.
    """
    known = {os.environ.get(name, "").strip() for name in _SECRETS}
    for name, value in os.environ.items():
        if name == "HF_ENDPOINT" or name.lower().endswith("_proxy"):
            raw = re.sub(r"^[\w+.-]+://", "", value.rpartition("@")[0])
            for user_info in (raw, unquote(raw)):
                known |= {user_info, *re.split(r"[:/@#?]", user_info)}
    known |= {repr(secret)[1:-1] for secret in known}
    return [
        # Short ones are parts of ordinary words, too.
        re.compile(
            rf"(?<!\w){re.escape(secret)}(?!\w)" if len(secret) < 4 else re.escape(secret), re.I
        )
        for secret in sorted(known, key=len, reverse=True)
        if secret
    ]


def status_of(error: BaseException | None) -> int | None:
    """HTTP status of the answer an error is about, or ``None`` where nothing was answered."""
    response: Any = getattr(error, "response", None)
    status = getattr(response, "status_code", None)
    return status if isinstance(status, int) else None


def local(error: BaseException) -> dict[str, Any] | None:
    """The fault, if it is this machine's own: a full disk, a folder one may not write to.

    Operating system errors carry a number; those that HTTP libraries derive from `OSError` do not.
    """
    import socket  # here: nothing of the network is imported before something failed
    import ssl

    network = (ConnectionError, TimeoutError, socket.gaierror, socket.herror, ssl.SSLError)
    if (
        not isinstance(error, OSError)
        or error.errno is None
        or isinstance(error, network)
        or errno.errorcode.get(error.errno, "").removeprefix("WSA") in _OF_THE_NETWORK
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
