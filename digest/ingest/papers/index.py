"""Find the papers that the entries of one reading are, or make them; what each source may change is in ``claims``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass, field
from datetime import datetime, time
from typing import Any, TypeVar

from django.db import connection

from digest.identifiers.canonical import normalise_title, title_identifier
from digest.identifiers.links import hash_of
from digest.ingest.entry import DAY, Entry
from digest.ingest.papers import claims
from digest.ingest.papers.claims import Kind, Standing, State
from digest.ingest.papers.identity import (
    RECORD_KINDS,
    all_names,
    are_two_works,
    guid_name,
    is_strong,
    is_title,
    own_names,
    rank,
    same_authors,
    scheme_of,
)
from digest.ingest.papers.merge import merge_rows
from digest.ingest.papers.tag import SLICE, tag
from digest.models import Identifier, Paper, PaperChange, Source
from digest.search import index

STRUCTURED_AUTHORS = {"arxiv_api", "arxiv_oai", "hugging_face", "biorxiv_api"}  # lists, not one string
UPDATABLE = [
    "identifier", "title", "abstract", "authors", "categories", "primary_category", "url", "code_url", "project_url",
    "published_at", "published_precision", "announced_on", "first_seen_at", "version", "withdrawn_at", "told_by",
]  # fmt: skip
# what readers see of a change
READABLE = ("title", "abstract", "authors", "categories", "url", "version", "withdrawn_at")

S = TypeVar("S")


def slices(items: Sequence[S]) -> Iterator[Sequence[S]]:
    return (items[start : start + SLICE] for start in range(0, len(items), SLICE))


@dataclass(eq=False, slots=True)
class Work:
    """A paper on its way to the database, its names, and the entry that shows it."""

    paper: Paper
    names: list[str] = field(default_factory=list)  # its own identifier first
    changes: list[PaperChange] = field(default_factory=list)  # claims of this source, and what was undone
    is_new: bool = False
    is_changed: bool = False  # as readers would see it
    entry: Entry | None = None
    stored: list[Any] = field(default_factory=list)  # the columns as they are in the database
    searched: list[Any] = field(default_factory=list)  # of these the ones that search reads


class PaperIndex:
    """The papers that the entries of one reading may already be, and those they become."""

    def __init__(self, source: Source, entries: Sequence[Entry], *, kind: str, now: datetime) -> None:
        self._source, self._kind, self._now = source, kind, now
        names = sorted({name for entry in entries for name in all_names(entry, source.pk)})
        # of the papers that are named, all names: one object a paper, or an update would be lost
        named = [
            pk
            for some in slices(names)
            for pk in Identifier.objects.filter(value__in=some).values_list("paper_id", flat=True)
        ]
        known: dict[int, Work] = {}
        self._by_name: dict[str, Work] = {}
        for some in slices(sorted(set(named))):
            for paper in Paper.objects.filter(pk__in=some).select_related("told_by").order_by("pk"):
                known[paper.pk] = Work(paper, [paper.identifier], stored=_columns(paper), searched=_searched(paper))
            for value, pk in Identifier.objects.filter(paper__in=some).order_by("pk").values_list("value", "paper_id"):
                known[pk].names.append(value)
                self._by_name[value] = known[pk]
            for change in PaperChange.objects.filter(paper__in=some):
                known[change.paper_id].changes.append(change)
        self.works = list(known.values())
        self.joined: set[int] = set()  # ids of papers that are deleted, since they are one of the others
        self._new_names: list[str] = []
        self._new_changes: list[PaperChange] = []

    def upsert(self, entry: Entry) -> bool:
        """Find or make the paper that this entry shows, and bring it up to date (saved by :meth:`save`).

        False for a mere notice of withdrawal of a work that is not known.
        """
        works = self._works_named_by(entry)
        if not works and not entry.title:
            return False
        if works:
            work = self._joined(works, entry)
            work.is_changed |= self._bring_up_to_date(work, entry)
        else:
            work = Work(self._new_paper(entry), is_new=True)
            work.names.append(work.paper.identifier)
            self.works.append(work)
            self._give_names(work, entry, all_of_them=True)
        work.entry = entry
        return True

    def save(self) -> None:
        """Write all papers with their names, topics and claims; a fixed number of queries for each thousand."""
        new = [work.paper for work in self.works if work.is_new]
        known = [work.paper for work in self.works if not work.is_new and work.stored != _columns(work.paper)]
        Paper.objects.bulk_create(new, batch_size=SLICE)
        _update(known)
        Identifier.objects.bulk_create(
            [Identifier(value=name, paper=self._by_name[name].paper) for name in self._new_names], batch_size=SLICE
        )
        PaperChange.objects.bulk_create(self._new_changes, batch_size=SLICE)
        tag([work.paper for work in self.works if work.is_new or work.is_changed])
        index([work.paper for work in self.works if work.is_new or _searched(work.paper) != work.searched])

    # --- which work it is ---------------------------------------------------------------------------------------------

    def _works_named_by(self, entry: Entry) -> list[Work]:
        """Return the works that an entry names, those that it names by the better name first."""
        found: dict[Work, None] = {}
        for name in own_names(entry, self._source.pk):
            work = self._by_name.get(name)
            if work and work not in found and self._may_be(entry, work, name):
                found[work] = None
        namesake = self._by_name.get(title_identifier(entry.title)) if entry.title else None
        if namesake and namesake not in found and self._is_namesake(entry, namesake):
            found[namesake] = None
        return list(found)

    def _may_be(self, entry: Entry, work: Work, name: str) -> bool:
        """Return whether a name that an entry shares with a work is enough, by all else that they say."""
        is_record = self._kind in RECORD_KINDS and entry.identifiers[0] == work.paper.identifier
        if not is_record and are_two_works(entry.identifiers, work.names):
            return False
        if self._kind in RECORD_KINDS:  # the DOI that authors type may be a placeholder
            return name == entry.identifiers[0] or same_authors(entry.authors, work.paper.authors)
        if is_title(name) or _is_alike(entry, work.paper):
            return True
        if scheme_of(name) == "guid":  # all days' items may bear one guid: it needs a witness
            return not set(own_names(entry, self._source.pk)).isdisjoint({*work.names} - {name})
        return self._guids_agree(entry, work) or entry.version != work.paper.version

    def _guids_agree(self, entry: Entry, work: Work) -> bool:
        """Return whether this source does not give the two different guids."""
        guid = guid_name(entry, self._source.pk)
        its = [name for name in work.names if name.startswith(f"guid:{self._source.pk}:")]
        return not guid or not its or guid in its

    def _is_namesake(self, entry: Entry, work: Work) -> bool:
        """Return whether a work with the same title is this one: one has no other name, or all else is the same."""
        paper = work.paper
        if not same_authors(entry.authors, paper.authors) or are_two_works(entry.identifiers, work.names):
            return False
        is_bare = is_title(entry.identifiers[0]) or is_title(paper.identifier)
        if is_bare and self._guids_agree(entry, work):
            return True
        has_strong = any(map(is_strong, (*entry.identifiers, *work.names)))
        return not has_strong and len(entry.abstract) > 40 and entry.abstract == paper.abstract

    def _joined(self, works: Sequence[Work], entry: Entry) -> Work:
        """Return one work of those that an entry names: the oldest of those that may be joined stays."""
        surest = [work for work in works if any(is_strong(name) and name in work.names for name in entry.identifiers)]
        best = next((work for work in surest if _same_title(entry, work.paper)), works[0])
        for other in works:
            if other is best or not self._may_join(best, other, entry):
                continue
            best, other = sorted((best, other), key=self.works.index)
            self._by_name = {name: best if owner is other else owner for name, owner in self._by_name.items()}
            best.names.extend(other.names)
            self.works.remove(other)
            if not other.is_new:
                self.joined.add(other.paper.pk)
                names = [name for name in all_names(entry, self._source.pk) if self._by_name.get(name) is best]
                merge_rows(best.paper, other.paper, names=names, source=self._source, now=self._now)
        return best

    def _may_join(self, one: Work, other: Work, entry: Entry) -> bool:
        """Return whether an entry may make one of two stored works; where its source has no say, that is kept as a
        claim.
        """
        if are_two_works(one.names, other.names) or self._were_parted(one, other):
            return False
        weak = [work for work in (one, other) if not any(map(is_strong, work.names))]
        if weak:
            return all(_same_title(entry, work.paper) for work in weak)
        if any(self._standing(work) for work in (one, other)):
            return True
        said = {"other": other.paper.pk, "title": other.paper.title, "identifier": other.paper.identifier}
        if not one.is_new and not other.is_new:
            self._note(one, Kind.MERGE, State.CLAIMED, said | {"names": list(entry.identifiers)})
        return False

    def _were_parted(self, one: Work, other: Work) -> bool:
        pks = {one.paper.pk, other.paper.pk}
        return any(
            change.kind == Kind.MERGE
            and change.state == State.UNDONE
            and {change.paper_id, change.said["other"]} == pks
            for change in (*one.changes, *other.changes)
        )

    # --- what it becomes ----------------------------------------------------------------------------------------------

    def _standing(self, work: Work) -> Standing:
        return claims.standing(self._source, self._kind, work.paper)

    def _new_paper(self, entry: Entry) -> Paper:
        free = [name for name in sorted(entry.identifiers, key=rank) if name not in self._by_name]
        if not free:  # a bare title that another author's work bears already
            free = [name for name in own_names(entry, self._source.pk) if name not in self._by_name]
        # all its names are another work's, and still it is none of them
        last = "title:" + hash_of(f"{entry.title}|{entry.identifiers}|{self._source.pk}|{self._now}|{len(self.works)}")
        paper = Paper(
            identifier=(free or [last])[0],
            title=entry.title,
            abstract=entry.abstract,
            authors=list(entry.authors),
            categories=list(entry.categories),
            primary_category=entry.categories[0] if entry.categories else "",
            url=entry.url,
            code_url=entry.code,
            project_url=entry.project,
            published_at=entry.published,
            published_precision=entry.precision,
            announced_on=entry.announced_on,
            first_seen_at=self._now,
            version=entry.version,
            withdrawn_at=self._now if entry.withdrawn else None,
            told_by=self._source,
        )
        if not claims.standing(self._source, self._kind, paper):
            paper.version = 1  # what another site says of an arXiv paper's versions
        return paper

    def _bring_up_to_date(self, work: Work, entry: Entry) -> bool:
        """Let the source that speaks for a work replace or complete it; True when readers would see a difference."""
        paper, kept = work.paper, claims.snapshot(work.paper)
        before = [getattr(paper, name) for name in READABLE]
        paper.first_seen_at = min(paper.first_seen_at, self._now)
        is_named = any(map(is_strong, work.names))
        self._identify(work, entry, is_named=is_named)
        speaks = self._standing(work)
        claim = claims.claimed_by(entry, paper)
        if self._was_undone(work, entry):
            return False
        if speaks or not is_named:
            self._take(work, entry, speaks=speaks)
            if claim and (claim[0] == Kind.WITHDRAWAL or scheme_of(paper.identifier) != "arxiv"):
                self._note(work, claim[0], State.APPLIED, claim[1], kept)
        elif claim:
            self._note(work, claim[0], State.CLAIMED, claim[1])
        return before != [getattr(paper, name) for name in READABLE]

    def _identify(self, work: Work, entry: Entry, *, is_named: bool) -> None:
        """Give a work the names of an entry, all of them where its source has a say, else the source's own only."""
        paper, first = work.paper, entry.identifiers[0]
        is_arxivs = scheme_of(first) == "arxiv" and claims.is_of_kind(self._source, self._kind, claims.ARXIV_KINDS)
        has_a_say = not is_named or is_arxivs or self._standing(work) > Standing.NONE
        self._give_names(work, entry, all_of_them=has_a_say)
        if has_a_say and rank(first) < rank(paper.identifier) and self._by_name.get(first) is work:
            paper.identifier, paper.url = first, entry.url or paper.url

    def _give_names(self, work: Work, entry: Entry, *, all_of_them: bool) -> None:
        names = all_names(entry, self._source.pk) if all_of_them else [guid_name(entry, self._source.pk)]
        schemes = {
            scheme_of(name) for name in work.names if is_strong(name)
        } - {scheme_of(name) for name in entry.identifiers if name in work.names}  # fmt: skip
        for name in (*names, *([work.paper.identifier] if work.is_new else ())):
            # a second DOI counts only beside the first
            if name and name not in self._by_name and scheme_of(name) not in schemes:
                self._by_name[name] = work
                self._new_names.append(name)
                if name not in work.names:
                    work.names.append(name)

    def _take(self, work: Work, entry: Entry, *, speaks: Standing) -> None:
        """Let a newer version, or the source that a work belongs to, replace what is stored; others complete it."""
        paper, teller = work.paper, work.paper.told_by
        told_by = claims.standing(teller, teller.kind, paper) if teller else Standing.OWN
        takes_over = speaks == Standing.OWN and told_by < speaks
        newer = takes_over or entry.version > paper.version
        structured = self._kind in STRUCTURED_AUTHORS
        if takes_over and teller and teller.kind in STRUCTURED_AUTHORS and entry.version == paper.version:
            better_authors = structured
        else:
            better_authors = newer or (structured and entry.version == paper.version)
        if entry.title and (newer or not paper.title):
            paper.title = entry.title
        if entry.abstract and (newer or not paper.abstract):
            paper.abstract = entry.abstract
        if entry.authors and (better_authors or not paper.authors):
            paper.authors = list(entry.authors)
        first = entry.categories if newer else ()
        paper.categories = list(dict.fromkeys((*first, *paper.categories, *entry.categories)))
        paper.primary_category = paper.categories[0] if paper.categories else ""
        paper.version = entry.version if takes_over else max(paper.version, entry.version)
        if entry.withdrawn:
            paper.withdrawn_at = (paper.withdrawn_at or self._now) if speaks else paper.withdrawn_at
        elif newer:
            paper.withdrawn_at = None
        if newer:
            paper.told_by = self._source
        paper.url = (entry.url if newer and speaks else "") or paper.url or entry.url
        paper.code_url = entry.code or paper.code_url
        paper.project_url = entry.project or paper.project_url
        is_nearer = paper.published_precision != DAY and entry.precision == DAY
        if entry.published and (takes_over or is_nearer or not paper.published_at):
            paper.published_at, paper.published_precision = entry.published, entry.precision
        paper.announced_on = (entry.announced_on if takes_over else None) or paper.announced_on or entry.announced_on

    def _was_undone(self, work: Work, entry: Entry) -> bool:
        """Return whether a curator undid or dismissed this: the same words of the same source do not count again."""
        return any(
            change.state == State.UNDONE
            and change.source_id == self._source.pk
            and (entry.withdrawn if change.kind == Kind.WITHDRAWAL else change.said.get("version") == entry.version)
            for change in work.changes
            if change.kind != Kind.MERGE and "notice" not in change.said
        )

    def _note(
        self,
        work: Work,
        kind: PaperChange.Kind,
        state: PaperChange.State,
        said: dict[str, Any],
        before: dict[str, Any] | None = None,
    ) -> None:
        """Keep for curators what the source said; once, however often it says so."""
        if not any((row.kind, row.source_id, row.said) == (kind, self._source.pk, said) for row in work.changes):
            row = PaperChange(
                paper=work.paper,
                source=self._source,
                kind=kind,
                state=state,
                at=self._now,
                said=said,
                before=before or {},
            )
            work.changes.append(row)
            self._new_changes.append(row)


