"""What the timetable calls: each a turn that one process has at a time, so that two beats are harmless."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.conf import settings

from digest import lease
from digest.delivery import send, throttle
from digest.delivery.apply_events import delete_old_events
from digest.delivery.plan import plan
from digest.editions import reach
from digest.editions.open_edition import current_time, open_when_ready
from digest.ingest.refresh import refresh_due
from digest.models import Batch, Lease
from digest.reader_data import retention
from digest.stats import daily_counts, edition_counts
from subscriptions import topic_counts
from subscriptions.models import Subscriber
from subscriptions.retention import delete_expired

# As long as a task may run: a turn whose holder died is free again after this.
HOLD = timedelta(seconds=settings.LEASE_SECONDS)
# Two that plan at once are harmless: what matters more is that a morning does not wait long for one that was killed.
HOLD_TICK = HOLD * 0.4
SELDOM = timedelta(hours=1)  # between two goes at what is in no hurry


def tick(now: datetime) -> None:
    """Take back what dead workers held, then plan every reader whose moment has come, who waited longest first.

    A given day does not move on by itself: there, only newcomers get their first digest, from the newest edition.
    """
    with _turn("tick", now, hold=HOLD_TICK) as ours:
        if ours:
            at = current_time(now)
            send.reap(at)
            if settings.MODE == "live":
                due = Subscriber.objects.due(now).order_by("next_send_at", "pk")
                plan(now, due.values_list("pk", flat=True))
            else:
                newcomers = Subscriber.objects.due(now).filter(last_issue_date=None)
                plan(at, newcomers.values_list("pk", flat=True), issue_date=at.date())


def waiting(now: datetime) -> int:
    """How many batches could be delivered now."""
    at = current_time(now)
    return 0 if throttle.paused_until(at) else Batch.objects.due(at).count()


def deliver(clock: Callable[[], datetime]) -> timedelta | None:
    """Deliver one batch, if one is due; how soon somebody should go on with it, None when it is done or waits long."""

    def here() -> datetime:
        return current_time(clock())

    if throttle.paused_until(here()) or not (batch := send.lease_batch(here())):
        return None
    send.deliver(batch, clock=here)
    batch.refresh_from_db(fields=["status", "not_before"])
    if batch.status != Batch.Status.OPEN:
        return None
    pause = max(batch.not_before - here(), timedelta()) if batch.not_before else timedelta()
    return pause if pause < timedelta(seconds=settings.TICK_SECONDS) else None


def refresh(now: datetime) -> None:
    """Fetch and store the sources whose time has come, one after the other."""
    with _turn("refresh", now) as ours:
        if ours:
            refresh_due(now)


def open_edition(now: datetime) -> None:
    """Open today's edition when every source has given its day, or at the deadline."""
    with _turn("open_edition", now) as ours:
        if ours and (opened := open_when_ready(now)):
            reach.count_readers(opened)


def tidy(now: datetime) -> None:
    """Take out what is of no use any more: sign-ups nobody confirmed, old links, events, reasons; then count."""
    with _turn("tidy", now, cooldown=SELDOM) as ours:
        if ours:
            delete_expired(now)
            delete_old_events(now)
            retention.forget_reasons(now)
            count(current_time(now))


def count(now: datetime) -> None:
    """Whon the dashboard's pages show and must not count themselves: editions, days, whom papers and topics reach."""
    edition_counts.tally(now)
    reach.count_readers_of_newest(now)
    topic_counts.count_readers()
    daily_counts.count(now)


@contextmanager
def _turn(name: str, now: datetime, *, hold: timedelta = HOLD, cooldown: timedelta = timedelta()) -> Iterator[bool]:
    """Whether the turn is ours; its row remembers when it last went well, and is not taken again before ``rest``."""
    # One further ahead than anyone holds it was taken before the clock was put back.
    Lease.objects.filter(name=name, until__gt=now + max(hold, cooldown)).update(until=now)
    holder = lease.new_holder()
    if not lease.acquire(name, holder=holder, now=now, hold=hold):
        yield False
        return
    try:
        yield True
    except BaseException:
        lease.release(name, holder=holder, now=now)
        raise
    lease.done(name, holder=holder, now=now, cooldown=cooldown)
