"""Compute arXiv's announcement calendar: the days on which its feeds have papers, and when those were submitted.

Three clocks meet here; all but the last are arXiv's, US Eastern.

========================  ==========================  ================
batch closes (14:00)      announced (20:00)           feed of (00:00)
========================  ==========================  ================
Monday                    Monday                      Tuesday
Tuesday                   Tuesday                     Wednesday
Wednesday                 Wednesday                   Thursday
Thursday                  Thursday                    Friday
Friday                    Sunday                      Monday
========================  ==========================  ================

A **day** in this module is the date of a feed, which its items bear as pubDate (midnight Eastern): the feed of a day
carries the batch that closed on the weekday before it. Midnight Eastern is 04:00 or 05:00 UTC of the same date, so the
edition of UTC day D draws from the feed of D.

The days without mail that arXiv lists for a year are those on which no batch closes, not those of a feed: the feeds of
1 and 19 January, 19 June and 3 July 2026, all four listed, came out full. What is left out is the *next* announcement.
After a Friday that is Sunday's: the feeds of Monday 22 June and 6 July 2026 were empty, those of the Tuesdays after
carried both batches, and for Friday 4 July 2025 arXiv itself listed Sunday the 6th. So a listed day empties the feed of
the first weekday after it, and what was submitted meanwhile waits for the next batch.

Sources: arXiv's help page on the availability of submissions, and archived copies of the feeds of those days.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from digest.ingest.parsers.arxiv import EASTERN

WEEKEND = "arXiv announces nothing at weekends."
HOLIDAY = "arXiv keeps a holiday and announced nothing."

CLOSING = time(14)  # Eastern: later submissions go into the next batch
POLLING = time(0, 5)  # Eastern: the feeds turn at midnight and take a moment
DEADLINE = time(6, 30)  # UTC: an edition waits no longer for its sources

_LISTED = {2026: "01-01 01-19 06-19 07-03 09-07 11-26 12-25 12-29 12-31"}  # as arXiv publishes them
_EASTERN = ZoneInfo(EASTERN)
_MONDAY, _THURSDAY, _SATURDAY, _SUNDAY = 0, 3, 5, 6
_DAY = timedelta(days=1)


def announces(day: date) -> bool:
    """Return whether papers are expected in the feed of that day."""
    return not why_none(day)


def why_none(day: date) -> str:
    """Return why the feed of that day is empty, in a sentence for readers; "" when papers are expected."""
    if day.weekday() >= _SATURDAY:
        return WEEKEND
    since = _weekday_before(day)
    passed = (since + n * _DAY for n in range((day - since).days))
    return HOLIDAY if any(one in _no_mail(one.year) for one in passed) else ""


def last_announced_day(before: date) -> date:
    """Return the last day earlier than ``before`` whose feed carried papers."""
    day = before - _DAY
    while not announces(day):
        day -= _DAY
    return day


def next_announced_day(after: date) -> date:
    """Return the first day later than ``after`` whose feed carries papers."""
    day = after + _DAY
    while not announces(day):
        day += _DAY
    return day


def submitted_within(day: date) -> tuple[datetime, datetime]:
    """Return from when (included) until when (excluded) the new papers of that day's feed were submitted, in UTC.

    Papers that moderation held back were submitted earlier. Raises ValueError for a day without an announcement.
    """
    if why := why_none(day):
        raise ValueError(f"Nothing was announced on {day}: {why}")
    return _closing(last_announced_day(before=day)), _closing(day)


def polling_begins(day: date) -> datetime:
    """Return when the feed of that day can first be asked for, in UTC."""
    return datetime.combine(day, POLLING, _EASTERN).astimezone(UTC)


def deadline(day: date) -> datetime:
    """Return when the edition of that UTC day opens even if sources are missing."""
    return datetime.combine(day, DEADLINE, UTC)


def _closing(day: date) -> datetime:
    """Return when the batch in the feed of that day closed."""
    return datetime.combine(_weekday_before(day), CLOSING, _EASTERN).astimezone(UTC)


def _weekday_before(weekday: date) -> date:
    return weekday - timedelta(days=3 if weekday.weekday() == _MONDAY else 1)


@cache
def _no_mail(year: int) -> frozenset[date]:
    listed = _LISTED.get(year, "").split()
    return frozenset(date.fromisoformat(f"{year}-{one}") for one in listed) or frozenset(_always_kept(year))


def _always_kept(year: int) -> Iterator[date]:
    """Yield the holidays that were in each list that arXiv published for 2023 to 2026."""
    for month, day in ((1, 1), (6, 19), (7, 4), (12, 25)):
        holiday = date(year, month, day)
        yield holiday + _DAY if holiday.weekday() == _SUNDAY else holiday  # a Saturday empties Monday's feed anyway
    for month, weekday, nth in ((1, _MONDAY, 3), (9, _MONDAY, 1), (11, _THURSDAY, 4)):
        first = date(year, month, 1)
        yield first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (nth - 1))
