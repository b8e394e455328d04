"""Decide whether a daily feed shows the day's announcement, whatever its dates say, and which days it missed."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import date, datetime, timedelta

from digest.ingest import arxiv_calendar
from digest.ingest.parsers import Feed, arxiv_rss
from digest.models import Sighting, Source

MOST_MISSED = 7  # days that are back-filled after an outage
DAYS_KEPT = 30
ASKED_AT_ONCE = 500


def as_announced(source: Source, feed: Feed, *, now: datetime) -> Feed:
    """Return a reading under the day that its papers belong to; writes on the source's row whether its dates lag.

    arXiv dates a feed when it makes it, and may serve yesterday's batch under today's date. Such a reading is stale: it
    gets the day of the announcement that it repeats. A feed whose dates lag a day behind its content gets them put
    right. A reading of another kind is returned as it is.
    """
    if source.kind != arxiv_rss.KIND or feed.kind != arxiv_rss.KIND or not feed.announced_on:
        return feed
    day = _day_at(now)
    if not source.dates_lag and _shows_that_dates_lag(source, feed, day):
        source.dates_lag = True
        source.save(update_fields=["dates_lag"])
    elif source.dates_lag and feed.announced_on >= day:
        source.dates_lag = False
        source.save(update_fields=["dates_lag"])
    if source.dates_lag:
        feed = _dated(feed, arxiv_calendar.next_announced_day(feed.announced_on))
    is_there = (source.last_reading.get("announced_on") or "") >= day.isoformat()
    if is_there or not feed.announced_on or feed.announced_on < day or not arxiv_calendar.announces(day):
        return feed
    seen = _seen_before(source, feed, day)
    if len(seen) < len(feed.entries):
        return feed
    older = max((one for one in seen if one and one < day), default=arxiv_calendar.last_announced_day(day))
    stale = dataclasses.replace(feed, notes=(*feed.notes, f"stale: it still shows the papers of {older}"))
    return _dated(stale, older)


def _day_at(now: datetime) -> date:
    """Return the newest day whose feed may be there."""
    today = now.date()
    return today if now >= arxiv_calendar.polling_begins(today) else today - timedelta(days=1)


def _shows_that_dates_lag(source: Source, feed: Feed, day: date) -> bool:
    """Return whether new papers bear the date of the announced day before, on which the feed was read without them.

    ``day`` is the one whose announcement is expected. A feed that was not read on the day before may just be late.
    """
    last, before = source.last_reading, arxiv_calendar.last_announced_day(day)
    return bool(
        feed.announced_on
        and before <= feed.announced_on < day
        and last.get("announced_on")
        and last["announced_on"] < feed.announced_on.isoformat()
        and datetime.fromisoformat(last["at"]) >= arxiv_calendar.polling_begins(before)
        and len(_seen_before(source, feed, day)) < len(feed.entries)
    )


def _dated(feed: Feed, day: date) -> Feed:
    entries = tuple(dataclasses.replace(entry, announced_on=day) for entry in feed.entries)
    return dataclasses.replace(feed, announced_on=day, entries=entries)


def _seen_before(source: Source, feed: Feed, day: date) -> Sequence[date | None]:
    """Return the announced days of the entries that this source showed, in this version, before ``day``."""
    begin = arxiv_calendar.polling_begins(day)
    entries = {entry.identifiers[0]: entry for entry in feed.entries}
    names, seen = list(entries), {}
    for start in range(0, len(names), ASKED_AT_ONCE):
        rows = Sighting.objects.filter(
            source=source, paper__identifiers__value__in=names[start : start + ASKED_AT_ONCE]
        ).order_by("-seen_at")
        shown = ("paper__identifiers__value", "paper__version", "paper__announced_on", "seen_at", "announced")
        for name, version, announced_on, seen_at, announced in rows.values_list(*shown):
            entry = entries[name]
            # a missed day that was back-filled today is an earlier announcement too
            is_earlier = seen_at < begin or (announced_on is not None and announced_on < day)
            if is_earlier and entry.version <= version and entry.announced in ("", announced):
                seen[name] = announced_on
    return list(seen.values())


def missed_days(source: Source, *, now: datetime) -> list[date]:
    """Return the announced days of the past week that this feed was not read, since it was first read.

    Of a feed that was never read there is none, but on a day without announcement the last announced one, so as not
    to begin empty.
    """
    today = now.date()
    if not source.days_read:
        return [arxiv_calendar.last_announced_day(today)] if arxiv_calendar.why_none(today) else []
    week = [today - timedelta(days=back) for back in range(MOST_MISSED, 0, -1)]
    first, read = date.fromisoformat(min(source.days_read)), set(source.days_read)
    return [day for day in week if day > first and arxiv_calendar.announces(day) and day.isoformat() not in read]


def days_read(source: Source, feed: Feed) -> list[str]:
    """Return the days whose announcements came, with that of a reading which is stored now."""
    if source.kind != arxiv_rss.KIND or not feed.announced_on:
        return list(source.days_read)
    return sorted({*source.days_read, feed.announced_on.isoformat()})[-DAYS_KEPT:]
