"""List the papers of a day, week or month for the public: the curators' picks first, then the most trending."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from django.db.models import Exists, OuterRef, Q, Value

from digest.editions.candidate_pool import is_held_back
from digest.editions.open_edition import candidates
from digest.editions.topic_counts import ALL, Counts, papers_by_topic, papers_seen_before
from digest.models import CuratorPick, Edition, EditionPaper, EditionPaperQuerySet, Paper, read_not_shown
from subscriptions.models import Topic

LEADING = 1000  # rows with votes that are read at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Picked:
    """A picked paper as a row, which is not saved where the paper joins its edition later, and the curator's note."""

    row: EditionPaper
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicList:
    """The picks, and the others in their order: ``count`` papers, of which the first ``voted`` have votes.

    ``leading`` are the rows of the first LEADING of those.
    """

    picks: list[Picked]
    others: EditionPaperQuerySet
    count: int
    voted: int
    leading: list[int]

    def __getitem__(self, places: slice) -> list[EditionPaper]:
        """Return some of the others. One to three queries: sorting whole rows would take many times as long."""
        first, last = places.start or 0, self.count if places.stop is None else places.stop
        ids: list[int] = []
        if first < self.voted:
            is_read = min(last, self.voted) <= len(self.leading)
            ids += (self.leading if is_read else _voted_on(self.others))[first:last]
        if last > self.voted:
            after = slice(max(0, first - self.voted), last - self.voted)
            ids += self.others.filter(trending=None).values_list("pk", flat=True)[after]
        found = EditionPaper.objects.with_days().select_related("paper").in_bulk(ids)
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
        """Read the editions from ``first`` to ``last``. At most six queries, three where all counts are stored."""
        # given a range of dates, PostgreSQL would read the rows of all days
        days = Edition.objects.filter(date__range=(first, last))
        editions = list(days.only("date", "topic_counts", "seen_before"))
        left_out = _left_out(editions, now)
        by_edition = papers_by_topic(editions)
        for edition_id, topics in left_out.values():
            by_edition[edition_id].subtract((ALL, *topics))
        return cls(first=first, last=last, now=now, editions=editions, left_out={*left_out}, by_edition=by_edition)

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

    At most five queries, six where more than LEADING papers have votes, however many papers there are.
    """
    rows = days.rows.filter(_tagged(topic)) if topic else days.rows
    picks, listed = _picks(days, topic=topic)
    others = rows.exclude(paper__in=[one.row.paper_id for one in picks]) if picks else rows
    count = days.counts[topic.pk if topic else ALL] - listed
    others = others.most_trending_first()
    # few papers have votes, and most pages that are opened show only such
    leading = list(_voted_on(others)[:LEADING])
    voted = len(leading) if len(leading) < LEADING else _voted_on(others).count()
    return PublicList(picks=picks, others=others, count=max(count, voted), voted=voted, leading=leading)


def _voted_on(others: EditionPaperQuerySet) -> Any:
    return others.filter(trending__isnull=False).values_list("pk", flat=True)


def topics_of(days: Days) -> list[tuple[Topic, int]]:
    """Return the topics that have papers on these days, with about how many, most first. One query."""
    counts = {pk: count for pk, count in days.counts.items() if count > 0}
    topics = Topic.objects.filter(offered=True, pk__in=counts).only("slug", "name")
    return sorted(((topic, counts[topic.pk]) for topic in topics), key=lambda one: (-one[1], one[0].name))


def _left_out(editions: Sequence[Edition], now: datetime) -> dict[int, tuple[int, list[int]]]:
    """Return the rows that no list of these editions, newest first, shows: row -> its edition and topics.

    Two queries, one more where it was not stored which papers were seen before.
    """
    # all papers that may not be shown are fewer than the rows of some days
    not_shown, before = read_not_shown(now), papers_seen_before(editions)
    rows = EditionPaper.objects.filter(edition__in=editions, paper__in=not_shown | before)
    ages = {edition.pk: age for age, edition in enumerate(editions)}
    tags: dict[tuple[int, int, int], list[int]] = defaultdict(list)
    for paper_id, edition_id, pk, topic_id in rows.values_list("paper", "edition", "pk", "paper__topics"):
        tags[paper_id, ages[edition_id], pk] += [] if topic_id is None else [topic_id]
    newest: dict[int, int] = {}
    for paper_id, _, pk in sorted(tags):
        newest.setdefault(paper_id, pk)
    return {
        pk: (editions[age].pk, topics)
        for (paper_id, age, pk), topics in tags.items()
        if paper_id in not_shown or pk != newest[paper_id]
    }


def _tagged(topic: Topic) -> Exists:
    """Return the condition that a row's paper has the topic."""
    tagged: Any = Paper.topics.through
    return Exists(tagged.objects.filter(paper=OuterRef("paper"), topic=topic))


def _picks(days: Days, *, topic: Topic | None) -> tuple[list[Picked], int]:
    """Return the picks for these editions, newest edition first; also those that were no candidates.

    With them comes how many are counted among the papers of these days, or of the topic.
    """
    notes = _notes(days, topic=topic)
    if not notes:
        return [], 0
    is_listed: Any = _tagged(topic) if topic else Value(True)
    candidates_of_days = days.rows.filter(paper__in=notes).with_days().select_related("paper")
    rows: Any = candidates_of_days.annotate(is_listed=is_listed)
    found = {row.paper_id: row for row in rows}
    listed = sum(row.is_listed for row in rows)
    beyond = [pick for paper_id, pick in notes.items() if paper_id not in found]
    found |= {row.paper_id: row for row in _not_candidates(beyond, days.now)}
    return [
        Picked(row=found[paper_id], note=pick.note) for paper_id, pick in notes.items() if paper_id in found
    ], listed


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
    dates = {pick.edition_date for pick in picks}
    editions = {edition.date: edition for edition in Edition.objects.filter(date__in=dates).only("date")}
    edition_of = {one.paper_id: editions[one.edition_date] for one in picks if one.edition_date in editions}
    papers: list[Paper] = [one.paper for one in picks if one.paper_id in edition_of]
    elsewhere = EditionPaper.objects.shown(now).filter(paper__in=papers).with_days().select_related("paper")
    found = {row.paper_id: row for row in elsewhere.order_by("edition__date")}
    if others := [paper for paper in papers if paper.pk not in found]:
        found |= {one.paper.pk: one.for_edition(edition_of[one.paper.pk]) for one in candidates(others, now=now)}
    return list(found.values())
