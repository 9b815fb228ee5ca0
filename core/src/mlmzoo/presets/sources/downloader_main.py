"""The process that talks to the hubs; `mlmzoo.presets.sources.downloader` starts it.

A line of JSON on standard input asks. An empty line on standard output says that the work begins,
a line of JSON answers. A request names its ``"hub"`` (``"hf"`` or ``"kaggle"``); the rest is what
`fetch` of that hub's module takes. End of input means that nobody waits any more: whatever is under
way is broken off.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator
from importlib import import_module
from queue import Empty, SimpleQueue
from types import FrameType
from typing import IO, Any

from mlmzoo.presets.sources.hub_faults import reason

_CLIENTS = {"hf": "huggingface_client", "kaggle": "kaggle_client"}

_IDLE = 20.0  # seconds without a request after which the process ends
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
        for line in _answer(json.loads(request)):
            print(line, file=answers, flush=True)


def _answer(request: dict[str, Any]) -> Iterator[str]:
    try:
        client = import_module(f"mlmzoo.presets.sources.{_CLIENTS[request.pop('hub')]}")
    except Exception as error:  # also of settings that the client cannot read
        yield ""
        yield json.dumps({"fault": "client", "reason": reason(error)})
        return
    yield ""
    try:
        answer = client.fetch(**request)
    except Exception as error:
        answer = {"fault": "unavailable", "reason": reason(error)}
    yield json.dumps(answer)


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
