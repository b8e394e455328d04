"""Postmark and Resend on a loopback address: they take what they are given, or answer as they are told."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

Answer = Callable[[list[dict[str, Any]] | dict[str, Any]], Any]


class Api:
    """A provider on a loopback address, which answers a request as it is told, or takes all."""

    def __init__(self) -> None:
        self.port = 0
        self.coming: list[tuple[int, Answer, dict[str, str]]] = []  # status, body, headers of the next answers
        self.requests: list[tuple[str, dict[str, str], Any]] = []
        self.taken: list[str] = []  # addresses
        self.keys: dict[str, Any] = {}

    def takes(self, said: Any) -> Any:
        mails = said if isinstance(said, list) else [said]
        self.taken += [_to(one) for one in mails]
        results = [
            {"To": one["To"], "ErrorCode": 0, "Message": "OK", "MessageID": f"id-{_to(one)}"}
            if "To" in one
            else {"id": f"id-{_to(one)}"}
            for one in mails
        ]
        if not isinstance(said, list):
            return results[0]
        return results if "To" in mails[0] else {"data": results}

    def answer(self, path: str, headers: dict[str, str], said: Any) -> tuple[int, Any, dict[str, str]]:
        self.requests.append((path, headers, said))
        if (key := headers.get("Idempotency-Key")) in self.keys:
            return 200, self.keys[key], {}
        if self.coming:
            status, answer, more = self.coming.pop(0)
            return status, answer(said), more
        answer = self.takes(said)
        if key:
            self.keys[key] = answer
        return 200, answer, {}


def _to(one: dict[str, Any]) -> str:
    return one["To"] if "To" in one else one["to"][0]


@contextmanager
def provider_api(provider: str, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    """Run an API of a provider, which the settings name until the end of a test."""
    api = Api()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, answer, headers = api.answer(self.path, dict(self.headers), body)
            if answer is None:  # it hangs up
                self.close_connection = True
                return
            octets = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            for name, value in (headers | {"Content-Length": str(len(octets))}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(octets)

        def log_message(self, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        settings.MAIL_PROVIDER, settings.MAIL_RATE = provider, None
        settings.EMAIL_BACKEND = f"subscriptions.mail.backends.{provider}.EmailBackend"
        settings.DEFAULT_FROM_EMAIL = "Broadsheet <digest@mail.example.org>"
        settings.ANYMAIL = {
            f"{provider.upper()}_API_URL": f"http://127.0.0.1:{server.server_address[1]}/",
            "POSTMARK_SERVER_TOKEN": "secret",
            "RESEND_API_KEY": "secret",
            "REQUESTS_TIMEOUT": (1, 1),
        }
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.delenv(name, raising=False)
        yield api
        server.shutdown()