def _update(papers: Sequence[Paper]) -> None:
    """Write what may have changed of stored papers; a row that was deleted meanwhile stays away.

    bulk_update would take twice as long as all else that storing does: 0.5 s for a hundred papers, with SQLite locked.
    """
    fields = [field for field in Paper._meta.concrete_fields if field.name in UPDATABLE]
    values = [
        [*(field.get_db_prep_save(getattr(paper, field.attname), connection) for field in fields), paper.pk]
        for paper in papers
    ]
    columns = ", ".join(f"{field.column} = %s" for field in fields)
    with connection.cursor() as cursor:
        cursor.executemany(f"UPDATE digest_paper SET {columns} WHERE id = %s", values)  # noqa: S608 (values are bound)


def _columns(paper: Paper) -> list[Any]:
    return [paper.told_by_id if name == "told_by" else copy(getattr(paper, name)) for name in UPDATABLE]


def _searched(paper: Paper) -> list[Any]:
    return [paper.title, paper.abstract, copy(paper.authors), copy(paper.categories)]


def _is_alike(entry: Entry, paper: Paper) -> bool:
    """Return whether an entry and a paper have the same title or, to the second, the same date."""
    at = entry.published
    return _same_title(entry, paper) or (at is not None and at == paper.published_at and at.time() != time())


def _same_title(entry: Entry, paper: Paper) -> bool:
    return (normalise_title(entry.title) or entry.title) == (normalise_title(paper.title) or paper.title)
