"""The ``mlmzoo`` command line. Each command is a module, imported when that command runs."""

from __future__ import annotations

import io
import os
import sys


def main() -> None:
    """Run the command line; what the console script calls."""
    from mlmzoo.cli.application import application

    if "--debug" not in sys.argv:
        _mute_native_code()
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A terminal that lacks a character is no reason to end.
        sys.stdout.reconfigure(errors="backslashreplace")
    application()()


def _mute_native_code() -> None:
    """Keep what TensorFlow's and XLA's C++ code logs off the terminal.

    They write to file descriptor 2 and heed no setting. Python's own standard error goes on to
    where it went.
    """
    try:
        terminal = os.dup(2)
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
    except OSError:  # started without a standard error
        return
    old = sys.stderr
    sys.stderr = open(
        terminal, "w", encoding=old.encoding, errors=old.errors, buffering=1, closefd=False
    )
