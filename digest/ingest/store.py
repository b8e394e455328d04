"""Read one source: read the body, clean the text, store papers and sightings, each work once."""

from __future__ import annotations

import dataclasses
import logging
import operator
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from django.db import InterfaceError, OperationalError, connection, transaction

from digest import text
from digest.ingest import freshness, parsers
from digest.ingest.entry import REPLACE, Entry
from digest.ingest.notices import apply_notices
from digest.ingest.papers.claims import VOTING_KINDS, is_of_kind
from digest.ingest.papers.index import PaperIndex, Work, slices
from digest.ingest.papers.source_summaries import store_summaries
from digest.ingest.papers.tag import SLICE
from digest.ingest.parsers import MAX_BYTES, Feed, Refused, SourceUnreadable, arxiv_api, arxiv_rss
from digest.ingest.parsers.dates import not_ahead
from digest.ingest.parsers.feed import shorten_text
from digest.ingest.parsers.notices import Notice
from digest.models import PaperChange, Sighting, Source
from digest.source_errors import ErrorKind

logger = logging.getLogger(__name__)


# The most of one transaction: SQLite is locked for as long as it takes (`./run bench storing` measures that).
PAPERS_AT_ONCE = 100
CHARACTERS_AT_ONCE = 250_000  # of abstracts, of which the last may exceed it
NOTICES_AT_ONCE = 50
# The share of these that the first transaction has, and the least. Each next one has as many as would take LOCKED
# seconds at the pace of the one before, at most twice as many: so a busy or slow machine locks no longer.
FIRST_SHARE, LEAST_SHARE = 0.2, 0.02
LOCKED = 0.4
# Seconds between two transactions on SQLite. A connection that waits for its lock asks every 100 ms, and nobody queues.
PAUSE = 0.12


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Counts of one reading of a source; ``error_kind`` says why not all came, ``error`` is its detail."""

    source: str
    expected: int | None = None
    stored: int = 0
    new: int = 0
    updated: int = 0
    announced_on: date | None = None
    refused: tuple[Refused, ...] = ()
    notes: tuple[str, ...] = ()
    error_kind: ErrorKind | None = None
    error: str = ""
    host: str = ""  # that was asked; empty for files

    def as_json(self, now: datetime) -> dict[str, Any]:
        """Return what the source's row keeps, for the edition's completeness report and for curators."""
        return {
            "at": now.isoformat(),
            "expected": self.expected,
            "stored": self.stored,
            "error_kind": self.error_kind or "",
            "error": self.error,
            "announced_on": self.announced_on and self.announced_on.isoformat(),
            "refused": dict(Counter(refused.why for refused in self.refused)),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """Ids of the papers that were stored so far, and what is to be told of them."""

    papers: Set[int] = frozenset()
    new: Set[int] = frozenset()
    changed: Set[int] = frozenset()
    joined: Set[int] = frozenset()  # to other papers, and deleted
    refused: tuple[Refused, ...] = ()
    notes: tuple[str, ...] = ()

    def and_also(self, slice_: Stored) -> Stored:
        return Stored(
            papers=(self.papers | slice_.papers) - slice_.joined,
            new=(self.new | slice_.new) - slice_.joined,
            changed=(self.changed | slice_.changed) - slice_.joined,
            refused=(*self.refused, *slice_.refused),
            notes=(*self.notes, *slice_.notes),
        )


def read_file(path: Path, *, parse: Callable[[bytes], Feed] = parsers.read) -> Feed:
    """Read a file that an operator gave; raises SourceUnreadable."""
    return parse(bytes_of(path))


def bytes_of(path: Path) -> bytes:
    """Return the bytes of a file that an operator gave; raises SourceUnreadable."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise SourceUnreadable(ErrorKind.TOO_LARGE, f"more than {MAX_BYTES >> 20} MiB")
        return path.read_bytes()
    except FileNotFoundError:
        raise SourceUnreadable(ErrorKind.FILE_UNREADABLE, "there is no such file") from None
    except OSError as error:
        raise SourceUnreadable(ErrorKind.FILE_UNREADABLE, error.strerror or "") from error


def store_files(feeds: Mapping[str, Feed | SourceUnreadable], *, now: datetime) -> Iterator[Reading]:
    """Store what each named file brought; one bad file never stops the others."""
    for name, feed in feeds.items():
        if isinstance(feed, SourceUnreadable):
            defaults = {"name": name[:200], "active": False}
            source, _ = Source.objects.get_or_create(url=f"file:{name}"[:500], defaults=defaults)
            yield note_failure(source, feed.kind, detail=feed.detail, now=now)
            continue
        source = source_named_in(feed, name)
        yield store(source, feed, now=now)


def source_named_in(feed: Feed, file_name: str) -> Source:
    """Return the source that a given file's own title or link names, else ``file:<name>``."""
    url = (feed.url or f"file:{file_name}")[:500]
    name = (feed.name or file_name)[:200]
    defaults = {"name": name, "kind": feed.kind, "active": False}  # given by hand, never fetched
    return Source.objects.get_or_create(url=url, defaults=defaults)[0]


