"""What the timetable calls: each a turn that one process has at a time, so that two beats are harmless."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from digest import delivering, planning, publishing, refreshing, turns
from digest.models import Batch, Lease
from subscriptions.models import Subscriber

HOLD = timedelta(seconds=300)  # as long as a task may run: a turn whose holder died is free again after this


def tick(now: datetime) -> None:
    """Take back what dead workers held, then plan every reader whose moment has come, who waited longest first."""
    with _turn("tick", now) as ours:
        if ours:
            delivering.sweep(now)
            due = Subscriber.objects.due(now).order_by("next_send_at", "pk")
            planning.plan(now, due.values_list("pk", flat=True))


def waiting() -> int:
    """How many batches wait for a deliverer."""
    return Batch.objects.filter(status=Batch.Status.OPEN).count()


def deliver(clock: Callable[[], datetime]) -> None:
    """Deliver one batch, if any is open."""
    if batch := delivering.lease_batch(clock()):
        delivering.deliver(batch, clock=clock)


def refresh(now: datetime) -> None:
    """Fetch and store the sources whose time has come, one after the other."""
    with _turn("refresh", now) as ours:
        if ours:
            refreshing.refresh_due(now)


def open_edition(now: datetime) -> None:
    """Open today's edition when every source has given its day, or at the deadline."""
    with _turn("open_edition", now) as ours:
        if ours:
            publishing.open_when_ready(now)


@contextmanager
def _turn(name: str, now: datetime) -> Iterator[bool]:
    """Whether the turn is ours; its row remembers when it last went well."""
    # One further ahead than anyone holds it was taken before the clock was put back.
    Lease.objects.filter(name=name, until__gt=now + HOLD).update(until=now)
    holder = turns.new_holder()
    if not turns.take(name, holder=holder, now=now, hold=HOLD):
        yield False
        return
    try:
        yield True
    except BaseException:
        turns.give_back(name, holder=holder, now=now)
        raise
    turns.done(name, holder=holder, now=now)
