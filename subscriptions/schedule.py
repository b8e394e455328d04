"""Compute when a reader's next digest is due: at their hour, on their weekdays, in their zone."""

from __future__ import annotations

from bisect import bisect_left
from calendar import day_name
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def zone_of(name: str) -> ZoneInfo:
    """Return the zone of that name, or UTC if the machine's zone data do not know it."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")


def local_date(zone: str, now: datetime) -> date:
    return now.astimezone(zone_of(zone)).date()


def instant(day: date, hour: int, zone: str) -> datetime:
    """Return that hour of that local day in UTC: the first instant after a gap, the first of the two in a fold."""
    local = datetime.combine(day, time(hour), zone_of(zone))
    first, second = (local.replace(fold=fold).astimezone(UTC) for fold in (0, 1))
    if first <= second:
        return first
    # The clock skipped this hour: search the second between the two at which it jumped.
    wall = local.replace(tzinfo=None)
    seconds = range(int((first - second).total_seconds()))
    skipped = bisect_left(
        seconds, wall, key=lambda n: (second + timedelta(seconds=n)).astimezone(local.tzinfo).replace(tzinfo=None)
    )
    return second + timedelta(seconds=skipped)


def next_send_at(*, after: date, now: datetime, hour: int, weekdays: int, zone: str) -> datetime | None:
    """Return the reader's first due time on a local date after ``after`` and at least 12 hours after ``now``.

    ``weekdays`` are bits, Monday is 1. Return None without any.
    """
    for days in range(1, 16):
        day = after + timedelta(days=days)
        if weekdays >> day.weekday() & 1 and (due := instant(day, hour, zone)) >= now + timedelta(hours=12):
            return due
    return None


@lru_cache(maxsize=1000)
def rhythm_in_words(*, weekdays: int, hour: int) -> str:
    """Return ``every day at 07:00``, ``on weekdays at 07:00``, ``on Mondays at 07:00``; empty without a day."""
    days = [f"{day}s" for number, day in enumerate(day_name) if weekdays >> number & 1]
    if not days:
        return ""
    which = " and ".join(part for part in (", ".join(days[:-1]), days[-1]) if part)
    which = {0b1111111: "every day", 0b0011111: "on weekdays"}.get(weekdays, f"on {which}")
    return f"{which} at {hour:02}:00"