def store(source: Source, feed: Feed, *, now: datetime) -> Reading:
    """Store what a source showed at ``now``, a slice a transaction, so that others can write between them.

    Where a slice fails, what those before it stored stays, the source's row says how much that is, and the next reading
    stores the rest. Raises OperationalError or InterfaceError where the database is gone; the row says the same then.
    """
    feed = freshness.as_announced(source, not_ahead(feed, now), now=now)
    shown = feed.entries
    if not is_of_kind(source, feed.kind, VOTING_KINDS):
        shown = tuple(dataclasses.replace(entry, points=None, summary="", project="") for entry in shown)
    entries, refused = clean_entries(shown)
    steps = Steps(entries, feed.notices)
    done = Stored(refused=(*feed.refused, *refused), notes=feed.notes)
    try:
        while step := steps.next():
            with transaction.atomic():
                begun = time.monotonic()
                # one store at a time, or two sources that show one new work at once would both make it
                Source.objects.order_by("pk").select_for_update().first()
                stored = done.and_also(_store_slice(source, feed.kind, *step, now=now))
                row = _row_in_part(source, stored, len(entries)) if steps.left else _row(source, feed, stored, now=now)
                Source.objects.filter(pk=source.pk).update(**row)
            steps.pace(time.monotonic() - begun)
            done = stored
            if steps.left and connection.vendor == "sqlite":
                time.sleep(PAUSE)
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        logger.exception("What %s showed could not be stored", source.name)
        detail = _in_part(done, len(entries)) if done.papers else ""
        counts = {"expected": feed.expected, "stored": len(done.papers)}
        return note_failure(source, ErrorKind.NOT_STORED, now=now, detail=detail, **counts)
    return _reading(source, feed, done)


class Steps:
    """What each transaction stores, at least one; the notices last, since they may name papers before them."""

    def __init__(self, entries: Sequence[Entry], notices: Sequence[Notice]) -> None:
        self._entries, self._notices = deque(entries), deque(notices)
        self._share = FIRST_SHARE
        self._is_first = True

    @property
    def left(self) -> bool:
        return bool(self._entries or self._notices)

    def next(self) -> tuple[Sequence[Entry], Sequence[Notice]] | None:
        """Return the papers, or else the notices, of the next transaction; None after the last."""
        if not self.left and not self._is_first:
            return None
        self._is_first = False
        if self._entries:
            return list(self._next_entries()), ()
        most = max(1, round(NOTICES_AT_ONCE * self._share))
        return (), [self._notices.popleft() for _ in range(min(most, len(self._notices)))]

    def pace(self, seconds: float) -> None:
        """Take more or fewer at once from now on, by how long the last transaction took."""
        times = min(2, LOCKED / max(seconds, 0.001))
        self._share = min(1, max(LEAST_SHARE, self._share * times))

    def _next_entries(self) -> Iterator[Entry]:
        papers, characters = max(1, round(PAPERS_AT_ONCE * self._share)), CHARACTERS_AT_ONCE * self._share
        while self._entries and papers > 0 and characters > 0:
            papers -= 1
            characters -= len(self._entries[0].abstract)
            yield self._entries.popleft()


def _store_slice(
    source: Source, kind: str, entries: Sequence[Entry], notices: Sequence[Notice], *, now: datetime
) -> Stored:
    index = PaperIndex(source, entries, kind=kind, now=now)
    refused = [entry for entry in entries if not index.upsert(entry)]
    index.save()
    shown = [work for work in index.works if work.entry]
    _write_sightings(source, shown, now=now)
    store_summaries(index.works, now=now)
    noticed = apply_notices(source, kind, notices, now=now)
    return Stored(
        papers={work.paper.pk for work in shown},
        new={work.paper.pk for work in index.works if work.is_new},
        changed={work.paper.pk for work in index.works if work.is_changed}
        | {change.paper_id for change in noticed if change.state == PaperChange.State.APPLIED},
        joined=index.joined,
        refused=tuple(Refused(what=entry.identifiers[0], why="withdrawn, and not known here") for entry in refused),
        notes=tuple(_noticed_in_words(noticed)),
    )


def _reading(source: Source, feed: Feed, stored: Stored) -> Reading:
    return Reading(
        source=source.name,
        expected=feed.expected,
        stored=len(stored.papers),
        new=len(stored.new),
        updated=len(stored.changed - stored.new),
        announced_on=feed.announced_on,
        refused=stored.refused,
        notes=stored.notes,
    )


def _row(source: Source, feed: Feed, stored: Stored, *, now: datetime) -> dict[str, Any]:
    """Return what the source's row says once all is stored."""
    return {
        "last_success_at": now,
        "failures": 0,
        "last_error_kind": "",
        "last_error": "",
        "last_reading": _added_up(source, feed, _reading(source, feed, stored), now),
        "days_read": freshness.days_read(source, feed),
    }


def _row_in_part(source: Source, stored: Stored, total: int) -> dict[str, Any]:
    """Return what the source's row says until all is stored, also if this process ends before.

    The last reading stays the one before: an edition that waits for this source must not take a part for its day.
    """
    return {
        "failures": source.failures + 1,
        "last_error_kind": ErrorKind.NOT_STORED,
        "last_error": _in_part(stored, total),
    }


