"""List papers for curators: an edition's candidates or any stored papers, with all judgements."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from digest import search
from digest.compose.card import Card
from digest.compose.phrases import plural
from digest.editions.curation import first_day
from digest.editions.open_edition import WINDOW, card_of
from digest.models import CuratorPick, Edition, EditionPaper, Paper, PaperSummary, Sighting
from digest.ranking.trending import in_numbers

MOST_FOUND = 20
JUDGED = {"pick": _("picked"), "boost": _("boosted"), "hide": _("hidden"), "any": _("judged"), "none": _("not judged")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """Filters of the candidates; an empty field filters nothing."""

    topic: str = ""  # a slug
    source: int | None = None
    words: str = ""  # as one searches for them
    judged: str = ""  # one of JUDGED


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedPaper:
    """One paper. ``score`` is None without votes; ``readers`` None if not counted.

    ``said`` are the present and future judgements, the earliest day first; ``standing`` is that of ``day``, the day of
    its form.
    """

    paper: Paper
    card: Card
    score: float | None
    inputs: dict[str, Any]
    sources: tuple[str, ...]
    topics: tuple[str, ...]
    readers: int | None
    day: date
    said: tuple[CuratorPick, ...]
    summary: PaperSummary | None  # the one that digests show
    is_candidate: bool

    @property
    def standing(self) -> CuratorPick | None:
        return next((one for one in self.said if one.edition_date == self.day), None)

    @property
    def form(self) -> dict[str, str]:
        """Return the initial values of its form: the judgement of ``day``, or a pick without a note."""
        standing = self.standing or CuratorPick(verdict=CuratorPick.Verdict.PICK)
        until = standing.embargo_until
        return {
            "verdict": standing.verdict,
            "note": standing.note,
            "edition_date": self.day.isoformat(),
            "embargo_until": f"{until:%Y-%m-%dT%H:%M}" if until else "",
            "topic": standing.topic.slug if standing.topic else "",
            "seen": self.standing.version if self.standing else "",
        }

    @property
    def in_words(self) -> str:
        """Return the inputs of its score: ``73 upvotes, 12 comments, in 9.0 hours``."""
        counts = [("points", "upvote"), ("comments", "comment"), ("stars", "star")]
        said = [plural(self.inputs[name], word) for name, word in counts if self.inputs.get(name) is not None]
        return f"{', '.join(said)} in {_hours(self.inputs['hours'])}" if said else ""

    @property
    def formula(self) -> str:
        """Return the formula of its score with numbers: ``(73 + 1) / (9.0 + 2)^0.3``."""
        if self.inputs.get("points") is None:
            return ""
        return in_numbers(self.inputs["points"], self.inputs["hours"])


def _hours(hours: float) -> str:
    if hours < 1:
        return "less than an hour"
    return f"{hours:g} hour{'' if hours == 1 else 's'}"


def candidates(edition: Edition, wanted: Filters, *, now: datetime) -> QuerySet[EditionPaper]:
    """Return the edition's candidates that match the filters, most trending first."""
    rows = edition.candidates.all()
    if wanted.topic:
        rows = rows.filter(
            Exists(Paper.topics.through.objects.filter(paper=OuterRef("paper"), topic__slug=wanted.topic))
        )
    if wanted.source:
        rows = rows.filter(Exists(Sighting.objects.filter(paper=OuterRef("paper"), source=wanted.source)))
    if wanted.words:
        rows = rows.filter(paper__in=search.having_all(wanted.words).values("pk"))
    if wanted.judged in JUDGED:
        said = _that_count(now)
        if wanted.judged in CuratorPick.Verdict.values:
            said = said.filter(verdict=wanted.judged)
        judged = Q(paper__in=said.values("paper"))
        rows = rows.filter(~judged if wanted.judged == "none" else judged)
    return rows.select_related("paper").most_trending_first()


def find_papers(typed: str, *, now: datetime) -> list[Paper]:
    """Return the stored papers that a search finds, best first."""
    ids = search.search(typed, now=now, everything=True).papers[:MOST_FOUND]
    papers = Paper.objects.in_bulk(ids)
    return [papers[pk] for pk in ids if pk in papers]


