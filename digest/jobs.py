"""Steps of the timetable. Each holds a lease, one process at a time, so that two schedulers are harmless."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.conf import settings

from digest import lease
from digest.delivery import send, sweep, throttle
from digest.delivery.announce import plan_announcements
from digest.delivery.apply_events import delete_old_events
from digest.delivery.plan import plan
from digest.editions import reach
from digest.editions import topic_counts as edition_topics
from digest.editions.current_time import current_time
from digest.editions.open_edition import open_when_ready
from digest.ingest.refresh import refresh_due
from digest.models import Batch, Lease
from digest.reader_data import retention
from digest.reading_lists import keep, libraries
from digest.semantic import write
from digest.stats import daily_counts, edition_counts
from digest.summaries.write import write_summaries
from subscriptions import topic_counts
from subscriptions.models import Subscriber
from subscriptions.retention import delete_expired

# The longest run of a task; the lease of a killed process is free again after this.
HOLD = timedelta(seconds=settings.LEASE_SECONDS)
# Shorter, since planning twice is harmless and digests must not wait long for a process that was killed.
HOLD_TICK = HOLD * 0.4
SELDOM = timedelta(hours=1)  # between two runs of ``tidy``


def tick(now: datetime) -> None:
    """Reclaim the leases of dead workers, then plan every due reader, the longest waiting first.

    Outside live mode time does not pass: only new readers get their first digest, from the newest edition.
    """
    with _turn("tick", now, hold=HOLD_TICK) as ours:
        if ours:
            at = current_time(now)
            sweep.reap(at)
            plan_announcements(now, at=at)
            if settings.MODE == "live":
                due = Subscriber.objects.due(now).order_by("next_send_at", "pk")
                plan(now, due.values_list("pk", flat=True))
            else:
                newcomers = Subscriber.objects.due(now).filter(last_issue_date=None)
                plan(at, newcomers.values_list("pk", flat=True), issue_date=at.date())


def recover(now: datetime) -> None:
    """Give back what processes of this machine held that have ended (a new process calls this when it starts)."""
    sweep.recover(current_time(now))


def waiting(now: datetime) -> int:
    """Count the batches that can be delivered now."""
    at = current_time(now)
    return 0 if throttle.paused_until(at) else Batch.objects.due(at).count()


def deliver(clock: Callable[[], datetime]) -> timedelta | None:
    """Deliver one batch if one is due; return the time until it should continue, None if it is done or waits long."""

    def here() -> datetime:
        return current_time(clock())

    sweep.recover(here())
    if throttle.paused_until(here()) or not (batch := send.lease_batch(here())):
        return None
    send.deliver(batch, clock=here)
    batch.refresh_from_db(fields=["status", "not_before"])
    if batch.status != Batch.Status.OPEN:
        return None
    pause = max(batch.not_before - here(), timedelta()) if batch.not_before else timedelta()
    return pause if pause < timedelta(seconds=settings.TICK_SECONDS) else None


def refresh(now: datetime) -> None:
    """Fetch and store the sources that are due, one after the other."""
    with _turn("refresh", now) as ours:
        if ours:
            refresh_due(now)


def open_edition(now: datetime) -> None:
    """Open today's edition when every source has delivered its day, or at the deadline."""
    with _turn("open_edition", now) as ours:
        if ours and (opened := open_when_ready(now)):
            reach.count_readers(opened)


def read_libraries(now: datetime) -> None:
    """Read the public libraries of readers that are due: new ones now, others once a week."""
    with _turn("read_libraries", now) as ours:
        if ours:
            libraries.read_due(now)


def summarise(now: datetime) -> None:
    """Have the operator's model, if one is set, summarise papers that can be in a digest."""
    with _turn("summarise", now) as ours:
        if ours:
            write_summaries(now)


def write_vectors(now: datetime) -> None:
    """Have the operator's model, if one is set, make vectors of titles and typed words."""
    with _turn("write_vectors", now) as ours:
        if ours:
            write.write_vectors(now)


def tidy(now: datetime) -> None:
    """Delete expired rows (unconfirmed sign-ups, old links, events, reasons), then count."""
    with _turn("tidy", now, cooldown=SELDOM) as ours:
        if ours:
            delete_expired(now)
            delete_old_events(now)
            keep.delete_old_drafts(now)
            # of the day that is shown: one that was given as files may be years old
            retention.forget_reasons(current_time(now))
            count(current_time(now))


def count(now: datetime) -> None:
    """Store the counts that the dashboard's pages must not compute: editions, days, readers of papers and topics."""
    edition_counts.tally(now)
    edition_topics.store_counts(now)
    reach.count_readers_of_newest(now)
    topic_counts.count_readers()
    daily_counts.count(now)


@contextmanager
def _turn(name: str, now: datetime, *, hold: timedelta = HOLD, cooldown: timedelta = timedelta()) -> Iterator[bool]:
    """Yield whether the lease was acquired; after success its row stores the time and stays taken for ``cooldown``."""
    # A lease that ends later than possible was acquired before the clock was put back.
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
