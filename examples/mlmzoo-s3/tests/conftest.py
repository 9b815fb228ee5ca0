"""The part of S3 that one preset needs, on 127.0.0.1."""

import hashlib
import threading
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


class Bucket(ThreadingHTTPServer):
    """Keeps what is put, and remembers what it was asked."""

    daemon_threads = True
    block_on_close = False

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.asked: list[tuple[str, str]] = []
        self.refuse = False

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    def serve(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.asked.append((self.command, self.path))
        signed = self.headers.get("Authorization", "").startswith("AWS4-HMAC-SHA256 Credential=me/")
        if self.server.refuse or not signed:
            return self.answer(403, b"<Error><Code>AccessDenied</Code></Error>")
        if self.command == "PUT":
            self.server.files[self.path] = body
        if self.path not in self.server.files:
            return self.answer(404, b"<Error><Code>NoSuchKey</Code></Error>")
        return self.answer(200, self.server.files[self.path])

    do_GET = do_HEAD = do_PUT = serve

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("ETag", f'"{hashlib.md5(body).hexdigest()}"')
        self.send_header("Last-Modified", formatdate(usegmt=True))
        self.send_header("Content-Length", str(0 if self.command == "PUT" else len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def bucket(monkeypatch, tmp_path):
    """A bucket called ``models``, and this process set up to use it."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "me",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "us-east-1",
        "MLMZOO_S3_CACHE": str(tmp_path / "cache"),
    }.items():
        monkeypatch.setenv(name, value)
    server = Bucket()
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()
