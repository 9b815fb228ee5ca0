"""What the hub sources make of a client library's exceptions, alike for every client."""

from __future__ import annotations

import re
from typing import Any

# Beyond their host, addresses can carry credentials: signatures of download links, passwords of
# mirrors. A header that the HTTP library refuses is quoted in its error, token and all.
_CREDENTIALS = (
    (re.compile(r"(https?://)(?:[^\s/@]*@)?([^\s/?#'\"]*)[^\s'\"]*"), r"\1\2/…"),
    (re.compile(r"\?[^\s'\")]+"), "?…"),
    (re.compile(r"(?i)\b(bearer|basic)\b.*"), r"\1 …"),
)
_LONGEST = 200


def reason(error: BaseException) -> str:
    """Type and first line of an error in a form that holds no credentials."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = lines[0] if lines else ""
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


def is_local(error: BaseException) -> bool:
    """Whether an error is this machine's own: a full disk, a folder one may not write to.

    Operating system errors carry a number; those that HTTP libraries derive from `OSError` do not.
    """
    return (
        isinstance(error, OSError)
        and error.errno is not None
        and not isinstance(error, (ConnectionError, TimeoutError))
    )
