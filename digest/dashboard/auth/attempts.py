"""Limit wrong passwords and codes of the staff, counted in the database.

Nobody can keep a member out from elsewhere: an address is blocked only for the network that the failures came from, and
a browser in which the member signed in before has counts of its own, whatever its network does.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from subscriptions.models import email_key
from subscriptions.rate_limits import HOUR, MINUTE, Limit, RateUse, ip_of, networks, use

OF_ONE = Limit(5, timedelta(minutes=5))  # of one address from one network or device; and of one user's codes
OF_NETWORK = (Limit(10, MINUTE), Limit(60, HOUR))
COOKIE = "__Host-device" if settings.SECURE else "device"
KEPT = timedelta(days=365)
_SALT = "broadsheet.device"


def begin_password(request: HttpRequest, address: str) -> tuple[RateUse, ...] | None:
    """Count one attempt to sign in; return what to refund if it succeeds, or None if there were too many."""
    return use(_counts_of_password(request, email_key(address)), now=timezone.now())


def begin_code(request: HttpRequest, user: AbstractBaseUser) -> tuple[RateUse, ...] | None:
    """Count one attempt at a user's code; return what to refund if it succeeds, or None if there were too many.

    Without a known device the limit is the user's, from wherever: a code has only six digits.
    """
    # allauth says AbstractBaseUser; ours is Django's User
    device = device_of(request, user.email)  # type: ignore[attr-defined]
    counts = [("wrong code", f"{user.pk} {device}", OF_ONE)]
    return use(counts if device else [*counts, *_counts_of_network(request)], now=timezone.now())


def visitor_of(request: HttpRequest) -> str:
    """Return what forms are counted by: the known device of the typed address, else the visitor's IP address."""
    return device_of(request, request.POST.get("login", "")) or ip_of(request) or "unknown"


def device_of(request: HttpRequest, address: str) -> str:
    """Return the id of this browser if the member with that address signed in with it during the last year, else ""."""
    try:
        address_hash, device = signing.loads(request.COOKIES.get(COOKIE, ""), salt=_SALT, max_age=KEPT)
    except (signing.BadSignature, ValueError, TypeError):
        return ""
    return str(device) if address_hash == _hash(address) else ""


def remember_device(response: HttpResponse, address: str) -> None:
    """Let this browser have counts of its own when this member signs in again. It proves nothing else."""
    value = signing.dumps([_hash(address), secrets.token_hex(8)], salt=_SALT)
    response.set_cookie(COOKIE, value, max_age=KEPT, secure=settings.SECURE, httponly=True, samesite="Lax")


def _counts_of_password(request: HttpRequest, address: str) -> Iterator[tuple[str, str, Limit]]:
    if device := device_of(request, address):
        yield "wrong password", f"{address} {device}", OF_ONE
        return
    for network, limit in _networks(request, OF_ONE):
        yield "wrong password", f"{address} {network}", limit
    yield from _counts_of_network(request)


def _counts_of_network(request: HttpRequest) -> Iterator[tuple[str, str, Limit]]:
    for every in OF_NETWORK:
        for network, limit in _networks(request, every):
            yield "wrong sign-in", network, limit


def _networks(request: HttpRequest, limit: Limit) -> list[tuple[str, Limit]]:
    # a web server that passes no address has one count for all
    return list(networks(ip_of(request), limit)) or [("unknown", limit)]


def _hash(address: str) -> str:
    return signing.Signer(salt=f"{_SALT}.address").signature(email_key(address))