def rows_for(rows: Sequence[EditionPaper], *, day: date, now: datetime) -> list[ListedPaper]:
    """Return these candidates with sources, topics, judgements and summaries. Four queries."""
    papers = [row.paper for row in rows]
    belongings = _Belongings.of(papers, now=now)
    return [
        ListedPaper(
            paper=row.paper,
            card=Card.from_json(row.card),
            score=row.trending,
            inputs=row.inputs,
            readers=row.readers,
            day=day,
            is_candidate=True,
            **belongings.of_paper(row.paper_id),
        )
        for row in rows
    ]


def rows_for_papers(papers: Sequence[Paper], *, day: date, now: datetime) -> list[ListedPaper]:
    """Return any stored papers, each as in its newest edition, or as stored. Five queries."""
    newest = {
        row.paper_id: row
        for row in EditionPaper.objects.filter(paper__in=papers).select_related("edition").order_by("edition__date")
    }
    belongings = _Belongings.of(papers, now=now)
    return [
        ListedPaper(
            paper=paper,
            card=Card.from_json(row.card) if row else card_of(paper, {}, source=""),
            score=row.trending if row else None,
            inputs=row.inputs if row else {},
            readers=row.readers if row else None,
            day=day,
            is_candidate=row is not None and row.edition.date == day,
            **belongings.of_paper(paper.pk),
        )
        for paper, row in ((paper, newest.get(paper.pk)) for paper in papers)
    ]


def picks_of(day: date) -> list[CuratorPick]:
    """Return the picks of a day in their order."""
    picks = CuratorPick.objects.filter(edition_date=day, verdict=CuratorPick.Verdict.PICK)
    return list(picks.select_related("paper", "topic").in_order())


def to_come(now: datetime) -> QuerySet[CuratorPick]:
    """Return the judgements for the days after the edition that is being sent."""
    rows = CuratorPick.objects.filter(edition_date__gt=first_day(now)).order_by("edition_date", "verdict", "pk")
    # not a join, which the database may begin with all papers
    return rows.prefetch_related("paper")


def _that_count(now: datetime) -> QuerySet[CuratorPick]:
    """Return the judgements for the editions that digests use now or later."""
    return CuratorPick.objects.filter(edition_date__gt=now.date() - WINDOW)


@dataclass(frozen=True, slots=True)
class _Belongings:
    sources: dict[int, dict[str, None]]
    topics: dict[int, list[str]]
    said: dict[int, list[CuratorPick]]
    summaries: dict[int, PaperSummary]

    @classmethod
    def of(cls, papers: Iterable[Paper], *, now: datetime) -> _Belongings:
        ids = [paper.pk for paper in papers]
        sources: dict[int, dict[str, None]] = defaultdict(dict)
        seen = Sighting.objects.filter(paper__in=ids).order_by("seen_at", "pk")
        for paper_id, name in seen.values_list("paper", "source__name"):
            sources[paper_id][name] = None
        topics: dict[int, list[str]] = defaultdict(list)
        tagged = Paper.topics.through.objects.filter(paper__in=ids).order_by("topic__position", "topic__name")
        for paper_id, name in tagged.values_list("paper", "topic__name"):
            topics[paper_id].append(name)
        said: dict[int, list[CuratorPick]] = defaultdict(list)
        rows = _that_count(now).filter(paper__in=ids).select_related("curator", "topic").order_by("edition_date")
        for one in rows:
            said[one.paper_id].append(one)
        summaries = {one.paper_id: one for one in PaperSummary.objects.shown().filter(paper__in=ids)}
        return cls(sources, topics, said, summaries)

    def of_paper(self, paper_id: int) -> dict[str, Any]:
        return {
            "sources": tuple(self.sources.get(paper_id, ())),
            "topics": tuple(self.topics.get(paper_id, ())),
            "said": tuple(self.said.get(paper_id, ())),
            "summary": self.summaries.get(paper_id),
        }
