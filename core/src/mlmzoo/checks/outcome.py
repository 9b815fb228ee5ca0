"""`Outcome`: what one check found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mlmzoo.contract.errors import MlmzooError


@dataclass(frozen=True)
class Outcome:
    """What one check found.

    Args:
        check: Name of the check.
        state: ``"ok"``, ``"failed"`` or ``"skipped"``.
        detail: What was found, what is wrong, or why it was not looked at.
        about: The family or task it is about; empty where it is the plugin as a whole.
    """

    check: str
    state: str
    detail: str
    about: str = ""


def attempt(check: str, run: Callable[[], str], about: str = "") -> Outcome:
    """What a check found, or the error that it raised.

    Args:
        check: Name of the check.
        run: The check: returns what it found, raises where something is wrong.
        about: The family or task it is about.
    """
    try:
        return Outcome(check, "ok", run(), about)
    except (Exception, SystemExit) as error:
        kind = "" if isinstance(error, MlmzooError) else f"{type(error).__name__}: "
        return Outcome(check, "failed", f"{kind}{error}", about)
