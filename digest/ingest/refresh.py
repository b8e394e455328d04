"""The live sources: fetched when their time has come, their rows kept, and the days that were missed filled in."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from typing import Any

from django.db import InterfaceError, OperationalError
from django.db.models import Min
from django.utils import timezone

from digest.ingest import arxiv_calendar, http, parsers
from digest.ingest.backfill import backfill
from digest.ingest.default_sources import SOURCES, request_urls
from digest.ingest.parsers import SourceUnreadable, arxiv_rss
from digest.ingest.store import Reading, note_failure, source_named_in, store
from digest.models import Paper, Source
from digest.source_errors import ErrorKind

logger = logging.getLogger(__name__)

OFTEN, HOURLY = timedelta(minutes=10), timedelta(hours=1)
LONGEST_REFRESH = timedelta(seconds=60)  # then no further source is begun: one fetch alone may take three minutes
MOST_MISSED = 7  # days that are back-filled after an outage


def seed_sources() -> int:
    """The default sources, when there is none yet; an operator's own choice is never touched."""
    if Source.objects.exists():
        return 0
    return len(Source.objects.bulk_create([Source(kind=one.kind, name=one.name, url=one.url) for one in SOURCES]))


def refresh_due(now: datetime, *, clock: Callable[[], datetime] = timezone.now) -> list[Reading]:
    """Refresh the sources whose time has come, as many as a task has time for; the next call goes on."""
    due = list(Source.objects.due(now))
    readings = list(fill_gaps(now, limit=1)) if any(source.kind == arxiv_rss.KIND for source in due) else []
    for source in due:
        if clock() - now > LONGEST_REFRESH:
            break
        try:
            readings.append(refresh(source, now=clock()))
        except (OperationalError, InterfaceError):  # the database is gone: nothing can be written down now
            raise
        except Exception:
            logger.exception("%s could not be refreshed", source.name)
            readings.append(note_failure(source, ErrorKind.NOT_STORED, now=now))
            Source.objects.filter(pk=source.pk).update(next_check_at=now + HOURLY)
    return readings


def refresh(source: Source, *, now: datetime, limits: http.Limits = http.USUAL) -> Reading:
    """Fetch one source, store what it shows, and write on its row how that went and when to come again."""
    reading = Reading(source=source.name, error_kind=ErrorKind.OTHER, error="it was not asked")
    for url in request_urls(source.url, source.kind, now.date()):
        fetched = http.get(
            url,
            now=now,
            etag=source.etag,
            last_modified=source.last_modified,
            failures=source.failures,
            spread=source.pk,
            limits=limits,
        )
        if fetched.status in ("later", "failed"):
            return _note_unfetched(source, fetched, now=now)
        reading = _stored(source, fetched, now=now)
        source.refresh_from_db()
        validators = (
            {"etag": "", "last_modified": ""}
            if reading.error_kind
            else {
                "etag": fetched.etag,
                "last_modified": fetched.last_modified,
            }
        )
        Source.objects.filter(pk=source.pk).update(**validators, next_check_at=_next_check(source, now))
    return reading


def fill_gaps(now: datetime, *, limit: int) -> Iterator[Reading]:
    """Back-fill from arXiv's API up to ``limit`` of the missed days, oldest first; each takes about half a minute."""
    feeds = list(Source.objects.filter(active=True, kind=arxiv_rss.KIND))
    specs = [source.url.rpartition("/")[2] for source in feeds]
    for day in missed_days(now)[:limit] if feeds else []:
        try:
            found = backfill(specs, day, get=_get_or_say_why)
        except SourceUnreadable as error:  # the day stays missed, and is tried again when the feeds are due again
            yield Reading(source=f"arXiv API for {day}", error_kind=error.kind, error=error.detail)
            return
        for feed in found:
            yield store(source_named_in(feed, feed.name), feed, now=now)


def missed_days(now: datetime) -> list[date]:
    """The announced days of the past week of which no paper came, since this house first read arXiv.

    On a first run there is none, but on a day without announcement the last announced one, so as not to begin empty.
    """
    today = now.date()
    days = Paper.objects.filter(sightings__source__kind=arxiv_rss.KIND, announced_on__isnull=False)
    first = days.aggregate(first=Min("announced_on"))["first"]
    if first is None:
        return [arxiv_calendar.last_announced_day(today)] if arxiv_calendar.why_none(today) else []
    week = [today - timedelta(days=back) for back in range(MOST_MISSED, 0, -1)]
    came = set(days.filter(announced_on__gte=week[0]).values_list("announced_on", flat=True).distinct())
    return [day for day in week if day > first and arxiv_calendar.announces(day) and day not in came]


def _get_or_say_why(url: str) -> bytes:
    fetched = http.get(url, now=timezone.now())
    if fetched.status != "fresh":
        raise SourceUnreadable(fetched.error_kind or ErrorKind.OTHER, fetched.error)
    return fetched.body


def _note_unfetched(source: Source, fetched: http.Fetched, *, now: datetime) -> Reading:
    """Write on the source's row why it could not be fetched, and when to come again; a pause is no failure."""
    kind = fetched.error_kind or ErrorKind.OTHER
    row: dict[str, Any] = {"next_check_at": fetched.next_check_at}
    if fetched.status == "later":
        row |= {"last_error_kind": kind, "last_error": fetched.error[:500]}
        reading = Reading(source=source.name, error_kind=kind, error=fetched.error)
    else:
        reading = note_failure(source, kind, detail=fetched.error, now=now)
    Source.objects.filter(pk=source.pk).update(**row)
    return reading


def _stored(source: Source, fetched: http.Fetched, *, now: datetime) -> Reading:
    if fetched.status == "unchanged":
        last = {**source.last_reading, "at": now.isoformat()}
        Source.objects.filter(pk=source.pk).update(
            last_success_at=now, failures=0, last_error_kind="", last_error="", last_reading=last
        )
        return Reading(source=source.name, notes=("unchanged since the last reading",))
    try:
        return store(source, parsers.read(fetched.body), now=now)
    except SourceUnreadable as error:
        return note_failure(source, error.kind, detail=error.detail, now=now)


def _next_check(source: Source, now: datetime) -> datetime:
    """Every ten minutes until the day is there, then hourly; arXiv's feeds not before they change, at midnight."""
    if source.kind != arxiv_rss.KIND:
        return now + HOURLY
    today = now.date()
    if now < arxiv_calendar.polling_begins(today):
        return arxiv_calendar.polling_begins(today)
    is_there = (source.last_reading.get("announced_on") or "") >= today.isoformat()
    if is_there or arxiv_calendar.why_none(today):
        return arxiv_calendar.polling_begins(today + timedelta(days=1))
    return now + (OFTEN if now < arxiv_calendar.deadline(today) else HOURLY)
