"""Read public libraries: Zotero's of a person or a group, and the works of an ORCID record; now and each week.

Built from the public documentation of Zotero's web API (version 3) and of ORCID's public API (3.0).
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from urllib.parse import urlencode

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from digest.ingest import http
from digest.ingest.parser_process import ParserProcess, encode
from digest.ingest.parsers.feed import SourceUnreadable
from digest.ingest.reference_lists import ReferenceList
from digest.ingest.reference_lists.library_names import LIKE_ORCID, ORCID, ZOTERO, ZOTERO_NAME
from digest.ingest.reference_lists.work import MOST_WORKS
from digest.models import ListSource
from digest.reader_data import profiles
from digest.reading_lists.keep import SECONDS, ListFull, store_works
from digest.reading_lists.match import match
from digest.source_errors import ErrorKind
from subscriptions.models import Subscriber
from subscriptions.wake_worker import enqueue_task

logger = logging.getLogger(__name__)

WEEK, HOUR = timedelta(days=7), timedelta(hours=1)
LONGEST_RUN = timedelta(seconds=60)  # then no further library is begun
PAGE, MOST_PAGES = 100, 8  # of Zotero; notes and files fill pages, too
MOST_LIBRARIES = 5  # of one reader
LIMITS = http.Limits(total=30, size=8 << 20)
TASK = "digest.tasks.read_libraries"
GIVEN_UP = 8  # failures in a row, after which a library is read once a week only


class NotALibrary(Exception):
    """Raised with a code: ``orcid`` for a wrong digit or sign, ``name`` for a Zotero name where a number is needed."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class TooManyLibraries(Exception):
    """Raised when a reader has MOST_LIBRARIES."""


def library_in(text: str) -> tuple[str, str] | None:
    """Return kind and name of the one library that a text names, None where it names none. Raises NotALibrary."""
    text = text.strip()
    if len(text) > 200 or "\n" in text:
        return None
    if found := ORCID.fullmatch(text):
        if not _is_orcid(found[1].upper()):
            raise NotALibrary("orcid")
        return ListSource.Kind.ORCID, found[1].upper()
    if LIKE_ORCID.fullmatch(text):
        raise NotALibrary("orcid")
    if found := ZOTERO.fullmatch(text):
        is_group = found["kind"].lower().startswith("group")
        return ListSource.Kind.ZOTERO_GROUP if is_group else ListSource.Kind.ZOTERO_USER, found["number"]
    if ZOTERO_NAME.fullmatch(text):
        raise NotALibrary("name")
    return None


def _is_orcid(text: str) -> bool:
    """Return whether the last character is right (ISO 7064, MOD 11-2)."""
    total = 0
    digits = text.replace("-", "")
    for digit in digits[:-1]:
        total = (total + int(digit)) * 2
    return digits[-1] == "0123456789X"[(12 - total % 11) % 11]


def add_library(reader: Subscriber, kind: str, name: str, *, now: datetime, is_kept: bool = False) -> ListSource:
    """Store a library to be read, or ask for one that is there to be read again. Raises TooManyLibraries.

    Of one that ``is_kept`` what is read counts at once; of another the reader sees it first.
    """
    with transaction.atomic():
        Subscriber.objects.select_for_update().get(pk=reader.pk)
        mine = ListSource.objects.filter(subscriber=reader, kind__in=ListSource.LIBRARIES)
        part = mine.filter(kind=kind, name=name).first()
        if part is None:
            if mine.count() >= MOST_LIBRARIES:
                raise TooManyLibraries
            state = ListSource.State.KEPT if is_kept else ListSource.State.WAITING
            part = ListSource(subscriber=reader, kind=kind, name=name, state=state, given_at=now)
        if part.state != ListSource.State.KEPT:
            part.state, part.found = ListSource.State.WAITING, {}
        part.next_read_at, part.failures, part.problem = now, 0, ""
        part.save()
        transaction.on_commit(partial(enqueue_task, TASK, queue="ticks"))
    return part


def read_due(now: datetime, *, clock: Callable[[], datetime] = timezone.now) -> int:
    """Read the libraries whose time has come, as many as a task has time for; return how many were read."""
    listed = Subscriber.objects.on_the_list()
    due = ListSource.objects.filter(next_read_at__lte=now, subscriber__in=listed).order_by("next_read_at", "pk")
    due = due.exclude(state=ListSource.State.READ)  # its reader has not kept it yet
    count = 0
    with ParserProcess(seconds=SECONDS) as parser:
        for part in due.select_related("subscriber").iterator(chunk_size=20):
            if clock() - now > LONGEST_RUN:
                break
            read_library(part, now=clock(), parser=parser)
            count += 1
    return count


