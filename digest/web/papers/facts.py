"""Collect what a paper's page says: where and when it was seen, how its votes rose, why it is trending."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from digest.charts import Chart, over_time
from digest.citations.reference import Reference, names_of
from digest.compose.card import NAME_LENGTH, safe_link
from digest.compose.phrases import shorten
from digest.identifiers.registrants import is_preprint
from digest.ingest.parsers.taxonomy import CATEGORIES
from digest.models import CuratorPick, EditionPaper, Paper, Sighting
from digest.ranking.trending import in_numbers
from digest.text import snippet
from digest.web.papers.cards import why_trending
from digest.web.papers.links import Link, links_of
from subscriptions.mail.rendering import one_line
from subscriptions.models import Topic

MOST_SIGHTINGS = 2000  # the newest ones
AUTHORS_SHOWN = 24  # the rest is folded away
MOST_CATEGORIES = 20
DESCRIPTION = 200  # characters
HUGGING_FACE = "hugging_face"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One source that showed a paper: when first, and how it announced it with its latest counts, in words."""

    source: str
    first: datetime
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """A paper's trending score in its newest edition: its value, its inputs in words, and the formula with them."""

    value: float
    why: str
    formula: str
    day: date


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperFacts:
    """All that a page says of one paper; texts are printable, links safe. ``days`` are those of its editions."""

    paper: Paper
    title: str
    abstract: str
    authors: tuple[str, ...]
    categories: tuple[tuple[str, str], ...]  # code and name
    topics: tuple[Topic, ...]
    links: tuple[Link, ...]
    seen: tuple[Seen, ...]
    votes: tuple[Chart, ...]
    score: Score | None
    pick: CuratorPick | None
    days: tuple[date, ...]
    reference: Reference

    @property
    def description(self) -> str:
        """Return the first sentences of the abstract, for search engines."""
        return snippet(self.abstract, limit=DESCRIPTION)

    @property
    def published(self) -> str:
        """Return the date as far as it is known: ``30 January 2026``, ``January 2026``, ``2026``."""
        day = self.reference.published
        form = {"day": "%-d %B %Y", "month": "%B %Y", "year": "%Y"}[self.reference.precision]
        return day.strftime(form) if day else ""


def facts_of(paper: Paper, candidacies: Sequence[EditionPaper], *, now: datetime) -> PaperFacts:
    """Return the facts of a paper with these public candidacies, the newest edition first. Four queries."""
    # a given day runs at its noon, which may be ahead: what its edition knew is shown
    now = max([now, *(row.edition.opened_at for row in candidacies)])
    names = [paper.identifier, *paper.identifiers.order_by("pk").values_list("value", flat=True)]
    rows = list(
        Sighting.objects.filter(paper=paper, seen_at__lte=now)
        .select_related("source")
        .order_by("-seen_at", "-pk")[:MOST_SIGHTINGS]
    )[::-1]
    abstract, codes = one_line(paper.abstract), dict.fromkeys(filter(None, map(one_line, map(str, paper.categories))))
    is_voted_on = any(row.source.kind == HUGGING_FACE for row in rows)
    return PaperFacts(
        paper=paper,
        title=one_line(paper.title) or paper.identifier,
        abstract=abstract,
        authors=tuple(name for author in paper.authors if (name := shorten(str(author), NAME_LENGTH))),
        categories=tuple((shorten(code, NAME_LENGTH), CATEGORIES.get(code, "")) for code in codes)[:MOST_CATEGORIES],
        topics=tuple(paper.topics.filter(offered=True).only("slug", "name")),
        links=tuple(
            links_of(url=paper.url, names=names, abstract=abstract, code=paper.code_url, is_on_hugging_face=is_voted_on)
        ),
        seen=seen_in(rows),
        votes=votes_of(rows, now=now),
        score=score_of(candidacies),
        pick=_pick_of(paper, now),
        days=tuple(row.edition.date for row in candidacies),
        reference=reference_of(paper, names),
    )


