"""Who is asking, and how often: limits that spare readers' inboxes and the house, counted in the shared cache."""

from __future__ import annotations

import hmac
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from django.conf import settings
from django.core.cache import cache
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from redis.exceptions import RedisError

from subscriptions.models import email_key

logger = logging.getLogger(__name__)

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Limit:
    """How many of one thing are taken within ``every``, counted from the full hour or midnight, UTC."""

    most: int
    every: timedelta


# What a POST is for -> what one network (an IPv4 address, an IPv6 /64) may do, and what may be done about one address.
# Leaving is not among them: it is never refused.
NETWORK = {
    "sign_up": Limit(10, HOUR),
    "sign_in": Limit(20, HOUR),
    "address": Limit(10, HOUR),  # a change of address
    "link": Limit(60, HOUR),  # the buttons behind links that work once: confirm, magic link, new address
    "preferences": Limit(240, HOUR),
    "feedback": Limit(120, HOUR),
    "preview": Limit(600, HOUR),
    "export": Limit(20, HOUR),
    "erase": Limit(20, HOUR),
}
ADDRESS = {
    "sign_up": Limit(5, DAY),
    "sign_in": Limit(10, DAY),
    "address": Limit(5, DAY),
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


def too_many(request: HttpRequest, what: str, *, email: str = "") -> bool:
    """Count one POST of this kind for its network and, where it is about one, for the address; True is over a limit.

    Counted whatever the answer, so that knocking on goes on being refused. Without its cache the house stays open: the
    limits that keep inboxes from being flooded are in the database.
    """
    limits = list(_limits(what, ip_of(request), email))
    try:
        over = [_count(key, limit, now=timezone.now()) > limit.most for key, limit in limits]
    except RedisError as error:
        logger.warning("Visitors are not counted: Redis is away (%s).", type(error).__name__)
        return False
    return any(over)


def asked_too_often_about(email: str, *, now: datetime) -> bool:
    """Count one mail to an address that a reader says will be theirs; True when it had its share today."""
    try:
        return _count(f"new|address|{_sealed(email_key(email))}", NEW_ADDRESS, now=now) > NEW_ADDRESS.most
    except RedisError as error:
        logger.warning("Changes of address are not counted: Redis is away (%s).", type(error).__name__)
        return False


def _limits(what: str, ip: str | None, email: str) -> Iterator[tuple[str, Limit]]:
    """The keys to count under; neither names a person."""
    if ip and what in NETWORK:
        yield f"{what}|network|{_sealed(_network(ip))}", NETWORK[what]
    if email and what in ADDRESS:
        yield f"{what}|address|{_sealed(email_key(email))}", ADDRESS[what]


def _count(key: str, limit: Limit, *, now: datetime) -> int:
    """How many there have been within the limit's time, with this one."""
    seconds = int(limit.every.total_seconds())
    key = f"{key}|{int(now.timestamp()) // seconds}"
    with transaction.atomic():  # the cache of a house without Redis is a table, where reading and adding are two steps
        if cache.add(key, 1, timeout=seconds):
            return 1
        try:
            return int(cache.incr(key))
        except ValueError:  # it went in this very moment
            return 1


def _network(ip: str) -> str:
    return str(ip_network(ip if "." in ip else f"{ip}/64", strict=False))


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
