"""When a digest may leave, and the days of readers that pass without one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from functools import lru_cache

from django.db.models import Q

from digest.delivery.planned_rows import PlannedRow, following
from digest.models import Delivery, StatusReason
from digest.models.key_lists import among
from subscriptions.models import Subscriber
from subscriptions.preferences import HALF_A_DAY
from subscriptions.schedule import instant, local_date, zone_of

CATCH_UP = timedelta(hours=5)  # how late a digest may leave
LONGEST_GAP = timedelta(days=31)  # of missed days that each get a row


# readers of one hour and zone are due together
@lru_cache(maxsize=1000)
def closes(due: datetime, hour: int, zone: str) -> datetime:
    """Return until when a digest due at ``due`` may leave: five hours later, and at most the reader's midnight.

    Midnight counts for a digest at the reader's hour only, not for the first one of somebody who confirmed at night.
    """
    is_regular = due == instant(local_date(zone, due), hour, zone)
    return closes_today(due, zone) if is_regular else due + CATCH_UP


@lru_cache(maxsize=1000)
def closes_today(now: datetime, zone: str) -> datetime:
    """Return until when a digest of this moment's day may leave: five hours later, and at most that day's end."""
    tomorrow = local_date(zone, now) + timedelta(days=1)
    return min(now + CATCH_UP, datetime.combine(tomorrow, time(), zone_of(zone)))


def passed_days(everyone: Sequence[Subscriber], suppressed: set[int], now: datetime) -> list[PlannedRow]:
    """Return rows for days of these readers that pass without a digest, and move their next instants on.

    These are days with a closed window, and a day less than 12 hours after a digest.
    """
    rows = [row for reader in everyone for row in _lapsed(reader, suppressed, now)]
    due = [reader for reader in everyone if reader.next_send_at and reader.next_send_at <= now]
    fed = _fed_since(now - HALF_A_DAY, due)
    for reader in due:
        while reader.pk in fed and reader.next_send_at and reader.next_send_at <= now:
            rows.append(_passing(reader, suppressed, StatusReason.TOO_SOON))
    return rows


def _fed_since(since: datetime, readers: Sequence[Subscriber]) -> set[int]:
    """Return the ids of readers with a digest that left after ``since``, may have left, or may still leave."""
    recent = Delivery.objects.digests().filter(
        Q(accepted_at__gt=since) | Q(accepted_at=None, dated_at__gt=since),
        subscriber__in=among([reader.pk for reader in readers]),
        status__in=[*Delivery.SENT, *Delivery.OPEN],
    )
    return set(recent.values_list("subscriber_id", flat=True))


def _lapsed(reader: Subscriber, suppressed: set[int], now: datetime) -> list[PlannedRow]:
    """Return rows for the reader's days with a closed window, and move their next instant past them."""
    rows = []
    if reader.next_send_at and now - reader.next_send_at > LONGEST_GAP:
        # a reader who was away for years gets no row for every day
        reader.next_send_at = now - LONGEST_GAP
    while reader.next_send_at and closes(reader.next_send_at, reader.send_hour, reader.zone) < now:
        rows.append(_passing(reader, suppressed, StatusReason.TOO_LATE))
    return rows


def _passing(reader: Subscriber, suppressed: set[int], reason: StatusReason) -> PlannedRow:
    """Return a skipped row with the reason for the reader's due day, and move them to their next day."""
    assert reader.next_send_at  # noqa: S101 (only who is due passes a day)
    day = local_date(reader.zone, reader.next_send_at)
    if reader.pk in suppressed:
        reason = StatusReason.SUPPRESSED
    elif reader.is_paused(day):
        reason = StatusReason.PAUSED
    move_on(reader, day)
    return PlannedRow(reader, day, why_not=reason)


def move_on(reader: Subscriber, day: date) -> None:
    """Set when the reader is due next, after a day for which they have a row."""
    reader.last_issue_date = last = max(day, reader.last_issue_date or day)
    reader.next_send_at = following(last, reader.send_hour, reader.weekdays, reader.zone)
