"""Fetch the live sources that are due, update their rows, and back-fill missed days."""

from __future__ import annotations

import dataclasses
import logging
import re
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

from django.db import InterfaceError, OperationalError
from django.db.models import Min
from django.utils import timezone

from digest.ingest import arxiv_calendar, freshness, http
from digest.ingest.freshness import MOST_MISSED
from digest.ingest.papers.claims import VOTING_KINDS
from digest.ingest.parser_process import ParserProcess
from digest.ingest.parsers import Feed, SourceUnreadable, arxiv_rss, biorxiv_api
from digest.ingest.sources.backfill import backfill
from digest.ingest.sources.defaults import SOURCES, request_urls
from digest.ingest.store import Reading, good_reading, note_failure, store
from digest.models import Source
from digest.source_errors import ErrorKind
from subscriptions.models import Subscriber

__all__ = ["MOST_MISSED", "Reading", "days_to_fill", "fill_gaps", "refresh", "refresh_due", "seed_sources"]

logger = logging.getLogger(__name__)

OFTEN, HOURLY = timedelta(minutes=10), timedelta(hours=1)
BEFORE_SENDING = timedelta(minutes=10)  # votes are read this long before digests are due
LONGEST_REFRESH = timedelta(seconds=60)  # then no further source is begun: one fetch alone may take three minutes
MOST_PAGES = 100  # of one list


def seed_sources() -> int:
    """Add the default sources if there is none yet; an operator's own choice is never touched."""
    if Source.objects.exists():
        return 0
    return len(Source.objects.bulk_create([Source(kind=one.kind, name=one.name, url=one.url) for one in SOURCES]))


def refresh_due(now: datetime, *, clock: Callable[[], datetime] = timezone.now) -> list[Reading]:
    """Refresh the sources whose time has come, as many as a task has time for; the next call goes on."""
    due = list(Source.objects.due(now))
    is_daily = any(source.kind == arxiv_rss.KIND for source in due)
    with ParserProcess() as parser:
        readings = list(fill_gaps(now, limit=1, parser=parser)) if is_daily else []
        for source in due:
            if clock() - now > LONGEST_REFRESH:
                break
            try:
                readings.append(refresh(source, now=clock(), parser=parser))
            except (OperationalError, InterfaceError):  # the database is gone: nothing can be written down now
                raise
            except Exception:
                logger.exception("%s could not be refreshed", source.name)
                readings.append(note_failure(source, ErrorKind.NOT_STORED, now=now))
                Source.objects.filter(pk=source.pk).update(next_check_at=now + HOURLY)
    return readings


def refresh(
    source: Source, *, now: datetime, limits: http.Limits = http.USUAL, parser: ParserProcess | None = None
) -> Reading:
    """Fetch one source, store what it shows, and write on its row how that went and when to come again.

    ``parser`` is for whoever refreshes several sources; without it this one gets a process of its own.
    """
    if parser is None:
        with ParserProcess() as parser:
            return refresh(source, now=now, limits=limits, parser=parser)
    reading = Reading(source=source.name, error_kind=ErrorKind.OTHER, error="it was not asked")
    urls = request_urls(source.url, source.kind, now.date())
    ask = partial(http.get, now=now, failures=source.failures, spread=source.pk, limits=limits)
    for url in urls:
        # the marks of one address say nothing of another
        etag, last_modified = (source.etag, source.last_modified) if len(urls) == 1 else ("", "")
        fetched = ask(url, etag=etag, last_modified=last_modified)
        if fetched.status in ("later", "failed"):
            return _note_unfetched(source, fetched, now=now)
        reading = _stored(source, fetched, partial(_read_pages, url=url, ask=ask, parser=parser), now=now)
        source.refresh_from_db()
        validators = (
            {"etag": "", "last_modified": ""}
            if reading.error_kind
            else {
                "etag": fetched.etag,
                "last_modified": fetched.last_modified,
            }
        )
        next_check = _next_check(source, now)
        if reading.error_kind is ErrorKind.PARSER_ENDED:
            next_check = now + http.back_off(source.failures - 1, source.pk)
        Source.objects.filter(pk=source.pk).update(**validators, next_check_at=next_check)
    return reading


def fill_gaps(now: datetime, *, limit: int, parser: ParserProcess | None = None) -> Iterator[Reading]:
    """Back-fill from arXiv's API up to ``limit`` of the missed days, oldest first; each takes about half a minute."""
    if parser is None:
        with ParserProcess() as parser:
            yield from fill_gaps(now, limit=limit, parser=parser)
        return
    missed = _missed_by(now)
    for day in sorted({day for days in missed.values() for day in days})[:limit]:
        sources = [source for source, days in missed.items() if day in days]
        specs = [source.url.rpartition("/")[2] for source in sources]
        try:
            found = backfill(specs, day, get=_get_or_say_why, read=parser.read)
        except SourceUnreadable as error:  # the day stays missed, and is tried again when the feeds are due again
            yield Reading(source=f"arXiv API for {day}", error_kind=error.kind, error=error.detail)
            return
        for source, feed in zip(sources, found, strict=True):
            yield store(source, feed, now=now)
            source.refresh_from_db()  # for the next day


