"""When a reader's next digest is due: their hour, on their weekdays, in their zone."""

from __future__ import annotations

from bisect import bisect_left
from calendar import day_name
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def zone_of(name: str) -> ZoneInfo:
    """The zone of that name, or UTC where the machine's zone data know it no more."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")


def local_date(zone: str, now: datetime) -> date:
    return now.astimezone(zone_of(zone)).date()


def instant(day: date, hour: int, zone: str) -> datetime:
    """``hour`` o'clock of that local day, in UTC; the first instant after a gap, the first of the two in a fold."""
    local = datetime.combine(day, time(hour), zone_of(zone))
    first, second = (local.replace(fold=fold).astimezone(UTC) for fold in (0, 1))
    if first <= second:
        return first
    # the clock skipped this hour: somewhere between the two it jumped over it
    wall = local.replace(tzinfo=None)
    seconds = range(int((first - second).total_seconds()))
    skipped = bisect_left(
        seconds, wall, key=lambda n: (second + timedelta(seconds=n)).astimezone(local.tzinfo).replace(tzinfo=None)
    )
    return second + timedelta(seconds=skipped)


def next_send_at(*, after: date, now: datetime, hour: int, weekdays: int, zone: str) -> datetime | None:
    """The first of the reader's instants whose local date is later than ``after`` and that lies 12 hours after ``now``.

    ``weekdays`` are bits, Monday is 1; without any, None.
    """
    for days in range(1, 16):
        day = after + timedelta(days=days)
        if weekdays >> day.weekday() & 1 and (due := instant(day, hour, zone)) >= now + timedelta(hours=12):
            return due
    return None


def rhythm_in_words(*, weekdays: int, hour: int) -> str:
    """``every day at 07:00``, ``on weekdays at 07:00``, ``on Mondays and Fridays at 07:00``; empty without a day."""
    days = [f"{day}s" for number, day in enumerate(day_name) if weekdays >> number & 1]
    if not days:
        return ""
    which = " and ".join(part for part in (", ".join(days[:-1]), days[-1]) if part)
    which = {0b1111111: "every day", 0b0011111: "on weekdays"}.get(weekdays, f"on {which}")
    return f"{which} at {hour:02}:00"