def seen_in(rows: Sequence[Sighting]) -> tuple[Seen, ...]:
    """Return each source of these sightings (oldest first) once, in the order in which they showed the paper."""
    by_source: dict[int, list[Sighting]] = {}
    for row in rows:
        by_source.setdefault(row.source_id, []).append(row)
    return tuple(
        Seen(
            source=shorten(some[0].source.name, NAME_LENGTH),
            first=some[0].seen_at,
            said=_said(some),
        )
        for some in by_source.values()
    )


def _said(rows: Sequence[Sighting]) -> str:
    """Return ``announced as new · 73 upvotes · 12 comments`` of one source's sightings, oldest first."""
    announced: dict[str, str] = {
        Sighting.Announced.NEW: _("announced as new"),
        Sighting.Announced.CROSS: _("cross-listed"),
        Sighting.Announced.REPLACE: _("announced as a new version"),
        Sighting.Announced.REPLACE_CROSS: _("announced as a new version"),
    }
    points, comments, stars = (_latest(rows, name) for name in ("points", "comments", "stars"))
    said = [str(announced.get(rows[0].announced, ""))]
    if points is not None:
        said.append(ngettext("%(count)s upvote", "%(count)s upvotes", points) % {"count": f"{points:,}"})
    if comments:
        said.append(ngettext("%(count)s comment", "%(count)s comments", comments) % {"count": f"{comments:,}"})
    if stars:
        said.append(ngettext("%(count)s star on GitHub", "%(count)s stars on GitHub", stars) % {"count": f"{stars:,}"})
    return " · ".join(filter(None, said))


def _latest(rows: Sequence[Sighting], name: str) -> int | None:
    """Return the newest count of that name that is known."""
    return next((value for row in reversed(rows) if (value := getattr(row, name)) is not None), None)


def votes_of(rows: Sequence[Sighting], *, now: datetime) -> tuple[Chart, ...]:
    """Return a chart for each source with votes that read them at least twice."""
    readings: dict[str, list[tuple[datetime, int]]] = {}
    for row in rows:
        if row.points is not None:
            readings.setdefault(shorten(one_line(row.source.name), NAME_LENGTH), []).append(
                (row.seen_at, max(row.points, 0))
            )
    return tuple(
        over_time(
            _("Upvotes on %(source)s") % {"source": source.removesuffix(" daily papers")},
            some,
            until=min(now, some[-1][0] + (some[-1][0] - some[0][0]) / 4),
            unit=_("Time, UTC"),
            name=_("upvotes"),
        )
        for source, some in readings.items()
        if len(some) > 1
    )


def score_of(candidacies: Sequence[EditionPaper]) -> Score | None:
    """Return the score in the newest edition that has one; None without votes."""
    for row in candidacies:
        if row.trending is not None and row.inputs.get("points") is not None:
            return Score(
                value=row.trending,
                why=why_trending(row.inputs),
                formula=in_numbers(row.inputs["points"], row.inputs.get("hours") or 0),
                day=row.edition.date,
            )
    return None


def _pick_of(paper: Paper, now: datetime) -> CuratorPick | None:
    """Return the judgement that counts today if it is a pick."""
    last = paper.curator_picks.filter(edition_date__lte=now.date()).order_by("-edition_date").first()
    return last if last and last.verdict == CuratorPick.Verdict.PICK else None


def reference_of(paper: Paper, names: Sequence[str]) -> Reference:
    """Return what reference managers need of a paper known by these names."""
    first: dict[str, str] = {}
    for scheme, _colon, rest in (name.partition(":") for name in names):
        first.setdefault(scheme, rest)
    doi = first.get("doi", "")
    published = paper.published_at.date() if paper.published_at else paper.announced_on
    return Reference(
        title=one_line(paper.title),
        authors=names_of([str(author) for author in paper.authors]),
        published=published,
        precision=paper.published_precision if paper.published_at else "day",
        abstract=one_line(paper.abstract),
        url=safe_link(paper.url),
        arxiv=first.get("arxiv", ""),
        primary_class=paper.primary_category,
        doi=doi,
        is_preprint="arxiv" in first or is_preprint(doi),
    )
