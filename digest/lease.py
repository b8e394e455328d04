"""A Lease row as a turn: of all workers and processes, one at a time holds it."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet

from digest.models import Lease

LONGEST = timedelta(hours=1)  # a turn further ahead than this was taken by a clock that has since been put right
MOMENT = timedelta(seconds=0.25)  # between two looks at a turn that somebody holds


def new_holder() -> str:
    """A name for whoever takes turns, that nobody else has."""
    return secrets.token_hex(8)


def acquire(name: str, *, holder: str, now: datetime, hold: timedelta) -> bool:
    """Take the turn ``name`` for ``hold`` (at most LONGEST) if it is free, or if the time of who had it is over.

    Of many processes that ask in one moment, one is told True. It may not be called within a transaction: the others
    would see the turn only after its end.
    """
    until = now + min(hold, LONGEST)
    with transaction.atomic(durable=True):
        free = Q(until__lte=now) | Q(until__gt=now + LONGEST)
        if Lease.objects.filter(free, name=name).update(holder=holder, until=until):
            return True
        return Lease.objects.get_or_create(name=name, defaults={"holder": holder, "until": until})[1]


def release(name: str, *, holder: str, now: datetime, cooldown: timedelta = timedelta()) -> bool:
    """Give the turn back, so that the next may take it after ``rest`` (at most LONGEST).

    Returns False, with nothing changed, when ``holder`` has lost it in the meantime.
    """
    return bool(_held(name, holder).update(holder="", until=now + min(cooldown, LONGEST)))


def done(name: str, *, holder: str, now: datetime, cooldown: timedelta = timedelta()) -> bool:
    """Give the turn back after work that went well, and remember when that was, for ``doctor`` and the health page."""
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
    """Take the turn as soon as it is free; None when it was taken, else the moment at which to ask for it again.

    The wait ends after ``patience``, or at once where the turn rests for longer than that.
    """
    left = timeout  # counted by what was slept, since the clock may jump
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
