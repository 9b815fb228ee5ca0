"""The process that talks to the hubs; `mlmzoo.presets.sources.downloader` starts it.

A line of JSON on standard input asks. An empty line on standard output says that the work begins,
a line of JSON answers; lines ``{"sent": bytes}`` before it say how far an upload is. A request
names its ``"hub"`` (see `_WORK`); the rest is what the function named there takes. End of input
means that nobody waits any more: whatever is under way is broken off.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from importlib import import_module
from queue import Empty, SimpleQueue
from types import FrameType
from typing import IO, Any

from mlmzoo.presets.sources.hub_faults import reason

_WORK = {
    "hf": ("huggingface_client", "fetch"),
    "kaggle": ("kaggle_client", "fetch"),
    "to hf": ("huggingface_upload_client", "upload"),
    "to kaggle": ("kaggle_upload_client", "upload"),
}
"""``"hub"`` of a request -> module, and its function that does the work."""

_IDLE = 20.0  # seconds without a request after which the process ends
_SAID_EVERY = 0.25  # seconds between two lines on how far an upload is
_GRACE = 1.0  # seconds to clean up in when nobody waits any more


def main() -> None:
    """Answer requests until there are no more."""
    # What the clients print must not mix with the answers, and nothing they log leaves this
    # process: their logs hold signed addresses.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    logging.disable(logging.CRITICAL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    signal.signal(signal.SIGTERM, _stop)
    requests: SimpleQueue[str] = SimpleQueue()
    threading.Thread(target=_read, args=(sys.stdin, requests), daemon=True).start()
    while True:
        try:
            request = requests.get(timeout=_IDLE)
        except Empty:
            return
        for line in _answer(json.loads(request), Count(answers)):
            print(line, file=answers, flush=True)


def _answer(request: dict[str, Any], sent: Count) -> Iterator[str]:
    try:
        module, name = _WORK[request.pop("hub")]
        work = getattr(import_module(f"mlmzoo.presets.sources.{module}"), name)
    except Exception as error:  # also of settings that the client cannot read
        yield ""
        yield json.dumps({"fault": "client", "reason": reason(error)})
        return
    yield ""
    try:
        answer = work(**request, **({"sent": sent} if name == "upload" else {}))
    except Exception as error:
        answer = {"fault": "unavailable", "reason": reason(error)}
    yield json.dumps(answer)


class Count:
    """Counts bytes that are sent, from several threads, and says so a few times a second.

    Args:
        answers: Where to.
    """

    def __init__(self, answers: IO[str]) -> None:
        self._answers = answers
        self._lock = threading.Lock()
        self._bytes = 0
        self._said = 0.0

    def __call__(self, number: int) -> None:
        """Add `number` bytes."""
        with self._lock:
            self._bytes += number
            now = time.monotonic()
            if now - self._said >= _SAID_EVERY:
                self._said = now
                print(json.dumps({"sent": self._bytes}), file=self._answers, flush=True)


def _read(stdin: IO[str], requests: SimpleQueue[str]) -> None:
    for line in stdin:
        requests.put(line)
    # The work in the main thread is broken off as by a signal, so that it removes its files.
    last = threading.Timer(_GRACE, os._exit, [1])
    last.daemon = True
    last.start()
    signal.raise_signal(signal.SIGTERM) if os.name == "nt" else os.kill(os.getpid(), signal.SIGTERM)


def _stop(_: int, __: FrameType | None) -> None:
    raise SystemExit(1)
