"""Make one request over a connection of its own, within limits of time and size."""

from __future__ import annotations

import functools
import ssl
import time
import zlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpcore2

from digest.ingest.http.ssrf_guard import Dialler, NoAnswer
from digest.ingest.parsers import MAX_BYTES
from digest.source_errors import ErrorKind

if TYPE_CHECKING:
    import httpx2

WITH_BODY = (200, 400)  # arXiv says what is wrong with a query in the body of a 400
LONGEST_ADDRESS = 2000  # characters


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Seconds for a connection, between two bytes, for all exchanges and for a host's turn; bytes of a decoded body."""

    connect: float = 10
    read: float = 30
    total: float = 120
    wait: float = 60
    size: int = MAX_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Status, headers by their names in lower case, the decoded body of a 200 or 400, and the seconds it took."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float


def address(text: str, base: httpx2.URL | None = None) -> httpx2.URL:
    """Return an address that may be fetched, relative to ``base``; raise NoAnswer with the reason."""
    # here, because it takes 0.15 s to load, and most processes fetch nothing
    import httpx2

    if len(text) > LONGEST_ADDRESS:
        raise NoAnswer(ErrorKind.INVALID_URL, f"longer than {LONGEST_ADDRESS:,} characters")
    try:
        url = base.join(text) if base else httpx2.URL(text)
    except (httpx2.InvalidURL, ValueError) as error:
        raise NoAnswer(ErrorKind.INVALID_URL, "not a web address") from error
    if url.scheme not in ("http", "https") or not url.host:
        raise NoAnswer(ErrorKind.INVALID_URL, "it does not begin with http:// or https:// and a host")
    if url.userinfo:
        raise NoAnswer(ErrorKind.INVALID_URL, "a user name or a password in it is not supported")
    if url.port is not None and not 0 < url.port < 65536:
        raise NoAnswer(ErrorKind.INVALID_URL, f"impossible port {url.port}")
    return url


def ask(
    url: httpx2.URL, headers: Mapping[str, str], *, limits: Limits, seconds: float, loopback: Collection[str] | bool
) -> Answer:
    """Fetch ``url`` within ``seconds``, following no redirect; raises NoAnswer when nothing usable came."""
    dialler = Dialler(deadline=time.monotonic() + seconds, loopback=loopback)
    return _exchange("GET", url, headers, dialler, limits=limits, seconds=seconds)


def post(url: str, headers: Mapping[str, str], content: bytes, *, limits: Limits) -> Answer:
    """Send ``content`` to an address that the operator has set, which may be private; raises NoAnswer as ``ask``."""
    here = address(url)
    dialler = Dialler(deadline=time.monotonic() + limits.total, anywhere=True)
    lines = {"Content-Length": str(len(content)), **headers}
    return _exchange("POST", here, lines, dialler, limits=limits, seconds=limits.total, content=content)


def _exchange(
    method: str,
    url: httpx2.URL,
    headers: Mapping[str, str],
    dialler: Dialler,
    *,
    limits: Limits,
    seconds: float,
    content: bytes | None = None,
) -> Answer:
    began = time.monotonic()
    timeouts = {"connect": limits.connect, "read": limits.read, "write": limits.read, "pool": limits.connect}
    asked = httpcore2.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
    connection = httpcore2.HTTPConnection(
        asked.origin,
        ssl_context=_certificates(),
        network_backend=dialler,
    )
    lines = {"Host": url.netloc.decode("ascii"), **headers, "Accept-Encoding": "gzip", "Connection": "close"}
    sent = [(name.encode("ascii"), value.encode("latin-1", "replace")) for name, value in lines.items()]
    try:
        extensions = {"timeout": timeouts}
        with (
            connection,
            connection.stream(method, asked, headers=sent, content=content, extensions=extensions) as response,
        ):
            got = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
            body = _body(response, got, limits.size) if response.status in WITH_BODY else b""
            return Answer(status=response.status, headers=got, body=body, seconds=time.monotonic() - began)
    except httpcore2.TimeoutException as error:
        if time.monotonic() - began >= seconds:
            raise NoAnswer(ErrorKind.TIMEOUT, f"{url.host} was not done within {limits.total:.0f} s") from error
        if isinstance(error, httpcore2.ConnectTimeout):
            raise NoAnswer(ErrorKind.TIMEOUT, f"{url.host} took no connection within {limits.connect:.0f} s") from error
        raise NoAnswer(ErrorKind.TIMEOUT, f"{url.host} sent nothing for {limits.read:.0f} s") from error
    except httpcore2.ConnectError as error:
        raise NoAnswer(ErrorKind.CONNECTION_FAILED, f"{url.host}, {error}") from error
    except (httpcore2.NetworkError, httpcore2.ProtocolError, ValueError) as error:
        raise NoAnswer(ErrorKind.INVALID_RESPONSE, f"{url.host}, {error}") from error


def _body(response: httpcore2.Response, headers: Mapping[str, str], size: int) -> bytes:
    coding = headers.get("content-encoding", "").strip().lower()
    if coding not in ("", "identity", "gzip", "x-gzip"):
        raise NoAnswer(ErrorKind.BAD_COMPRESSION, "packed in a way that was not asked for")
    unpack = zlib.decompressobj(wbits=31) if coding.endswith("gzip") else None
    body, received = bytearray(), 0
    for chunk in response.iter_stream():
        received += len(chunk)
        if unpack is None:
            body += chunk
        else:
            try:
                body += unpack.decompress(chunk, size + 1 - len(body))
            except zlib.error as error:
                raise NoAnswer(ErrorKind.BAD_COMPRESSION, "a damaged gzip") from error
            if unpack.unused_data:  # asked at once: what follows an end is copied again with every chunk
                raise NoAnswer(ErrorKind.BAD_COMPRESSION, "it goes on after the end of its gzip")
        if max(received, len(body)) > size:
            raise NoAnswer(ErrorKind.TOO_LARGE, f"more than {size >> 20} MiB")
    if unpack is not None and received and not unpack.eof:
        raise NoAnswer(ErrorKind.BAD_COMPRESSION, "a gzip that was cut in the middle")
    return bytes(body)


@functools.cache
def _certificates() -> ssl.SSLContext:
    return httpcore2.default_ssl_context()
