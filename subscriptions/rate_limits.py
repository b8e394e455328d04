"""Who is asking, and how often: limits that spare readers' inboxes and the house, counted in the database.

Nobody's web form is closed because of what others wrote about their address: only networks are counted here, and how
often one inbox is mailed a link is the reader's own allowance.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

from django.conf import settings
from django.db.models import F
from django.http import HttpRequest
from django.utils import timezone

from subscriptions.models import RateCounter, email_key

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Limit:
    """How many of one thing are taken within ``every``, counted from the full hour or midnight, UTC."""

    count: int
    every: timedelta


# What a POST is for -> what one network (an IPv4 address, an IPv6 /64) may do. Leaving is not among them: it is never
# refused.
NETWORK = {
    "sign_up": Limit(10, HOUR),
    "sign_in": Limit(20, HOUR),
    "address": Limit(10, HOUR),  # a change of address
    "link": Limit(60, HOUR),  # the buttons behind links that work once: confirm, magic link, new address
    "preferences": Limit(240, HOUR),
    "feedback": Limit(120, HOUR),
    "preview": Limit(600, HOUR),
    "erase": Limit(20, HOUR),
}
WIDER = 5  # times as much an IPv6 /48 may do, which one customer of a host may have for themselves
PERSON = {  # of the staff
    "look": Limit(30, HOUR),  # at a source that is not stored yet
    "refresh": Limit(60, HOUR),  # of a source
    "test mail": Limit(20, HOUR),
}
NEW_ADDRESS = Limit(3, DAY)  # mails to one address that readers want to be theirs, whoever they are


def ip_of(request: HttpRequest) -> str | None:
    """The visitor's address as the outermost of our own PROXIES saw it; None where the web server passes on none.

    Each proxy adds whom it was asked by at the end of X-Forwarded-For; what stands before that anybody can write.
    """
    told = [part for part in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if part.strip()]
    trusted = told[-settings.PROXIES] if 0 < settings.PROXIES <= len(told) else request.META.get("REMOTE_ADDR", "")
    address = _address(trusted)
    return str(address) if address else None


def proof(request: HttpRequest, page: str) -> dict[str, Any]:
    """What the record of consent keeps of a press."""
    return {"ip": ip_of(request), "user_agent": request.headers.get("User-Agent", ""), "page": page}


def too_many(request: HttpRequest, what: str) -> bool:
    """Count one POST of this kind for its networks; True is over a limit."""
    now, ip = timezone.now(), ip_of(request)
    return any(not _take(f"{what}|{_sealed(network)}", limit, now=now) for network, limit in _limits(ip, NETWORK[what]))


def too_many_by(person: int, what: str, *, now: datetime) -> bool:
    """Count one act of this kind for one of the staff, by their user's number; True is over a limit."""
    return not _take(f"{what}|{_sealed(f'staff {person}')}", PERSON[what], now=now)


def asked_too_often_about(email: str, *, now: datetime) -> bool:
    """Count one mail to an address that a reader says will be theirs; True when it had its share today."""
    return not _take(f"new address|{_sealed(email_key(email))}", NEW_ADDRESS, now=now)


def _limits(ip: str | None, limit: Limit) -> Iterator[tuple[str, Limit]]:
    if ip and "." in ip:
        yield ip, limit
    elif ip:
        yield str(ip_network(f"{ip}/64", strict=False)), limit
        yield str(ip_network(f"{ip}/48", strict=False)), Limit(WIDER * limit.count, limit.every)


def _take(name: str, limit: Limit, *, now: datetime) -> bool:
    """One more, if the limit leaves room: one UPDATE counts and asks, so that two at once cannot take the same."""
    seconds = int(limit.every.total_seconds())
    until = datetime.fromtimestamp((int(now.timestamp()) // seconds + 1) * seconds, UTC)
    room = RateCounter.objects.filter(name=name, until=until, count__lt=limit.count)
    if room.update(count=F("count") + 1):
        return True
    _, is_first = RateCounter.objects.get_or_create(name=name, until=until)
    return is_first or bool(room.update(count=F("count") + 1))  # another's first came between


def _sealed(text: str) -> str:
    return hmac.digest(settings.SECRET_KEY.encode(), f"broadsheet.visitor|{text}".encode(), "sha256").hex()[:32]


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """Read an address as proxies write it: with a port, in brackets, IPv4 within IPv6, with an interface's name."""
    text = text.strip().partition("%")[0]
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address