def read_library(part: ListSource, *, now: datetime, parser: ParserProcess) -> None:
    """Read one library: of a new one show what was found, of one that was kept take what changed."""
    try:
        found = _fetched(part, now=now, parser=parser)
    except SourceUnreadable as error:
        _note_failure(part, error.kind, now=now)
        return
    except _Later as later:
        ListSource.objects.filter(pk=part.pk).update(next_read_at=later.at, problem=later.kind)
        return
    row = {"next_read_at": now + WEEK, "read_at": now, "failures": 0, "problem": ""}
    if part.state != ListSource.State.KEPT:
        written = json.loads(encode(found))
        ListSource.objects.filter(pk=part.pk).update(**row, state=ListSource.State.READ, found=written)
        return
    try:
        with transaction.atomic():
            Subscriber.objects.select_for_update().get(pk=part.subscriber_id)
            store_works(part, match(found.works, reader=part.subscriber, apart_from=part.pk), now=now)
            ListSource.objects.filter(pk=part.pk).update(**row)
        profiles.make([part.subscriber_id])
    except (ListFull, IntegrityError):  # it was taken back meanwhile, or has grown over the limit
        ListSource.objects.filter(pk=part.pk).update(next_read_at=now + WEEK, problem=ErrorKind.NOT_STORED)


class _Later(Exception):
    def __init__(self, kind: ErrorKind, at: datetime) -> None:
        super().__init__(kind)
        self.kind, self.at = kind, at


def _note_failure(part: ListSource, kind: ErrorKind, *, now: datetime) -> None:
    """Write down why nothing was read, and when to try again: a private or missing library only next week."""
    lasting = kind in (ErrorKind.NOT_FOUND, ErrorKind.FORBIDDEN) or part.failures >= GIVEN_UP
    at = now + (WEEK if lasting else http.back_off(part.failures, part.pk))
    logger.info("library %s could not be read: %s", part.pk, kind)
    ListSource.objects.filter(pk=part.pk).update(next_read_at=at, problem=kind, failures=F("failures") + 1)


def _fetched(part: ListSource, *, now: datetime, parser: ParserProcess) -> ReferenceList:
    """Return the newest works of a library. Raises SourceUnreadable or _Later."""
    pages: list[ReferenceList] = []
    until = time.monotonic() + LONGEST_RUN.total_seconds()
    for url in _pages_of(part):
        if time.monotonic() > until:
            raise SourceUnreadable(ErrorKind.TIMEOUT)
        fetched = http.get(url, now=now, accept="application/json", failures=part.failures, limits=LIMITS)
        kind = fetched.error_kind or ErrorKind.OTHER
        if fetched.status == "later":
            raise _Later(kind, fetched.next_check_at or now + HOUR)
        if fetched.status != "fresh":
            raise SourceUnreadable(kind, fetched.error)
        page = parser.read_references(fetched.body)
        pages.append(page)
        if page.entries < PAGE or sum(len(one.works) for one in pages) >= MOST_WORKS:
            break
    works = {work.name: work for page in reversed(pages) for work in reversed(page.works)}
    return replace(
        pages[0],
        works=tuple(reversed(works.values()))[:MOST_WORKS],
        total=len(works),
        unread=tuple(one for page in pages for one in page.unread)[:MOST_WORKS],
        unread_total=sum(page.unread_total for page in pages),
        entries=sum(page.entries for page in pages),
    )


def _pages_of(part: ListSource) -> Iterator[str]:
    """Return the addresses of a library's pages, the newest works first."""
    if part.kind == ListSource.Kind.ORCID:
        yield f"{settings.ORCID_URL}/{part.name}/works"
        return
    place = "groups" if part.kind == ListSource.Kind.ZOTERO_GROUP else "users"
    query = {
        "v": 3,
        "format": "json",
        "itemType": "-attachment",
        "sort": "dateAdded",
        "direction": "desc",
        "limit": PAGE,
    }
    for number in range(MOST_PAGES):
        yield f"{settings.ZOTERO_URL}/{place}/{part.name}/items/top?{urlencode(query | {'start': number * PAGE})}"
