"""Draft, keep and take back the parts of a reader's own list."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet

from digest.ingest.parser_process import ParserProcess, decode, encode
from digest.ingest.parsers.feed import SourceUnreadable
from digest.ingest.reference_lists import ReferenceList
from digest.models import ListEntry, ListSource
from digest.reader_data import profiles
from digest.reading_lists.match import Match, Outcome, match
from digest.source_errors import ErrorKind
from subscriptions.models import Subscriber

SECONDS = 15  # of processor time for one list
PATIENCE = 5  # seconds to wait for a turn
MOST_ENTRIES = 2000  # of one reader; the newest 500 count
DRAFT_LASTS, WAITING_LASTS = timedelta(days=7), timedelta(days=30)
_TURNS = threading.BoundedSemaphore(2)
KEPT_OUTCOMES = (Outcome.KNOWN, Outcome.TEXT)


class ListFull(Exception):
    """Raised, with nothing written, when a reader's list would have more than MOST_ENTRIES."""


def read_body(body: bytes) -> ReferenceList:
    """Return the works in a file or pasted text, parsed in a process with limits. Raises SourceUnreadable.

    A web process parses two lists at once, so that long ones do not take all its threads.
    """
    if not _TURNS.acquire(timeout=PATIENCE):
        raise SourceUnreadable(ErrorKind.HOST_BUSY)
    try:
        with ParserProcess(seconds=SECONDS) as parser:
            return parser.read_references(body)
    finally:
        _TURNS.release()


def draft(reader: Subscriber, found: ReferenceList, *, kind: str, name: str = "", now: datetime) -> ListSource:
    """Store what was read until the reader keeps it; an earlier draft of theirs goes."""
    with transaction.atomic():
        _drafts(reader).exclude(kind__in=ListSource.LIBRARIES).delete()
        return ListSource.objects.create(
            subscriber=reader,
            kind=kind,
            name=name,
            state=ListSource.State.READ,
            given_at=now,
            read_at=now,
            found=json.loads(encode(found)),
        )


def found_in(source: ListSource) -> ReferenceList:
    """Return what was read and is not kept yet."""
    return decode(ReferenceList, source.found) if source.found else ReferenceList(format="", works=(), total=0)


def keep(source: ListSource, *, now: datetime) -> ListSource:
    """Keep what was read; a file of the same name that was kept before is replaced. Raises ListFull.

    Return the part that has the entries now. Nothing happens if it was kept or taken back meanwhile.
    """
    with transaction.atomic():
        Subscriber.objects.select_for_update().get(pk=source.subscriber_id)  # two requests at once take turns
        if not ListSource.objects.filter(pk=source.pk, state=ListSource.State.READ).exists():
            return source
        part = source
        if source.kind == ListSource.Kind.FILE:
            same = ListSource.objects.filter(subscriber=source.subscriber, kind=source.kind, name=source.name)
            part = same.filter(state=ListSource.State.KEPT).order_by("pk").first() or source
        found = found_in(source)
        store_works(part, match(found.works, reader=source.subscriber, apart_from=part.pk), now=now)
        part.state, part.read_at, part.found = ListSource.State.KEPT, source.read_at, {}
        part.save(update_fields=["state", "read_at", "found"])
        if part.pk != source.pk:
            source.delete()
    profiles.make([source.subscriber_id])  # now, so that the hour of sending need not
    return part


def store_works(part: ListSource, matches: Iterable[Match], *, now: datetime) -> None:
    """Make the entries of a part those of a reading. Raises ListFull. Call it in a transaction.

    What the reader took back stays away, and what the list does not hold any more goes.
    """
    before = {entry.name: entry for entry in part.entries.all()}
    wanted = {one.work.name: one for one in matches if one.outcome in KEPT_OUTCOMES}
    ListEntry.objects.filter(pk__in=[row.pk for name, row in before.items() if name not in wanted]).delete()
    fresh = [
        ListEntry(
            subscriber=part.subscriber,
            source=part,
            paper=one.paper,
            name=name,
            title=one.title,
            abstract=one.work.abstract,
            added_at=_added(one.work.added, now),
        )
        for name, one in wanted.items()
        if name not in before
    ]
    if ListEntry.objects.filter(subscriber=part.subscriber).count() + len(fresh) > MOST_ENTRIES:
        raise ListFull
    ListEntry.objects.bulk_create(fresh, batch_size=200)
    became_known = [row for name, row in before.items() if name in wanted and row.paper_id is None]
    for row in became_known:
        row.paper = None if row.taken_back else wanted[row.name].paper
    ListEntry.objects.bulk_update([row for row in became_known if row.paper_id], ["paper"], batch_size=200)


def take_back(part: ListSource) -> None:
    """Delete a part of a list with its entries."""
    part.delete()


def take_back_entry(entry: ListEntry) -> None:
    """Take one work out of a list; of a library only its name stays, so that it is not read in again."""
    if entry.source.kind not in ListSource.LIBRARIES:
        entry.delete()
        return
    ListEntry.objects.filter(pk=entry.pk).update(title="", abstract="", paper=None, taken_back=True)


def delete_old_drafts(now: datetime) -> None:
    """Delete what was read and not kept for a week, and libraries that could not be read for a month."""
    ListSource.objects.filter(state=ListSource.State.READ, read_at__lte=now - DRAFT_LASTS).delete()
    ListSource.objects.filter(state=ListSource.State.WAITING, given_at__lte=now - WAITING_LASTS).delete()


def _drafts(reader: Subscriber) -> QuerySet[ListSource]:
    return ListSource.objects.filter(subscriber=reader).exclude(state=ListSource.State.KEPT)


def _added(day: str, now: datetime) -> datetime:
    return min(datetime.fromisoformat(day).replace(tzinfo=UTC), now) if day else now