def days_to_fill(now: datetime) -> list[date]:
    """Return the days that at least one of arXiv's feeds missed in the past week, oldest first."""
    return sorted({day for days in _missed_by(now).values() for day in days})


def _missed_by(now: datetime) -> dict[Source, list[date]]:
    feeds = Source.objects.filter(active=True, kind=arxiv_rss.KIND)
    return {source: freshness.missed_days(source, now=now) for source in feeds}


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
        reading = Reading(source=source.name, error_kind=kind, error=fetched.error, host=source.host)
    else:
        reading = note_failure(source, kind, detail=fetched.error, now=now)
    Source.objects.filter(pk=source.pk).update(**row)
    return reading


def _stored(source: Source, fetched: http.Fetched, read: Callable[[bytes], Feed], *, now: datetime) -> Reading:
    if fetched.status == "unchanged":
        last = {**good_reading(source), "at": now.isoformat()}
        Source.objects.filter(pk=source.pk).update(
            last_success_at=now, failures=0, last_error_kind="", last_error="", last_reading=last
        )
        return Reading(source=source.name, notes=("unchanged since the last reading",))
    # written before anything is read: a body that ends this process too is left alone for longer each time
    Source.objects.filter(pk=source.pk).update(
        failures=source.failures + 1,
        last_error_kind=ErrorKind.PARSER_ENDED,
        last_error="",
        next_check_at=now + http.back_off(source.failures, source.pk),
    )
    try:
        return store(source, read(fetched.body), now=now)
    except SourceUnreadable as error:
        return note_failure(source, error.kind, detail=error.detail, now=now)


def _read_pages(body: bytes, *, url: str, ask: Callable[[str], http.Fetched], parser: ParserProcess) -> Feed:
    """Return what a body holds, of bioRxiv's API with all pages that follow. Raises SourceUnreadable for the first."""
    whole = page = parser.read(body)
    for _ in range(MOST_PAGES if page.kind == biorxiv_api.KIND else 0):
        after = page.offset + len(page.entries) + len(page.refused)
        if after == page.offset or after >= (page.list_total or 0):
            break
        fetched = ask(re.sub(r"/\d+(?=/json$)", f"/{after}", url))
        try:
            if fetched.status != "fresh":
                raise SourceUnreadable(fetched.error_kind or ErrorKind.OTHER, fetched.error)
            page = parser.read(fetched.body)
        except SourceUnreadable as error:
            # the service states more than it has, and has an error message for what follows its last page
            if error.kind is not ErrorKind.SOURCE_ERROR:
                whole = dataclasses.replace(whole, notes=(*whole.notes, f"a later page did not come: {error}"))
            break
        whole = dataclasses.replace(
            whole,
            entries=(*whole.entries, *page.entries),
            refused=(*whole.refused, *page.refused),
            notes=tuple(dict.fromkeys((*whole.notes, *page.notes))),
        )
    return whole


def _next_check(source: Source, now: datetime) -> datetime:
    """Return the next check: every ten minutes until the day is there, then hourly; arXiv's feeds after midnight."""
    if source.kind in VOTING_KINDS:
        return _before_sending(now)
    if source.kind != arxiv_rss.KIND:
        return now + HOURLY
    today = now.date()
    if now < arxiv_calendar.polling_begins(today):
        return arxiv_calendar.polling_begins(today)
    is_there = (source.last_reading.get("announced_on") or "") >= today.isoformat()
    in_time = now < arxiv_calendar.deadline(today)
    # where dates lag, what is taken for today's may be yesterday's after all, so it is asked again
    if arxiv_calendar.why_none(today) or (is_there and not (source.dates_lag and in_time)):
        return arxiv_calendar.polling_begins(today + timedelta(days=1))
    return now + (OFTEN if in_time and not is_there else HOURLY)


def _before_sending(now: datetime) -> datetime:
    """Return when votes are read next: in an hour, or earlier so that it is shortly before the next digests are due.

    A reading that was shortly before digests is followed by one in an hour, so that hours at odds (a reader in India
    and one in Europe) do not have the source asked twice an hour.
    """
    soon = Subscriber.objects.filter(next_send_at__gt=now, next_send_at__lte=now + HOURLY + BEFORE_SENDING)
    first = soon.aggregate(first=Min("next_send_at"))["first"]
    return now + HOURLY if first is None or first <= now + BEFORE_SENDING else first - BEFORE_SENDING
