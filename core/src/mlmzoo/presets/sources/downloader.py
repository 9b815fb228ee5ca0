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
from collections.abc import Mapping
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import IO, Any

from mlmzoo.presets.sources.progress import Progress

_MODULE = "mlmzoo.presets.sources.downloader_main"
_GRACE = 2.0  # seconds the process has to remove its unfinished file

_START = 60.0  # seconds it has to start; on a busy machine imports take a while

_READ_AT_START = ("HF_", "HUGGING", "KAGGLE", "HOME", "XDG_", "SSL_", "REQUESTS_", "PYTHON")
"""Beginnings of the variables that the clients, and Python, read once."""

_IN_EVERY_REQUEST = ("HF_HUB_CACHE", "KAGGLEHUB_CACHE")


class Ended(Exception):
    """The process gave no answer."""


def ask(request: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    """The answer of the downloading process to `request`.

    One request at a time; further threads wait.

    Args:
        request: What to fetch; see `mlmzoo.presets.sources.downloader_main`. It may hold
            credentials: it travels through a pipe that nobody else can read.
        progress: What to look at while waiting.

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
            _running = None  # it ended: because it was idle, in the moment that it was asked
            code = process.end()
            if code != 0:
                break
        raise Ended(f"the downloading process ended with code {code} and without an answer")


class _Process:
    def __init__(self) -> None:
        try:
            self._process = subprocess.Popen(
                # -P: a file requests.py in the working directory is not the library of that name.
                [sys.executable, "-P", "-m", _MODULE],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=_environment(),
            )
        except OSError as error:
            raise Ended(f"the downloading process could not be started: {error}") from None
        self._settings = _settings()
        self._answers: SimpleQueue[bytes] = SimpleQueue()
        assert self._process.stdin is not None and self._process.stdout is not None
        self._requests = self._process.stdin
        threading.Thread(
            target=_read,
            args=(self._process.stdout, self._answers),
            name="mlmzoo-downloads",
            daemon=True,
        ).start()
        self.end = weakref.finalize(self, _end, self._process)

    def usable(self) -> bool:
        return self._process.poll() is None and self._settings == _settings()

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
            raise Ended(f"the downloading process did not start within {_START:g} s") from None
        if not line:
            return None
        progress.restart()
        while True:
            try:
                line = self._answers.get(timeout=progress.every)
            except Empty:
                progress.look()
                continue
            return json.loads(line) if line else None


def _read(answers: IO[bytes], to: SimpleQueue[bytes]) -> None:
    with answers:
        for line in answers:
            to.put(line)
    to.put(b"")


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


def _environment() -> dict[str, str]:
    """This process's variables, with its places to import from."""
    places = [
        *os.environ.get("PYTHONPATH", "").split(os.pathsep),
        str(Path(__file__).parents[3]),
        *sys.path,
    ]
    path = os.pathsep.join(dict.fromkeys(place for place in places if place))
    return {**os.environ, "PYTHONPATH": path}


_turn = threading.Lock()
_running: _Process | None = None


def _after_fork() -> None:
    global _turn, _running
    _turn = threading.Lock()  # a thread that is not here may hold it
    _running = None  # another process works with that one


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
