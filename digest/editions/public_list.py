"""List the papers of a day, week or month for the public: the curators' picks first, then the most trending."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from django.db.models import Exists, OuterRef, Q

from digest.editions.candidate_pool import is_held_back
from digest.editions.open_edition import candidates
from digest.editions.topic_counts import ALL, Counts, papers_by_topic, papers_seen_before
from digest.models import CuratorPick, Edition, EditionPaper, EditionPaperQuerySet, Paper
from subscriptions.models import Topic


@dataclass(frozen=True, slots=True, kw_only=True)
class Picked:
    """A picked paper as a row, which is not saved where the paper joins its edition later, and the curator's note."""

    row: EditionPaper
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicList:
    """The picks, and the others in their order: ``count`` papers, of which the first ``voted`` have votes."""

    picks: list[Picked]
    others: EditionPaperQuerySet
    count: int
    voted: int

    def __getitem__(self, places: slice) -> list[EditionPaper]:
        """Return some of the others. Two or three queries: sorting whole rows would take many times as long."""
        first, last = places.start or 0, self.count if places.stop is None else places.stop
        ids: list[int] = []
        # few have votes, and most pages that are opened show no others
        if first < self.voted:
            ids += self.others.exclude(trending=None).values_list("pk", flat=True)[first:last]
        if last > self.voted:
            after = slice(max(0, first - self.voted), last - self.voted)
            ids += self.others.filter(trending=None).values_list("pk", flat=True)[after]
        found = EditionPaper.objects.select_related("paper", "edition").in_bulk(ids)
        return [found[pk] for pk in ids if pk in found]


@dataclass(frozen=True, slots=True, kw_only=True)
class Days:
    """The editions of some days, and how many papers of each have each topic.

    ``left_out`` are the rows that no list shows, few: of papers that may not be shown at ``now``, and of a paper in
    several of these editions all but the newest.
    """

    first: date
    last: date
    now: datetime
    editions: list[Edition]
    left_out: set[int]
    by_edition: Counts

    @classmethod
    def between(cls, first: date, last: date, *, now: datetime) -> Days:
        """Read the editions from ``first`` to ``last``. At most nine queries, three where all counts are stored."""
        # given a range of dates, PostgreSQL would read the rows of all days
        days = Edition.objects.filter(date__range=(first, last))
        editions = list(days.only("date", "topic_counts", "seen_before"))
        rows = EditionPaper.objects.filter(edition__in=editions)
        left_out = rows.not_shown(now) | _older(rows, papers_seen_before(editions))
        by_edition = papers_by_topic(editions, without=left_out)
        return cls(first=first, last=last, now=now, editions=editions, left_out=left_out, by_edition=by_edition)

    def since(self, first: date) -> Days:
        """Return the days from ``first`` on, without a query: a paper's newest row is the same in both."""
        editions = [edition for edition in self.editions if edition.date >= first]
        by_edition = {edition.pk: self.by_edition[edition.pk] for edition in editions}
        return replace(self, first=first, editions=editions, by_edition=by_edition)

    @property
    def rows(self) -> EditionPaperQuerySet:
        """Return the rows that lists show: each paper once, with its newest row."""
        return EditionPaper.objects.filter(edition__in=self.editions).exclude(pk__in=self.left_out)

    @property
    def counts(self) -> Counter[int]:
        """Return topic, or ALL, -> about how many papers: exactly, but for changes within the last hour."""
        total: Counter[int] = Counter()
        for counts in self.by_edition.values():
            total.update(counts)
        return total


def public_list(days: Days, *, topic: Topic | None = None) -> PublicList:
    """Return the papers of these days that may be shown, with a ``topic`` only its papers.

    At most six queries, however many papers there are.
    """
    rows = days.rows.filter(_tagged(topic)) if topic else days.rows
    picks = _picks(days, topic=topic)
    picked = [one.row.paper_id for one in picks]
    others = rows.exclude(paper__in=picked) if picks else rows
    count = days.counts[topic.pk if topic else ALL] - (rows.filter(paper__in=picked).count() if picks else 0)
    voted = others.exclude(trending=None).count()
    return PublicList(picks=picks, others=others.most_trending_first(), count=max(count, voted), voted=voted)


