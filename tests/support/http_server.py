"""A web server on a loopback address for tests: it answers by script and keeps a log of what it was asked.

``with serve({"/feed": Answer(b"...")}) as web: fetch(web.url("/feed")); web.log``
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PATIENCE = 15
Script = Callable[["Handler"], None]


@dataclass(frozen=True, kw_only=True)
class Request:
    """One line of the log: when it came (seconds of time.monotonic), and how many connections were open then."""

    at: float
    path: str
    headers: Mapping[str, str]
    open: int
    body: bytes = b""


@dataclass(frozen=True)
class Answer:
    """What to answer; a Content-Length is added unless ``headers`` has one. ``after`` is in seconds."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    after: float = 0

    def __call__(self, handler: Handler) -> None:
        handler.pause(self.after)
        handler.send_response(self.status)
        for name, value in {"Content-Length": str(len(self.body)), **self.headers}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(self.body)


def drip(piece: bytes, *, every: float, head: bytes = b"") -> Script:
    """``head`` at once, then ``piece`` again and again; ``every`` is in seconds.

    It does end, after PATIENCE seconds, so that a client that would wait for ever fails its test instead of hanging.
    """

    def script(handler: Handler) -> None:
        handler.wfile.write(head)
        until = time.monotonic() + PATIENCE
        while not handler.pause(every) and time.monotonic() < until:
            handler.wfile.write(piece)

    return script


class Handler(BaseHTTPRequestHandler):
    """Plays the script of the path it is asked for."""

    server: Server

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with self.server.lock:
            self.server.log.append(
                Request(
                    at=time.monotonic(), path=self.path, headers=dict(self.headers), open=self.server.open, body=body
                )
            )
            scripts = self.server.scripts.get(path, [Answer(status=404)])
            script = scripts.pop(0) if len(scripts) > 1 else scripts[0]
        with suppress(OSError):  # who asked may have left
            script(self)

    do_POST = do_GET

    def pause(self, seconds: float) -> bool:
        """Wait; True when the server is closing and nothing more should be sent."""
        return self.server.closing.wait(seconds) if seconds else self.server.closing.is_set()

    def log_message(self, *args: Any) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, scripts: Mapping[str, Script | Sequence[Script]], host: str, port: int) -> None:
        super().__init__((host, port), Handler)
        self.scripts = {path: [found] if callable(found) else list(found) for path, found in scripts.items()}
        self.host = host
        self.log: list[Request] = []
        self.open = self.most_open = 0
        self.closing = threading.Event()
        self.lock = threading.Lock()

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    @property
    def at(self) -> str:
        """As in the setting FETCH_LOOPBACK."""
        return f"{self.host}:{self.port}"

    def url(self, path: str, host: str = "") -> str:
        return f"http://{host}:{self.port}{path}" if host else f"http://{self.at}{path}"

    def process_request(self, request: Any, client_address: Any) -> None:
        with self.lock:
            self.open += 1
            self.most_open = max(self.most_open, self.open)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        super().shutdown_request(request)
        with self.lock:
            self.open -= 1


@contextmanager
def serve(
    scripts: Mapping[str, Script | Sequence[Script]], *, host: str = "127.0.0.1", port: int = 0
) -> Iterator[Server]:
    """A running server; of several scripts for one path each is played once, in order, and the last from then on."""
    server = Server(scripts, host, port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()
