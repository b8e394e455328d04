"""Requests as a visitor's browser sends them, without the browser: many of them can begin in one moment."""

from __future__ import annotations

import http.client
import re
import secrets
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from html import unescape
from typing import TypeVar
from urllib.parse import urlencode, urlsplit

T = TypeVar("T")
INPUT = re.compile(r"<input[^>]*>")
ATTRIBUTE = re.compile(r'([\w-]+)="([^"]*)"')


@dataclass(slots=True)
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


@dataclass(slots=True)
class Asker:
    """One visitor with a connection that is kept open, cookies, and a network of their own."""

    site: str
    cookies: dict[str, str] = field(default_factory=dict)
    network: str = field(default_factory=lambda: f"10.{secrets.randbelow(256)}.{secrets.randbelow(256)}.9")
    connection: http.client.HTTPConnection | None = None

    def get(self, path: str) -> Answer:
        return self._ask("GET", path, None)

    def post(self, path: str, fields: Sequence[tuple[str, str]] = ()) -> Answer:
        return self._ask("POST", path, urlencode(list(fields)))

    def _ask(self, method: str, path: str, body: str | None) -> Answer:
        headers = {
            "X-Forwarded-For": self.network,
            "User-Agent": "Mozilla/5.0 (a test)",
            "Sec-Fetch-Site": "same-origin",
        }
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        response = self._answer(method, path.removeprefix(self.site), body, headers)
        answer = Answer(response.status, response.headers, response.read())
        for cookie in response.headers.get_all("Set-Cookie", []):
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value
        return answer

    def _answer(self, method: str, path: str, body: str | None, headers: dict[str, str]) -> http.client.HTTPResponse:
        """On the connection that is open; on a new one where the service has closed that meanwhile, as browsers do."""
        if self.connection is not None:
            try:
                self.connection.request(method, path, body, headers)
                return self.connection.getresponse()
            except (http.client.RemoteDisconnected, ConnectionError):
                self.close()
        self.connection = http.client.HTTPConnection(urlsplit(self.site).netloc, timeout=120)
        self.connection.request(method, path, body, headers)
        return self.connection.getresponse()

    def close(self) -> None:
        if self.connection is not None:
            self.connection.close()
            self.connection = None


def hidden_fields(page: str) -> dict[str, str]:
    """The first of each hidden field of a page."""
    found: dict[str, str] = {}
    for tag in INPUT.findall(page):
        one = dict(ATTRIBUTE.findall(tag))
        if one.get("type") == "hidden" and "name" in one:
            found.setdefault(one["name"], unescape(one.get("value", "")))
    return found


def at_once(jobs: Sequence[Callable[[], T]]) -> list[T]:
    """What each job gave; all begin in one moment."""
    barrier, given, failed = threading.Barrier(len(jobs)), dict[int, T](), list[BaseException]()

    def run(number: int, job: Callable[[], T]) -> None:
        barrier.wait()
        try:
            given[number] = job()
        except BaseException as error:  # a thread's failure must fail the test
            failed.append(error)

    threads = [threading.Thread(target=run, args=one) for one in enumerate(jobs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]
    return [given[number] for number in range(len(jobs))]
