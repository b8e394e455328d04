"""One reading of one source: read the body, clean the text, store papers and sightings, each work once."""

from __future__ import annotations

import dataclasses
import logging
import operator
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from django.db import transaction

from digest import text
from digest.ingest import freshness, parsers
from digest.ingest.entry import DAY, REPLACE, Entry, title_identifier
from digest.ingest.parsers import MAX_BYTES, Feed, Refused, SourceUnreadable, arxiv_api, arxiv_rss
from digest.ingest.parsers.dates import not_ahead
from digest.ingest.tag import SLICE, tag
from digest.models import Delivery, DeliveryContent, Identifier, Paper, Sighting, Source
from digest.record import DigestRecord, Why
from digest.source_errors import ErrorKind

STRUCTURED_AUTHORS = {"arxiv_api", "arxiv_oai", "hugging_face", "biorxiv_api"}  # lists, not one string
logger = logging.getLogger(__name__)

S = TypeVar("S")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What one reading of a source brought; ``error_kind`` says why nothing came, ``error`` is its detail."""

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

    def as_json(self, now: datetime) -> dict[str, Any]:
        """What the source's row keeps, for the edition's completeness report and for curators."""
        return {
            "at": now.isoformat(),
            "expected": self.expected,
            "stored": self.stored,
            "error_kind": self.error_kind or "",
            "error": self.error,
            "announced_on": self.announced_on and self.announced_on.isoformat(),
            "refused": dict(Counter(refused.why for refused in self.refused)),
        }


def read_file(path: Path, *, parse: Callable[[bytes], Feed] = parsers.read) -> Feed:
    """Read a file that an operator gave; raises SourceUnreadable."""
    return parse(bytes_of(path))


def bytes_of(path: Path) -> bytes:
    """The bytes of a file that an operator gave; raises SourceUnreadable."""
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
        try:
            yield store(source, feed, now=now)
        except Exception:  # nothing of this one is stored; the others go on
            logger.exception("What %s showed could not be stored", source.name)
            yield note_failure(source, ErrorKind.NOT_STORED, now=now)


def source_named_in(feed: Feed, file_name: str) -> Source:
    """The source that a given file's own title or link names, else ``file:<name>``."""
    url = (feed.url or f"file:{file_name}")[:500]
    name = (feed.name or file_name)[:200]
    defaults = {"name": name, "kind": feed.kind, "active": False}  # given by hand, never fetched
    return Source.objects.get_or_create(url=url, defaults=defaults)[0]


def store(source: Source, feed: Feed, *, now: datetime) -> Reading:
    """Store what a source showed at ``now``; all of it or, when the database fails, nothing."""
    feed = not_ahead(feed, now)
    feed = freshness.as_announced(source, feed, now=now)
    entries, refused = clean_entries(feed.entries)
    with transaction.atomic():
        # one store at a time, or two sources that show one new work at once would both make it
        Source.objects.order_by("pk").select_for_update().first()
        papers_by_name = _PaperIndex(entries)
        for entry in entries:
            if not papers_by_name.upsert(entry, now=now, structured=feed.kind in STRUCTURED_AUTHORS):
                refused.append(Refused(what=entry.identifiers[0], why="withdrawn, and not known here"))
        papers_by_name.save()
        _write_sightings(source, [work for work in papers_by_name.works if work.entry], now=now)
        reading = Reading(
            source=source.name,
            expected=feed.expected,
            stored=sum(work.entry is not None for work in papers_by_name.works),
            new=sum(work.is_new for work in papers_by_name.works),
            updated=sum(work.is_changed and not work.is_new for work in papers_by_name.works),
            announced_on=feed.announced_on,
            refused=(*feed.refused, *refused),
            notes=feed.notes,
        )
        Source.objects.filter(pk=source.pk).update(
            last_success_at=now,
            failures=0,
            last_error_kind="",
            last_error="",
            last_reading=_added_up(source, feed, reading, now),
            days_read=freshness.days_read(source, feed),
        )
    return reading