def _in_part(stored: Stored, total: int) -> str:
    return f"{len(stored.papers):,} of {total:,} papers are stored, the others come with the next reading"


def _noticed_in_words(noticed: Iterable[PaperChange]) -> Iterator[str]:
    for change in noticed:
        title = shorten_text(change.paper.title)
        if change.state == PaperChange.State.APPLIED:
            yield f"a notice takes back “{title}”, which is marked as withdrawn"
        else:
            yield f"a notice may be about “{title}”: a curator decides, on the page Merges and claims"


def _added_up(source: Source, feed: Feed, reading: Reading, now: datetime) -> dict[str, Any]:
    """Return what the source's row keeps; two pages of one moment count together, two readings of one list count once.

    A missed day that is filled in from the API does not take the place of a newer one.
    """
    before, kept = source.last_reading, reading.as_json(now)
    is_fill = (source.kind, feed.kind) == (arxiv_rss.KIND, arxiv_api.KIND)
    good = good_reading(source)
    if is_fill and (good.get("announced_on") or "") > (kept["announced_on"] or ""):
        return good
    kept["pages"] = [feed.offset]
    if before.get("at") != kept["at"] or before.get("error_kind"):
        return kept
    pages = before.get("pages", [0])
    kept["pages"] = [*pages, feed.offset]
    add = max if kept["announced_on"] and kept["announced_on"] == before["announced_on"] else operator.add
    # a further page of one list, in whatever order they come
    if feed.offset or (feed.list_total is not None and feed.offset not in pages):
        add, kept["expected"] = operator.add, max(feed.list_total or 0, before["expected"] or 0)
    elif None not in (kept["expected"], before["expected"]):
        kept["expected"] = add(kept["expected"], before["expected"])
    kept["stored"] = add(kept["stored"], before["stored"])
    kept["announced_on"] = max(kept["announced_on"] or "", before["announced_on"] or "") or None
    return kept


def note_failure(
    source: Source, kind: ErrorKind, *, now: datetime, detail: str = "", expected: int | None = None, stored: int = 0
) -> Reading:
    """Write on the source's row why not all came; what was stored before stays, and so does the last good reading."""
    reading = Reading(
        source=source.name, expected=expected, stored=stored, error_kind=kind, error=detail, host=source.host
    )
    Source.objects.filter(pk=source.pk).update(
        failures=source.failures + 1,
        last_error_kind=kind,
        last_error=detail[:500],
        last_reading={**reading.as_json(now), "before": good_reading(source)},
    )
    return reading


def good_reading(source: Source) -> dict[str, Any]:
    """Return the last reading that did not fail, as ``Reading.as_json`` wrote it; empty where there was none."""
    last: dict[str, Any] = source.last_reading
    return last.get("before", {}) if last.get("error_kind") else last


def clean_entries(entries: Iterable[Entry]) -> tuple[list[Entry], list[Refused]]:
    """Return entries with readable Unicode in place of TeX and HTML; refuse those without a title."""
    kept, refused = [], []
    for entry in entries:
        title = text.clean(entry.title)
        if not title and not entry.withdrawn:
            refused.append(Refused(what=entry.identifiers[0], why="no readable title"))
            continue
        kept.append(
            dataclasses.replace(
                entry,
                title=title,
                abstract=text.clean_abstract(entry.abstract),
                summary=text.clean(entry.summary),
                authors=tuple(name for author in entry.authors if (name := text.clean_name(author))),
                # an update that its source does not announce as one
                announced=entry.announced or (REPLACE if entry.version > 1 and entry.points is None else ""),
            )
        )
    return kept, refused


def _write_sightings(source: Source, works: Sequence[Work], *, now: datetime) -> None:
    """Return a row for each paper whose announcement, points, comments or stars are not as this source last showed
    them.
    """
    last = {
        row.paper_id: row
        for some in slices([work.paper.pk for work in works])
        for row in Sighting.objects.filter(source=source, paper__in=some, seen_at__lte=now).order_by("seen_at")
    }
    fresh, same_moment = [], []
    for work in works:
        entry, known = work.entry, last.get(work.paper.pk)
        assert entry is not None  # noqa: S101 (for the type checker: only works with an entry come here)
        row = Sighting(
            paper=work.paper,
            source=source,
            seen_at=now,
            announced=entry.announced,
            points=entry.points,
            comments=entry.comments,
            stars=entry.stars,
        )
        if known is None or (known.seen_at < now and _shown(known) != _shown(row)):
            fresh.append(row)
        elif known.seen_at == now and (row.points or 0) > (known.points or 0):  # two readings of one moment
            known.points, known.comments, known.stars = row.points, row.comments, row.stars
            same_moment.append(known)
    Sighting.objects.bulk_create(fresh, batch_size=SLICE)
    Sighting.objects.bulk_update(same_moment, ["points", "comments", "stars"], batch_size=100)


def _shown(row: Sighting) -> tuple[object, ...]:
    return row.announced, row.points, row.comments, row.stars
