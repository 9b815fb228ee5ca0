"""A small HTTP server on 127.0.0.1 whose faults can be switched on."""

import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    """Decoded, without the query."""
    body: bytes = b""


@dataclass(frozen=True)
class Answer:
    status: int = 200
    body: bytes = b""
    headers: dict = field(default_factory=dict)


class Loopback:
    """Serves what `answer` returns until it is told to fail.

    Use as a context manager. `url` is its address, `requests` what it was asked so far.

    Faults for `fail`:
        "401", "403", "404", "429", "500", … : that status, in the hub's own words
        "gated": the hub's refusal of a person who did not accept the terms
        "stall": takes the request and never answers
        "close": closes the connection without an answer
        "cut": sends half of the body, then closes the connection
    """

    def __init__(self):
        self.requests: list[Request] = []
        self._fault: tuple[str, str] | None = None
        self._released = threading.Event()
        self._server: ThreadingHTTPServer | None = None

    def answer(self, request: Request) -> Answer:
        raise NotImplementedError

    def refusal(self, fault: str, request: Request) -> Answer:
        raise NotImplementedError

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def fail(self, fault: str, only: str = "") -> None:
        """Fail every request from now on, or those whose path contains `only`."""
        self._fault = (fault, only)

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
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self._port = self._server.server_address[1]
        loop = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        loop.start()
        return self

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
            request = Request(self.command, path, self.rfile.read(length))
            owner.requests.append(request)
            fault, only = owner._fault or ("", "")
            if only not in request.path:
                fault = ""
            if fault == "stall":
                owner._released.wait(60)
            if fault in ("stall", "close"):
                self.close_connection = True
                return
            if fault and fault != "cut":
                answer = owner.refusal(fault, request)
            else:
                answer = owner.answer(request)
            body = answer.body
            self.send_response(answer.status)
            for name, value in {"Content-Length": len(body), **answer.headers}.items():
                self.send_header(name, str(value))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body[: len(body) // 2] if fault == "cut" else body)

        do_GET = do_HEAD = do_POST = _serve

        def log_message(self, *_):
            pass

    return Handler