def _added_up(source: Source, feed: Feed, reading: Reading, now: datetime) -> dict[str, Any]:
    """What the source's row keeps; two pages of one moment count together, two readings of one list count once.

    A missed day that is filled in from the API does not take the place of a newer one.
    """
    before, kept = source.last_reading, reading.as_json(now)
    is_fill = (source.kind, feed.kind) == (arxiv_rss.KIND, arxiv_api.KIND)
    if is_fill and (before.get("announced_on") or "") > (kept["announced_on"] or ""):
        return before
    if before.get("at") != kept["at"] or before.get("error_kind"):
        return kept
    add = max if kept["announced_on"] and kept["announced_on"] == before["announced_on"] else operator.add
    if feed.offset:  # a further page of one list
        add, kept["expected"] = operator.add, max(feed.list_total or 0, before["expected"] or 0)
    elif None not in (kept["expected"], before["expected"]):
        kept["expected"] = add(kept["expected"], before["expected"])
    kept["stored"] = add(kept["stored"], before["stored"])
    kept["announced_on"] = max(kept["announced_on"] or "", before["announced_on"] or "") or None
    return kept


def note_failure(source: Source, kind: ErrorKind, *, now: datetime, detail: str = "") -> Reading:
    """Write on the source's row why nothing came; what was stored before stays, and so does the last good reading."""
    reading = Reading(source=source.name, error_kind=kind, error=detail)
    Source.objects.filter(pk=source.pk).update(
        failures=source.failures + 1,
        last_error_kind=kind,
        last_error=detail[:500],
        last_reading={**reading.as_json(now), "before": good_reading(source)},
    )
    return reading


def good_reading(source: Source) -> dict[str, Any]:
    """The last reading that did not fail, as ``Reading.as_json`` wrote it; empty where there was none."""
    last: dict[str, Any] = source.last_reading
    return last.get("before", {}) if last.get("error_kind") else last


def clean_entries(entries: Iterable[Entry]) -> tuple[list[Entry], list[Refused]]:
    """Readable Unicode in place of TeX and HTML; an entry that is left without a title is refused."""
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
                authors=tuple(name for author in entry.authors if (name := text.clean_name(author))),
                # an update that its source does not announce as one
                announced=entry.announced or (REPLACE if entry.version > 1 and entry.points is None else ""),
            )
        )
    return kept, refused


@dataclass(eq=False, slots=True)
class _Match:
    """A paper on its way to the database, and the entry that shows it."""

    paper: Paper
    is_new: bool = False
    is_changed: bool = False  # as readers would see it
    entry: Entry | None = None