def topics_of(days: Days) -> list[tuple[Topic, int]]:
    """Return the topics that have papers on these days, with about how many, most first. One query."""
    counts = {pk: count for pk, count in days.counts.items() if count > 0}
    topics = Topic.objects.filter(offered=True, pk__in=counts)
    return sorted(((topic, counts[topic.pk]) for topic in topics), key=lambda one: (-one[1], one[0].name))


def _older(rows: EditionPaperQuerySet, papers: Collection[int]) -> set[int]:
    """Return the rows of these papers but for the newest of each. One query, or none without papers."""
    if not papers:
        return set()
    found = list(rows.filter(paper__in=papers).order_by("edition__date").values_list("paper", "pk"))
    return {pk for _, pk in found} - set(dict(found).values())


def _tagged(topic: Topic) -> Exists:
    """Return the condition that a row's paper has the topic."""
    tagged: Any = Paper.topics.through
    return Exists(tagged.objects.filter(paper=OuterRef("paper"), topic=topic))


def _picks(days: Days, *, topic: Topic | None) -> list[Picked]:
    """Return the picks for these editions, newest edition first; also those that were no candidates."""
    notes = _notes(days, topic=topic)
    if not notes:
        return []
    rows = days.rows.filter(paper__in=notes).select_related("paper", "edition")
    found = {row.paper_id: row for row in rows}
    beyond = [pick for paper_id, pick in notes.items() if paper_id not in found]
    found |= {row.paper_id: row for row in _not_candidates(beyond, days.now)}
    return [Picked(row=found[paper_id], note=pick.note) for paper_id, pick in notes.items() if paper_id in found]


def _notes(days: Days, *, topic: Topic | None) -> dict[int, CuratorPick]:
    """Return the picks in order by paper, of papers that no later judgement hides and no embargo holds back.

    A pick for the readers of a topic is one on that topic's list alone.
    """
    picked = CuratorPick.objects.filter(edition_date__range=(days.first, days.last), verdict=CuratorPick.Verdict.PICK)
    its_own = Q(topic=topic) | Q(topic=None) & _tagged(topic) if topic else Q(topic=None)
    judged: dict[int, list[CuratorPick]] = defaultdict(list)
    said = CuratorPick.objects.filter(paper__in=picked.filter(its_own).values("paper"), paper__withdrawn_at=None)
    for one in said.order_by("-edition_date", "pk").select_related("paper"):
        judged[one.paper_id].append(one)
    its = {None, topic and topic.pk}
    found = [
        next(one for one in said if one.is_pick and days.first <= one.edition_date <= days.last and one.topic_id in its)
        for said in judged.values()
        if not _is_hidden(said, days.now)
    ]
    return {one.paper_id: one for one in sorted(found, key=lambda one: one.place)}


def _is_hidden(judgements: Sequence[CuratorPick], now: datetime) -> bool:
    """Return whether the newest judgement of today or before hides the paper, or any embargo still holds."""
    past = [one for one in judgements if one.edition_date <= now.date()]
    return any(is_held_back(one, now) for one in past[:1]) or any(
        one.embargo_until is not None and one.embargo_until > now for one in judgements
    )


def _not_candidates(picks: Sequence[CuratorPick], now: datetime) -> list[EditionPaper]:
    """Return rows for picked papers that were no candidates of their edition, if it has opened.

    It is the row of the newest edition that has the paper, else an unsaved one: such a paper has no page yet.
    """
    if not picks:
        return []
    editions = {edition.date: edition for edition in Edition.objects.filter(date__in={p.edition_date for p in picks})}
    edition_of = {one.paper_id: editions[one.edition_date] for one in picks if one.edition_date in editions}
    papers: list[Paper] = [one.paper for one in picks if one.paper_id in edition_of]
    elsewhere = EditionPaper.objects.shown(now).filter(paper__in=papers).select_related("paper", "edition")
    found = {row.paper_id: row for row in elsewhere.order_by("edition__date")}
    if others := [paper for paper in papers if paper.pk not in found]:
        found |= {one.paper.pk: one.for_edition(edition_of[one.paper.pk]) for one in candidates(others, now=now)}
    return list(found.values())
