"""A small HTTP server on 127.0.0.1 whose faults can be switched on."""

import math
import socket
import struct
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

PAGE = b"<!DOCTYPE html>\n<html><body>Please log in to this network.</body></html>\n"

IN_THE_BODY = ("cut", "reset", "hang", "short", "long", "garbled")


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    """Decoded, without the query."""
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    status: int = 200
    body: bytes = b""
    headers: dict = field(default_factory=dict)


def bytes_in(directory: Path) -> dict[str, bytes]:
    """What the files of a directory hold, by their paths in it."""
    return {
        path.relative_to(directory).as_posix(): path.read_bytes()
        for path in sorted(Path(directory).rglob("*"))
        if path.is_file()
    }


class Loopback:
    """Serves what `answer` returns until it is told to fail.

    Use as a context manager. `url` is its address, `requests` what it was asked so far.

    Faults for `fail`:
        "401", "403", "404", "429", "500", … : that status, in the hub's own words
        "gated": the hub's refusal of a person who did not accept the terms
        "stall": takes the request and never answers
        "close": closes the connection without an answer
        "cut": sends half of the body, then closes the connection
        "reset": the same, and resets it
        "hang": sends half of the body, then nothing
        "page": an HTML page with status 200, as a captive portal or a proxy does
        "short", "long": announces one byte less, or more, than there is
        "garbled": sends wrong bytes of the right number
    """

    _usual_port = 0

    def __init__(self):
        self.requests: list[Request] = []
        self._fault: tuple[str, str, str | None] | None = None
        self._released = threading.Event()
        self._server: ThreadingHTTPServer | None = None

    def answer(self, request: Request) -> Answer:
        raise NotImplementedError

    def refusal(self, fault: str, request: Request) -> Answer:
        raise NotImplementedError

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def fail(
        self, fault: str, only: str = "", method: str | None = None, times: float = math.inf
    ) -> None:
        """Fail the next requests, or those of a method whose path contains `only`."""
        self._fault = (fault, only, method)
        self._times = times

    def heal(self) -> None:
        self._fault = None

    def count(self, method: str | None = None, containing: str = "") -> int:
        """How many requests there were, by method and by a part of their path."""
        return sum(
            1
            for request in self.requests
            if method in (None, request.method) and containing in request.path
        )

    def forget(self) -> None:
        """Count from zero again."""
        self.requests.clear()

    def start(self) -> "Loopback":
        self._server = self._listening()
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self._port = type(self)._usual_port = self._server.server_address[1]
        loop = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        loop.start()
        return self

    def _listening(self) -> ThreadingHTTPServer:
        """At the address of the last server of this kind, if that is free: a downloading process
        that was started for that one serves this one, too."""
        cls = type(self)
        try:
            return ThreadingHTTPServer(("127.0.0.1", cls._usual_port), _handler(self))
        except OSError:
            return ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))

    def stop(self) -> None:
        """Be gone: later connections are refused. `url` stays what it was."""
        self._released.set()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()


def _handler(owner: Loopback) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        # One request a connection (HTTP/1.0): a kept connection would outlive `stop`.

        def _serve(self):
            length = int(self.headers.get("Content-Length") or 0)
            path = unquote(self.path.partition("?")[0])
            request = Request(self.command, path, self.rfile.read(length), self.headers)
            owner.requests.append(request)
            fault, only, method = owner._fault or ("", "", None)
            if only not in request.path or method not in (None, request.method):
                fault = ""
            elif fault:
                owner._times -= 1
                if owner._times <= 0:
                    owner.heal()
            if fault == "stall":
                owner._released.wait(60)
            if fault in ("stall", "close"):
                self.close_connection = True
                return
            if fault == "page":
                answer = Answer(200, PAGE, {"Content-Type": "text/html"})
            elif fault and fault not in IN_THE_BODY:
                answer = owner.refusal(fault, request)
            else:
                answer = owner.answer(request)
            body = answer.body
            announced = len(body) + {"short": -1, "long": 1}.get(fault, 0)
            self.send_response(answer.status)
            for name, value in {"Content-Length": announced, **answer.headers}.items():
                self.send_header(name, str(value))
            self.end_headers()
            if self.command == "HEAD":
                return
            if fault == "garbled":
                body = bytes(byte ^ 1 for byte in body)
            if fault in ("cut", "reset", "hang"):
                body = body[: len(body) // 2]
            self.wfile.write(body)
            if fault == "hang":
                self.wfile.flush()
                owner._released.wait(60)
            if fault == "reset":
                self.wfile.flush()
                at_once = struct.pack("ii", 1, 0)
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
                self.connection.close()

        do_GET = do_HEAD = do_POST = do_PUT = _serve

        def log_message(self, *_):
            pass

    return Handler