class _PaperIndex:
    """The papers that the entries of one feed may already be, and those they become."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        names = sorted({name for entry in entries for name in _names(entry)})
        rows = [
            row
            for some in slices(names)
            for row in Identifier.objects.filter(value__in=some).select_related("paper").order_by("paper_id")
        ]
        known = {row.paper_id: _Match(row.paper) for row in rows}  # one object a row, or an update would be lost
        self.works = list(known.values())
        self._by_name = {row.value: known[row.paper_id] for row in rows}
        self._new_names: list[str] = []

    def upsert(self, entry: Entry, *, now: datetime, structured: bool) -> bool:
        """Find or make the paper that this entry shows, and bring it up to date (saved by :meth:`save`).

        False for a mere notice of withdrawal of a work that is not known.
        """
        works = self._works_named_by(entry)
        if not works and not entry.title:
            return False
        if works:
            work = works[0]
            for other in works[1:]:
                self._merge(work, other)
            changed = _bring_up_to_date(work.paper, entry, now=now, structured=structured)
            work.is_changed = work.is_changed or changed
        else:
            work = _Match(_new_paper(entry, now), is_new=True)
            if work.paper.identifier in self._by_name:  # a bare title that another author's work bears already
                work.paper.identifier = _own_names(entry)[-1]
            self.works.append(work)
        work.entry = entry
        for name in _names(entry):
            if name not in self._by_name:
                self._by_name[name] = work
                self._new_names.append(name)
        return True

    def save(self) -> None:
        new = [work.paper for work in self.works if work.is_new]
        known = [work.paper for work in self.works if work.entry and not work.is_new]
        Paper.objects.bulk_create(new, batch_size=SLICE)
        Paper.objects.bulk_update(known, UPDATABLE, batch_size=100)
        Identifier.objects.bulk_create(
            [Identifier(value=name, paper=self._by_name[name].paper) for name in self._new_names], batch_size=SLICE
        )
        tag([work.paper for work in self.works if work.is_new or work.is_changed])

    def _works_named_by(self, entry: Entry) -> list[_Match]:
        named = {work for name in _own_names(entry) if (work := self._by_name.get(name)) and _may_be(entry, work.paper)}
        namesake = self._by_name.get(title_identifier(entry.title)) if entry.title else None
        if (
            namesake is not None
            and (_is_title(entry.identifiers[0]) or _is_title(namesake.paper.identifier))
            and _same_authors(entry.authors, namesake.paper.authors)
        ):
            named.add(namesake)
        return sorted(named, key=self.works.index) if len(named) > 1 else list(named)  # the oldest first

    def _merge(self, work: _Match, other: _Match) -> None:
        """Two rows turn out to be one work, by an entry that bears the names of both: the older stays."""
        self._by_name = {name: work if owner is other else owner for name, owner in self._by_name.items()}
        self.works.remove(other)
        if not other.is_new:
            _merge_rows(work.paper, other.paper)


UPDATABLE = [
    "identifier", "title", "abstract", "authors", "categories", "primary_category", "url",
    "published_at", "published_precision", "announced_on", "first_seen_at", "version", "withdrawn_at",
]  # fmt: skip


def slices(items: Sequence[S]) -> Iterator[Sequence[S]]:
    return (items[start : start + SLICE] for start in range(0, len(items), SLICE))


def _may_be(entry: Entry, paper: Paper) -> bool:
    """Two arXiv ids are two works, whatever else they share: authors type placeholder DOIs."""
    ids = [name for name in entry.identifiers if name.startswith("arxiv:")]
    return not ids or not paper.identifier.startswith("arxiv:") or paper.identifier in ids


def _own_names(entry: Entry) -> tuple[str, ...]:
    """The names that no other work bears; of a work known by its title alone, title and surnames together."""
    if not entry.title:
        return entry.identifiers
    if not _is_title(entry.identifiers[0]):
        return tuple(name for name in entry.identifiers if not _is_title(name))
    return (title_identifier(" ".join([entry.title, *sorted(_surnames(entry.authors))])),) if entry.authors else ()


def _names(entry: Entry) -> tuple[str, ...]:
    """Every name of a work, its title too: how a bare title and the identified work find each other."""
    titles = (title_identifier(entry.title),) if entry.title else ()
    return tuple(dict.fromkeys((*entry.identifiers, *_own_names(entry), *titles)))


def _is_title(identifier: str) -> bool:
    return identifier.startswith("title:")


def _same_authors(some: Sequence[str], others: Sequence[str]) -> bool:
    """Whether two lists may be of one work: one is empty, or they share a surname."""
    one, other = _surnames(some), _surnames(others)
    return not one or not other or bool(one & other)


def _surnames(names: Iterable[str]) -> set[str]:
    return {words[-1] for name in names if (words := text.fold(name).split())}


def _new_paper(entry: Entry, now: datetime) -> Paper:
    return Paper(
        identifier=entry.identifiers[0],
        title=entry.title,
        abstract=entry.abstract,
        authors=list(entry.authors),
        categories=list(entry.categories),
        primary_category=entry.categories[0] if entry.categories else "",
        url=entry.url,
        published_at=entry.published,
        published_precision=entry.precision,
        announced_on=entry.announced_on,
        first_seen_at=now,
        version=entry.version,
        withdrawn_at=now if entry.withdrawn else None,
    )


def _bring_up_to_date(paper: Paper, entry: Entry, *, now: datetime, structured: bool) -> bool:
    """Let a newer version replace, and an equal one complete; True when readers would see a difference."""
    before = (paper.title, paper.abstract, paper.authors, paper.categories, paper.withdrawn_at)
    newer = entry.version > paper.version
    if entry.title and (newer or not paper.title):
        paper.title = entry.title
    if entry.abstract and (newer or not paper.abstract):
        paper.abstract = entry.abstract
    if entry.authors and (newer or not paper.authors or (structured and entry.version == paper.version)):
        paper.authors = list(entry.authors)
    paper.categories = list(dict.fromkeys((*(entry.categories if newer else ()), *paper.categories, *entry.categories)))
    paper.primary_category = paper.categories[0] if paper.categories else ""
    paper.version = max(paper.version, entry.version)
    if entry.withdrawn:
        paper.withdrawn_at = paper.withdrawn_at or now
    elif newer:
        paper.withdrawn_at = None
    if _rank(entry.identifiers[0]) < _rank(paper.identifier):
        paper.identifier, paper.url = entry.identifiers[0], entry.url or paper.url
    paper.url = paper.url or entry.url
    if entry.published and (not paper.published_at or (paper.published_precision != DAY and entry.precision == DAY)):
        paper.published_at, paper.published_precision = entry.published, entry.precision
    paper.announced_on = paper.announced_on or entry.announced_on
    paper.first_seen_at = min(paper.first_seen_at, now)
    return before != (paper.title, paper.abstract, paper.authors, paper.categories, paper.withdrawn_at)


def _rank(identifier: str) -> int:
    return ("arxiv", "doi", "url", "title").index(identifier.partition(":")[0])


def _merge_rows(paper: Paper, other: Paper) -> None:
    other.identifiers.update(paper=paper)
    for rows, beside in (
        (other.sightings.all(), ("source_id", "seen_at")),
        (other.candidacies.all(), ("edition_id",)),
        (other.curator_picks.all(), ("edition_date",)),
        (other.verdicts.all(), ("subscriber_id",)),
    ):
        taken = set(rows.model._default_manager.filter(paper=paper).values_list(*beside))
        for row in rows:
            if tuple(getattr(row, name) for name in beside) not in taken:
                rows.model._default_manager.filter(pk=row.pk).update(paper=paper)
    if other.version > paper.version:
        for name in ("title", "abstract", "authors", "version"):
            setattr(paper, name, getattr(other, name) or getattr(paper, name))
    paper.withdrawn_at = paper.withdrawn_at or other.withdrawn_at
    paper.first_seen_at = min(paper.first_seen_at, other.first_seen_at)
    since = (paper.first_seen_at - timedelta(days=2)).date()
    for content in DeliveryContent.objects.filter(delivery__issue_date__gte=since).iterator():
        if other.pk in _named_in(content):  # or the work could be sent again under its other row
            _rename(content, other.pk, paper.pk)
    other.delete()


def _named_in(content: DeliveryContent) -> list[int]:
    return [*content.paper_ids, *(content.parsed.also if content.parsed else ())]


def _rename(content: DeliveryContent, old: int, new: int) -> None:
    """Name the paper by its new id in what a digest was made of; once, where it held both."""
    record = content.parsed or DigestRecord()
    kept: dict[int, Sequence[Why]] = {}
    for paper_id, why in zip(content.paper_ids, record.reasons_of(len(content.paper_ids)), strict=True):
        kept.setdefault(new if paper_id == old else paper_id, why)
    content.paper_ids, fields = list(kept), ["paper_ids"]
    if content.parsed:
        also = dict.fromkeys(new if paper_id == old else paper_id for paper_id in record.also)
        also_left = [paper_id for paper_id in also if paper_id not in kept]
        content.record = dataclasses.replace(record, reasons=list(kept.values()), also=also_left).to_json()
        fields.append("record")
    content.save(update_fields=fields)
    Delivery.objects.filter(pk=content.pk).update(paper_count=len(kept))


def _write_sightings(source: Source, works: Sequence[_Match], *, now: datetime) -> None:
    """A row for each paper whose announcement, points, comments or stars are not as this source last showed them."""
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
