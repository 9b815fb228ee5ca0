"""The process that talks to the hubs, seen from here: it is asked, and ended when it stalls.

The hubs' clients run in a process of their own because nothing else can be given a deadline (a
thread that hangs in a socket stays, and so do its locks), because some of their settings are read
when they are imported, and because they log addresses that carry signatures. The process is started
when something has to be fetched, serves what follows, and ends when it has nothing to do.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import weakref
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from mlmzoo.presets.sources.hub_faults import without_credentials
from mlmzoo.presets.sources.progress import Progress

_MODULE = "mlmzoo.presets.sources.downloader_main"
_PLACES = "MLMZOO_DOWNLOADER"
"""Variable of the process: where it imports from. Where it is set, no other one is started."""

_PROGRAM = (
    f"import os, sys; places = os.environ[{_PLACES!r}].split(os.pathsep); "
    "sys.path[:] = dict.fromkeys([*places, *sys.path]); "
    f"from {_MODULE} import main; main()"
)

_GRACE = 2.0  # seconds the process has to remove its unfinished file

_START = 60.0  # seconds it has to start; on a busy machine imports take a while
_KEPT = 4096  # bytes of a line on standard error

_READ_AT_START = ("HF_", "HUGGING", "KAGGLE", "HOME", "XDG_", "SSL_", "REQUESTS_", "PYTHON")
"""Beginnings of the variables that the clients, and Python, read once."""

_IN_EVERY_REQUEST = ("HF_HUB_CACHE", "KAGGLEHUB_CACHE")

WITHOUT = (
    "Load the preset once with an ordinary Python, which puts it into the cache, or save it with "
    "save_to_preset and load it from that directory"
)
"""What to do about a download where no process can be started."""


class Ended(Exception):
    """The process gave no answer."""


def ask(request: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    """The answer of the downloading process to `request`.

    One request at a time; further threads wait.

    Args:
        request: What to fetch or send; see `mlmzoo.presets.sources.downloader_main`. It may hold
            credentials: it travels through a pipe that nobody else can read.
        progress: What to look at while waiting, and to tell how much was sent.

    Raises:
        Stalled: There was no progress; the process was ended.
        Ended: It could not be started, or died of something else than its work.
    """
    global _running
    with _turn:
        for _ in range(2):
            if _running is None or not _running.usable():
                _running = None  # ends the old one
                _running = _Process()
            process = _running
            try:
                answer = process.ask(request, progress)
            except BaseException:  # a stalled one, and an interrupted one, is of no use any more
                _running = None
                process.end()
                raise
            if answer is not None:
                return answer
            _running = None
            code = process.end()
            if code != 0 or not process.ready:
                break
            # It ended because it was idle, in the moment that it was asked.
        raise Ended(
            f"the downloading process ended with code {code} and without an answer"
            f"{process.last_words()}. {'Try again' if process.ready else WITHOUT}"
        )


class _Process:
    def __init__(self) -> None:
        self.ready = False
        """Whether it ever said that it begins to work."""
        python = _python()
        try:
            self._process = subprocess.Popen(
                # -P: a file requests.py in the working directory is not the library of that name.
                # The last argument is for those who look at a list of processes.
                [python, "-P", "-c", _PROGRAM, _MODULE],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=_environment(),
            )
        except OSError as error:
            raise Ended(
                f"the downloading process could not be started: {error}. {WITHOUT}"
            ) from None
        self._settings = _settings()
        self._answers: SimpleQueue[bytes] = SimpleQueue()
        self._errors: deque[bytes] = deque(maxlen=1)
        assert self._process.stdin is not None
        self._requests = self._process.stdin
        threading.Thread(
            target=_read,
            args=(self._process, self._answers),
            name="mlmzoo-downloads",
            daemon=True,
        ).start()
        self._listener = threading.Thread(
            target=_listen,
            args=(self._process, self._errors),
            name="mlmzoo-downloads-errors",
            daemon=True,
        )
        self._listener.start()
        self.end = weakref.finalize(self, _end, self._process)

    def usable(self) -> bool:
        return self._process.poll() is None and self._settings == _settings()

    def last_words(self) -> str:
        """The last line that it wrote to standard error, for a message."""
        self._listener.join(0.5)
        return "".join(
            f" ({without_credentials(line.decode(errors='replace').strip())})"
            for line in self._errors
        )

    def ask(self, request: Mapping[str, Any], progress: Progress) -> dict[str, Any] | None:
        """The answer, or ``None`` if the process ended."""
        try:
            self._requests.write(json.dumps(request).encode() + b"\n")
            self._requests.flush()
        except OSError:
            return None
        try:
            line = self._answers.get(timeout=_START)
        except Empty:
            raise Ended(
                f"the downloading process did not start within {_START:g} s"
                f"{self.last_words()}. Try again"
            ) from None
        if not line or line.strip():  # it ended, or it is another program
            return None
        self.ready = True
        progress.restart()
        while True:
            try:
                line = self._answers.get(timeout=progress.every)
            except Empty:
                progress.look()
                continue
            answer: dict[str, Any] | None = json.loads(line) if line else None
            if answer is None or answer.keys() != {"sent"}:
                return answer
            progress.note(answer["sent"])


def _read(process: subprocess.Popen[bytes], to: SimpleQueue[bytes]) -> None:
    assert process.stdout is not None
    with process.stdout as answers:
        for line in answers:
            to.put(line)
    to.put(b"")
    process.wait()  # else it stays a zombie where nothing is asked any more


def _listen(process: subprocess.Popen[bytes], to: deque[bytes]) -> None:
    """Read what the process writes to standard error, and keep its last line or the start of it."""
    assert process.stderr is not None
    with process.stderr as errors:
        begins = True
        for part in iter(lambda: errors.readline(_KEPT), b""):
            if begins and part.strip():
                to.append(part)
            begins = part.endswith(b"\n")


def _end(process: subprocess.Popen[bytes]) -> int:
    """End the process, which removes its unfinished file if it can; its exit code."""
    assert process.stdin is not None
    try:
        process.stdin.close()  # tells it that nobody waits any more
    except OSError:
        pass
    try:
        return process.wait(_GRACE)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def _settings() -> dict[str, str]:
    return {
        name: value
        for name, value in os.environ.items()
        if (name.startswith(_READ_AT_START) or name.lower().endswith("_proxy"))
        and name not in _IN_EVERY_REQUEST
    }


def _python() -> str:
    """The Python to start.

    Raises:
        Ended: There is none. What takes its place in a frozen application is the application.
    """
    if _PLACES in os.environ:
        why = f"this process was itself started for downloads ({_PLACES} is set)"
    elif getattr(sys, "frozen", False):
        why = "a frozen application has no Python to start for it"
    elif not sys.executable:
        why = "sys.executable names no Python to start for it"
    else:
        return sys.executable
    raise Ended(f"{why}. {WITHOUT}")


def _environment() -> dict[str, str]:
    """This process's variables, with its places to import from."""
    given = [place for place in os.environ.get("PYTHONPATH", "").split(os.pathsep) if place]
    # Whatever lies beside the user's program, or where it was started, is no library.
    beside = {_real(os.curdir)}
    if program := getattr(sys.modules.get("__main__"), "__file__", None):
        beside |= {_real(os.path.dirname(program)), os.path.dirname(_real(program))}
    beside -= set(map(_real, given))
    libraries = [
        place
        for place in sys.path
        if isinstance(place, str) and place and _real(place) not in beside
    ]
    places = [*given, *libraries, str(Path(__file__).parents[3])]
    return {
        "HF_HUB_DISABLE_XET": "1",  # nobody has seen its progress, nor its faults
        **os.environ,
        "PYTHONPATH": os.pathsep.join(given),
        _PLACES: os.pathsep.join(places),
    }


def _real(place: str) -> str:
    try:
        return os.path.realpath(place)
    except OSError:  # the working directory was removed
        return place


_turn = threading.Lock()
_running: _Process | None = None


def _after_fork() -> None:
    global _turn, _running
    _turn = threading.Lock()  # a thread that is not here may hold it
    _running = None  # another process works with that one


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
