"""Connect to public addresses only: look up a name once, check its addresses, and dial the checked one."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import time
from collections.abc import Collection, Iterable
from typing import Any

import httpcore2

from digest.source_errors import ErrorKind, SourceError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

MOST_DIALLED = 4  # addresses of one name
_UNICAST = ipaddress.IPv6Network("2000::/3")  # all that is given out of IPv6; the rest is local or has another use
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


class NoAnswer(SourceError):
    """There is no answer that can be used."""


def resolve(host: str, port: int) -> list[str]:
    """Return the IP addresses of a name, best first; raises OSError or ValueError where it has none."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(at[0]) for *_, at in found))


def is_public(address: Address) -> bool:
    """Return whether an address is public, also an IPv4 address written as IPv6."""
    if isinstance(address, ipaddress.IPv4Address):
        return address.is_global and not address.is_multicast and not address.is_reserved
    if inner := address.ipv4_mapped or address.sixtofour:
        return is_public(inner)
    if address in _NAT64:
        return is_public(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return address in _UNICAST and address.is_global


class Dialler(httpcore2.NetworkBackend):
    """Opens connections that lead out, and that end by ``deadline`` (in seconds of time.monotonic) whatever happens.

    ``loopback`` holds the loopback addresses that may be dialled all the same, as "127.0.0.1:8000", or is True for all
    of them: for tests only. ``anywhere`` lets in every address, for one that the operator has set.
    """

    def __init__(self, *, deadline: float, loopback: Collection[str] | bool = False, anywhere: bool = False) -> None:
        self._deadline = deadline
        self._anywhere = anywhere
        self._loopback = loopback
        self._inner = httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        """Connect to ``host``; raise NoAnswer when any of its addresses is private or none is known."""
        try:
            addresses = [ipaddress.ip_address(found) for found in resolve(host, port)]
        except (OSError, ValueError) as error:
            raise NoAnswer(ErrorKind.HOST_NOT_FOUND, host) from error
        for address in addresses:
            if not (is_public(address) or self._is_let_in(address, port)):
                raise NoAnswer(ErrorKind.PRIVATE_ADDRESS, f"{host} has the address {address}")
        failure: Exception = NoAnswer(ErrorKind.HOST_NOT_FOUND, host)
        for address in addresses[:MOST_DIALLED]:
            try:
                left = _seconds_left(self._deadline, timeout, httpcore2.ConnectTimeout)
                # the address, not the name, which could lead elsewhere when it is looked up again
                stream = self._inner.connect_tcp(str(address), port, left, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
            else:
                return _Stream(stream, self._deadline)
        raise failure

    def _is_let_in(self, address: Address, port: int) -> bool:
        let_in = self._loopback
        if self._anywhere:
            return True
        return address.is_loopback and (let_in if isinstance(let_in, bool) else f"{address}:{port}" in let_in)


class _Stream(httpcore2.NetworkStream):
    """A connection on which waiting never goes past the deadline, however slowly the bytes drip."""

    def __init__(self, inner: httpcore2.NetworkStream, deadline: float) -> None:
        self._inner = inner
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, _seconds_left(self._deadline, timeout, httpcore2.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, _seconds_left(self._deadline, timeout, httpcore2.WriteTimeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        left = _seconds_left(self._deadline, timeout, httpcore2.ConnectTimeout)
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, left), self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


def _seconds_left(deadline: float, timeout: float | None, late: type[Exception]) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise late("it took too long in all")
    return left if timeout is None else min(left, timeout)
