"""Rate limits for networks, staff and confirmation mails, counted in the database.

A form is never closed because of what others typed about an address: its mail waits. What one reader may ask for is
counted in their own row (``link_quota``).
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

from django.conf import settings
from django.db.models import F
from django.http import HttpRequest
from django.utils import timezone

from subscriptions.models import RateCounter, email_key

MINUTE, QUARTER, HOUR, DAY = timedelta(minutes=1), timedelta(minutes=15), timedelta(hours=1), timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Limit:
    """The number of requests accepted within ``every``, counted from the full hour or midnight, UTC."""

    count: int
    every: timedelta


# Kind of POST, or search -> limit of one network (an IPv4 address, an IPv6 /64). Unsubscribing is never limited.
NETWORK = {
    "sign_up": Limit(10, HOUR),
    "sign_in": Limit(20, HOUR),
    "address": Limit(10, HOUR),  # a change of address
    "link": Limit(60, HOUR),  # the buttons behind single-use links: confirm, sign in, new address
    "preferences": Limit(240, HOUR),
    "reading_list": Limit(30, HOUR),  # a file or text to parse, or a library to fetch
    "feedback": Limit(120, HOUR),
    "preview": Limit(600, HOUR),
    "search": Limit(600, HOUR),
    "erase": Limit(20, HOUR),
}
WIDER = 5  # factor for an IPv6 /48, which one customer of a host may own
PERSON = {  # a member of the staff
    "look": Limit(30, HOUR),  # preview of a source that is not stored yet
    "refresh": Limit(60, HOUR),  # of a source
    "test mail": Limit(20, HOUR),
}
# Mails to addresses that nobody has confirmed, so that our forms cannot flood a mailbox or a mail server, nor cost the
# installation its reputation. What is over a limit waits: on the day that a university joins, for some hours.
CONFIRMATIONS = {
    "mailbox": (Limit(1, QUARTER), Limit(3, DAY)),
    "domain": (Limit(200, HOUR),),
    "installation": (Limit(1000, HOUR),),
}


@dataclass(frozen=True, slots=True)
class RateUse:
    """One mail counted against a limit; refund it when the mail surely did not leave."""

    name: str
    until: datetime


class TooManyConfirmations(Exception):
    """Raised when a confirmation mail is over a limit."""


def ip_of(request: HttpRequest) -> str | None:
    """Return the visitor's address as the outermost of our own PROXIES saw it; None if the web server gives none.

    Each proxy appends its client to X-Forwarded-For; anybody can forge what comes before that.
    """
    hops = [part for part in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if part.strip()]
    trusted = hops[-settings.PROXIES] if 0 < settings.PROXIES <= len(hops) else request.META.get("REMOTE_ADDR", "")
    address = _address(trusted)
    return str(address) if address else None


def proof(request: HttpRequest, page: str) -> dict[str, Any]:
    """Return what a consent event records of a request."""
    return {"ip": ip_of(request), "user_agent": request.headers.get("User-Agent", ""), "page": page}


def too_many(request: HttpRequest, what: str) -> bool:
    """Count one request of this kind for its networks; return True if it is over a limit."""
    now, ip = timezone.now(), ip_of(request)
    return any(
        not _take(f"{what}|{_sealed(network)}", limit, now=now) for network, limit in networks(ip, NETWORK[what])
    )


def too_many_by(person: int, what: str, *, now: datetime) -> bool:
    """Count one act of this kind for a member of the staff, by user id; return True if it is over the limit."""
    return not _take(f"{what}|{_sealed(f'staff {person}')}", PERSON[what], now=now)


def use_confirmation(email: str, *, now: datetime) -> tuple[RateUse, ...]:
    """Count one mail to an address that is not confirmed; raise TooManyConfirmations."""
    mailbox = mailbox_of(email)
    counted = {"mailbox": mailbox, "domain": mailbox.rpartition("@")[2], "installation": ""}
    uses = use(((what, counted[what], limit) for what, limits in CONFIRMATIONS.items() for limit in limits), now=now)
    if uses is None:
        raise TooManyConfirmations
    return uses


def use(counts: Iterable[tuple[str, str, Limit]], *, now: datetime) -> tuple[RateUse, ...] | None:
    """Count one for each kind and secret text; return None, and count nothing, if that is over one of the limits."""
    uses: list[RateUse] = []
    for what, text, limit in counts:
        name = f"{what} {limit.every.total_seconds():.0f}|{_sealed(text)}"
        if not _take(name, limit, now=now):
            refund(uses)
            return None
        uses.append(RateUse(name, _end_of_period(limit.every, now)))
    return tuple(uses)


def refund(uses: Iterable[RateUse]) -> None:
    """Take back the counts of a mail that did not leave."""
    for use in uses:
        RateCounter.objects.filter(name=use.name, until=use.until, count__gt=0).update(count=F("count") - 1)


def mailbox_of(email: str) -> str:
    """Return the key of the mailbox that an address leads to, without the sub-address: a+b@x is a@x (RFC 5233)."""
    local, _, domain = email_key(email).rpartition("@")
    return f"{local.partition('+')[0] or local}@{domain}"


def networks(ip: str | None, limit: Limit) -> Iterator[tuple[str, Limit]]:
    """Yield the networks of an address by which requests are counted, each with its limit."""
    if ip and "." in ip:
        yield ip, limit
    elif ip:
        yield str(ip_network(f"{ip}/64", strict=False)), limit
        yield str(ip_network(f"{ip}/48", strict=False)), Limit(WIDER * limit.count, limit.every)


def count_per_minute(name: str, *, now: datetime) -> tuple[int, int]:
    """Count one more in this minute; return this minute's count and that of the minute before."""
    until = _end_of_period(MINUTE, now)
    row, is_first = RateCounter.objects.get_or_create(name=name, until=until)
    if not is_first:
        RateCounter.objects.filter(pk=row.pk).update(count=F("count") + 1)
    before = RateCounter.objects.filter(name=name, until=until - MINUTE).values_list("count", flat=True).first()
    return row.count + (not is_first), before or 0


def _take(name: str, limit: Limit, *, now: datetime) -> bool:
    """Count one more and return True if that is within the limit. One UPDATE, so it is safe against races."""
    until = _end_of_period(limit.every, now)
    below = RateCounter.objects.filter(name=name, until=until, count__lt=limit.count)
    if below.update(count=F("count") + 1):
        return True
    _, is_first = RateCounter.objects.get_or_create(name=name, until=until)
    # If another request created the row in between, count again.
    return is_first or bool(below.update(count=F("count") + 1))


def _end_of_period(every: timedelta, now: datetime) -> datetime:
    seconds = int(every.total_seconds())
    return datetime.fromtimestamp((int(now.timestamp()) // seconds + 1) * seconds, UTC)


def _sealed(text: str) -> str:
    return hmac.digest(settings.SECRET_KEY.encode(), f"broadsheet.visitor|{text}".encode(), "sha256").hex()[:32]


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """Parse an address as proxies write it: with a port, in brackets, IPv4 in IPv6, with an interface's name."""
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
