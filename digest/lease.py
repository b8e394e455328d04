"""Acquire and release a Lease row, which one worker or process holds at a time."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet

from digest.models import Lease

# A lease that ends later than this was acquired by a clock that was wrong.
LONGEST = timedelta(hours=1)
MOMENT = timedelta(seconds=0.25)  # between two attempts to acquire a lease in use


def new_holder() -> str:
    """Return a unique name for a holder of leases."""
    return secrets.token_hex(8)


def acquire(name: str, *, holder: str, now: datetime, hold: timedelta) -> bool:
    """Acquire the lease ``name`` for ``hold`` (at most LONGEST) if it is free or expired.

    Returns True for exactly one of many concurrent processes. Must not be called within a transaction: the others would
    see the lease only after its end.
    """
    until = now + min(hold, LONGEST)
    with transaction.atomic(durable=True):
        free = Q(until__lte=now) | Q(until__gt=now + LONGEST)
        if Lease.objects.filter(free, name=name).update(holder=holder, until=until):
            return True
        return Lease.objects.get_or_create(name=name, defaults={"holder": holder, "until": until})[1]


def release(name: str, *, holder: str, now: datetime, cooldown: timedelta = timedelta()) -> bool:
    """Release the lease, which can be acquired again after ``cooldown`` (at most LONGEST).

    Returns False and changes nothing if ``holder`` no longer holds it.
    """
    return bool(_held(name, holder).update(holder="", until=now + min(cooldown, LONGEST)))


def done(name: str, *, holder: str, now: datetime, cooldown: timedelta = timedelta()) -> bool:
    """Release the lease after successful work, and store the time for ``doctor`` and the health page."""
    return bool(_held(name, holder).update(holder="", until=now + min(cooldown, LONGEST), last_ok_at=now))


def wait_for(
    name: str,
    *,
    holder: str,
    hold: timedelta,
    timeout: timedelta,
    clock: Callable[[], datetime],
    sleep: Callable[[float], None],
) -> datetime | None:
    """Wait for the lease and acquire it; return None if acquired, else the time of the next attempt.

    Waits for at most ``timeout``, and not at all if the cooldown is longer than that.
    """
    # reduced by the time slept, since the clock may jump
    left = timeout
    while not acquire(name, holder=holder, now=(now := clock()), hold=hold):
        lease = Lease.objects.filter(name=name).first()
        resting = lease is not None and not lease.holder
        pause = max(lease.until - now, MOMENT / 25) if lease is not None and resting else MOMENT
        if pause > left:
            return now + (pause if resting else timedelta(minutes=1))
        sleep(pause.total_seconds())
        left -= pause
    return None


def _held(name: str, holder: str) -> QuerySet[Lease]:
    return Lease.objects.filter(name=name, holder=holder)
