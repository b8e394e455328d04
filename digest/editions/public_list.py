"""List the papers of a day, week or month for the public: the curators' picks first, then the most trending."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db.models import Count, Exists, OuterRef, Q

from digest.editions.candidate_pool import is_held_back
from digest.editions.open_edition import candidates
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
        """Return some of the others. Two queries: sorting whole rows would take many times as long."""
        ids = list(self.others.values_list("pk", flat=True)[places])
        found = EditionPaper.objects.select_related("paper", "edition").in_bulk(ids)
        return [found[pk] for pk in ids if pk in found]


def public_list(first: date, last: date, *, now: datetime, topic: Topic | None = None) -> PublicList:
    """Return the papers of the editions from ``first`` to ``last`` that may be shown, each once, with its newest row.

    With a ``topic`` only its papers. At most eight queries, however many papers there are.
    """
    editions = _editions(first, last)
    rows = _rows(editions, now)
    if topic:
        rows = rows.filter(_tagged(topic))
    picks = _picks(first, last, editions, now=now, topic=topic)
    others = rows.exclude(paper__in=[one.row.paper_id for one in picks]) if picks else rows
    counted = others.aggregate(count=Count("pk"), voted=Count("trending"))
    return PublicList(picks=picks, others=others.most_trending_first(), **counted)


def topics_of(first: date, last: date, *, now: datetime) -> list[tuple[Topic, int]]:
    """Return the topics that have papers in these editions, with the number of papers, most first. Three queries."""
    tagged = Paper.topics.through.objects.filter(paper__in=_shown(_editions(first, last), now).values("paper"))
    counts = dict(tagged.order_by().values_list("topic").annotate(count=Count("pk")))
    topics = Topic.objects.filter(offered=True, pk__in=counts)
    return sorted(((topic, counts[topic.pk]) for topic in topics), key=lambda one: (-one[1], one[0].name))


def _tagged(topic: Topic) -> Exists:
    """Return the condition that a row's paper has the topic."""
    tagged: Any = Paper.topics.through
    return Exists(tagged.objects.filter(paper=OuterRef("paper"), topic=topic))


def _editions(first: date, last: date) -> list[int]:
    """Return the numbers of these editions. Given a range of dates, PostgreSQL reads the rows of all days."""
    return list(Edition.objects.filter(date__range=(first, last)).values_list("pk", flat=True))


def _shown(editions: list[int], now: datetime) -> EditionPaperQuerySet:
    """Return the rows that may be shown."""
    return EditionPaper.objects.shown(now).filter(edition__in=editions)


def _rows(editions: list[int], now: datetime) -> EditionPaperQuerySet:
    """Return the rows that may be shown; of a paper in several of these editions only the newest."""
    rows = _shown(editions, now)
    if len(editions) < 2:
        return rows
    inside = EditionPaper.objects.filter(edition__in=editions)
    newer = inside.filter(paper=OuterRef("paper"), edition__date__gt=OuterRef("edition__date"))
    # few papers are in two editions: only their rows are compared
    again = inside.order_by().values("paper").annotate(count=Count("pk")).filter(count__gt=1).values("paper")
    return rows.filter(~Q(paper__in=again) | ~Exists(newer))


def _picks(first: date, last: date, editions: list[int], *, now: datetime, topic: Topic | None) -> list[Picked]:
    """Return the picks for these editions, newest edition first; also those that were no candidates."""
    notes = _notes(first, last, now=now, topic=topic)
    if not notes:
        return []
    rows = _shown(editions, now).filter(paper__in=notes).select_related("paper", "edition")
    found = {row.paper_id: row for row in rows.order_by("edition__date")}  # the newest row stays
    beyond = [pick for paper_id, pick in notes.items() if paper_id not in found]
    found |= {row.paper_id: row for row in _not_candidates(beyond, now)}
    return [Picked(row=found[paper_id], note=pick.note) for paper_id, pick in notes.items() if paper_id in found]


def _notes(first: date, last: date, *, now: datetime, topic: Topic | None) -> dict[int, CuratorPick]:
    """Return the picks in order by paper, of papers that no later judgement hides and no embargo holds back.

    A pick for the readers of a topic is one on that topic's list alone.
    """
    picked = CuratorPick.objects.filter(edition_date__range=(first, last), verdict=CuratorPick.Verdict.PICK)
    its_own = Q(topic=topic) | Q(topic=None) & _tagged(topic) if topic else Q(topic=None)
    judged: dict[int, list[CuratorPick]] = defaultdict(list)
    said = CuratorPick.objects.filter(paper__in=picked.filter(its_own).values("paper"), paper__withdrawn_at=None)
    for one in said.order_by("-edition_date", "pk").select_related("paper"):
        judged[one.paper_id].append(one)
    its = {None, topic and topic.pk}
    found = [
        next(one for one in said if one.is_pick and first <= one.edition_date <= last and one.topic_id in its)
        for said in judged.values()
        if not _is_hidden(said, now)
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
