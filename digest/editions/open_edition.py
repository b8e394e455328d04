"""Open an edition: freeze a day's candidates, their scores and the completeness report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import numpy as np
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from digest.compose.card import Card, Fact, card_for
from digest.editions.current_time import noon
from digest.identifiers.addresses import short_name
from digest.identifiers.links import hugging_face_page, pdf_of, repository_in
from digest.ingest import arxiv_calendar
from digest.ingest.parsers import arxiv_rss
from digest.ingest.parsers.taxonomy import CATEGORIES
from digest.ingest.sources.advice import explain
from digest.models import Edition, EditionPaper, Lease, Paper, Sighting, Source
from digest.ranking.trending import Reading, Scores, trending_scores
from digest.source_errors import ErrorKind

WINDOW = timedelta(days=7)  # a paper is news for this long
# A reading may begin before an opening and be stored after it.
OVERLAP = timedelta(hours=1)
# Papers of the week that may become candidates again
STILL_TRENDING = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A paper as it would be frozen in an edition; ``trending`` is None without votes."""

    paper: Paper
    trending: float | None
    inputs: dict[str, Any]
    card: Card

    def for_edition(self, edition: Edition) -> EditionPaper:
        return EditionPaper(
            edition=edition,
            paper=self.paper,
            trending=self.trending,
            inputs=self.inputs,
            card=self.card.as_json(),
        )


def draft(day: date, *, now: datetime) -> list[Candidate]:
    """Return the candidates of ``day`` if its edition opened now, most trending first. Writes nothing."""
    news = list(_news(day, now))
    known = {paper.pk for paper in news}
    older = [paper for paper in _voted_on_this_week(now) if paper.pk not in known]
    return candidates([*news, *_rising(older, now)], now=now)


def open_edition(day: date, *, now: datetime) -> tuple[Edition, bool]:
    """Open the edition of ``day`` and return it and True; return an open one unchanged and False."""
    if edition := Edition.objects.filter(date=day).first():
        return edition, False
    frozen = draft(day, now=now)
    with transaction.atomic():
        edition, opened = Edition.objects.get_or_create(
            date=day, defaults={"opened_at": now, "completeness": completeness_report(day, now=now)}
        )
        if opened:
            EditionPaper.objects.bulk_create([one.for_edition(edition) for one in frozen], batch_size=500)
    return edition, opened


def open_when_ready(now: datetime) -> Edition | None:
    """Open today's edition (UTC) when every source has delivered its day, or at the deadline; else return None.

    After the deadline it waits only for sources that are due or being read, so that a service started at noon reads the
    day first.
    """
    day = now.date()
    if Edition.objects.filter(date=day).exists():
        return None
    if not Source.objects.filter(active=True).exists():
        # an empty edition would tell readers that no paper came in
        return None
    if not _is_complete(day, now) and (now < arxiv_calendar.deadline(day) or _is_due_or_being_read(now)):
        return None
    if is_unread(day, now=now):
        return None
    return open_edition(day, now=now)[0]


def is_unread(day: date, *, now: datetime) -> bool:
    """Return whether every active source failed and nothing is new, so that an edition would only say so by mistake."""
    states = {row["state"] for row in completeness_report(day, now=now)}
    return states == {"failed"} and not _news(day, now).exists()


def _is_due_or_being_read(now: datetime) -> bool:
    """Return whether a source is due, or is being read: its row is then not due any more and has no reading yet."""
    if Source.objects.due(now).exists():
        return True
    at_work = Lease.objects.filter(name="refresh", until__gt=now).exclude(holder="").exists()
    return at_work and Source.objects.filter(active=True, last_error_kind=ErrorKind.PARSER_ENDED).exists()


def _is_complete(day: date, now: datetime) -> bool:
    """Return whether each active source has answered this morning, with its announcement of ``day`` if it makes one."""
    active = list(Source.objects.filter(active=True))
    is_daily = any(source.kind == arxiv_rss.KIND for source in active)
    morning = arxiv_calendar.polling_begins(day) if is_daily else datetime.combine(day, time(), UTC)
    asked = all(source.last_reading.get("at", "") >= morning.isoformat() for source in active)
    states = {row["state"] for row in completeness_report(day, now=now) if not row["given"]}
    return bool(active) and asked and states <= {"complete"}


def candidates(papers: Sequence[Paper], *, now: datetime) -> list[Candidate]:
    """Return these papers with their trending scores at ``now`` and their cards, most trending first.

    Papers without votes come last and stay in the given order.
    """
    readings = _readings(papers, now)
    scores = trending_scores([paper.pk for paper in papers], readings, now=now)
    seen_at_source = {reading.paper: reading.source for reading in reversed(readings)}
    made = []
    for row, paper in enumerate(papers):
        inputs = _inputs(scores, row)
        card = card_of(paper, inputs, source=seen_at_source.get(paper.pk, ""))
        trending = float(scores.score[row]) if inputs else None
        made.append(Candidate(paper=paper, trending=trending, inputs=inputs, card=card))
    return sorted(made, key=lambda one: -(one.trending or 0))


def card_of(paper: Paper, inputs: dict[str, Any], *, source: str) -> Card:
    """Return the card of a paper; ``source`` is where it was first seen, for works that are not on arXiv."""
    points, comments, stars = (inputs.get(name) or 0 for name in ("points", "comments", "stars"))
    where = inputs.get("source", "").removesuffix(" daily papers")
    facts = [Fact(points, "upvote", where), Fact(comments, "comment", where), Fact(stars, "star", "GitHub")]
    links = {
        "pdf": pdf_of(paper.identifier, paper.url),
        "code": paper.code_url or repository_in(paper.abstract),
        "project": paper.project_url,
        "discussion": hugging_face_page(paper.identifier) if where == "Hugging Face" else "",
    }
    return card_for(
        identifier=paper.identifier,
        title=paper.title,
        authors=paper.authors,
        url=paper.url,
        abstract=paper.abstract,
        source="arXiv" if paper.identifier.startswith("arxiv:") else source,
        category=paper.primary_category,
        category_name=CATEGORIES.get(paper.primary_category, ""),
        categories=paper.categories,
        published=paper.announced_on or (paper.published_at.date() if paper.published_at else None),
        precision="day" if paper.announced_on else paper.published_precision,
        facts=[fact for fact in facts if fact.number],
        links=links,
        page=short_name(paper.identifier, paper.pk),
    )


def _inputs(scores: Scores, row: int) -> dict[str, Any]:
    """Return the inputs of a score, for the public formula; empty without votes."""
    if np.isnan(scores.score[row]):
        return {}
    counts = {"points": scores.points, "comments": scores.comments, "stars": scores.stars}
    return {
        **{name: None if np.isnan(values[row]) else int(values[row]) for name, values in counts.items()},
        "hours": round(float(scores.hours[row]), 1),
        "source": scores.source[row],
    }


def _readings(papers: Sequence[Paper], now: datetime) -> list[Reading]:
    """Return the sources' readings of these papers in the past week, oldest first."""
    rows: list[Sighting] = []
    for start in range(0, len(papers), 500):
        some = Sighting.objects.filter(paper__in=papers[start : start + 500], seen_at__range=(now - WINDOW, now))
        rows += some.select_related("source").order_by("seen_at", "pk")
    return [
        Reading(
            paper=row.paper_id,
            source=row.source.name,
            seen_at=row.seen_at,
            points=row.points,
            comments=row.comments,
            stars=row.stars,
        )
        for row in rows
    ]


def _rising(papers: Sequence[Paper], now: datetime) -> list[Paper]:
    """Return the papers whose trending score rose most in the last 24 hours."""
    ids, readings = [paper.pk for paper in papers], _readings(papers, now)
    today, yesterday = (
        np.nan_to_num(trending_scores(ids, readings, now=moment).score) for moment in (now, now - timedelta(hours=24))
    )
    gain = today - yesterday
    return [papers[row] for row in np.argsort(-gain, kind="stable")[:STILL_TRENDING] if gain[row] > 0]


def completeness_report(day: date, *, now: datetime) -> list[dict[str, Any]]:
    """Return the state of each source for this edition: complete, partial, stale, absent or failed."""
    since = _last_opening(day)
    rows = []
    for source in Source.objects.all():
        last = source.last_reading
        is_fresh = bool(last) and since < datetime.fromisoformat(last["at"]) <= now
        if not (is_fresh or source.active):
            continue
        state, why = _state(source, last if is_fresh else None, day)
        expected, stored = (last["expected"], last["stored"]) if is_fresh else (None, 0)
        rows.append(
            {
                "id": source.pk,  # a source may be renamed
                "source": source.name,
                "given": not source.active,  # by the operator, as a file
                "state": state,
                "expected": expected,
                "stored": stored,
                "why": why,
            }
        )
    return rows


def _state(source: Source, last: dict[str, Any] | None, day: date) -> tuple[str, str]:
    """Return a source's state on ``day`` and the reason; ``last`` is its reading since the last opening, if any."""
    # other sources deliver papers as they come, without a day to wait for
    is_daily = source.kind == arxiv_rss.KIND
    if not last:
        return (
            ("complete", arxiv_calendar.why_none(day)) if is_daily and arxiv_calendar.why_none(day) else ("absent", "")
        )
    if kind := last.get("error_kind"):
        return "failed", explain(kind, detail=last["error"])
    if is_daily and not (last["announced_on"] or last["stored"]):
        return (
            ("complete", arxiv_calendar.why_none(day))
            if arxiv_calendar.why_none(day)
            else ("absent", "Its feed was empty.")
        )
    if (
        is_daily
        and last["announced_on"]
        and last["announced_on"] < day.isoformat()
        and not arxiv_calendar.why_none(day)
    ):
        return "stale", f"It still showed the papers of {last['announced_on']}."
    if last["expected"] is not None and last["stored"] < last["expected"]:
        return "partial", ""
    return "complete", ""


def _last_opening(day: date) -> datetime:
    before = Edition.objects.filter(date__lt=day).order_by("-date").values_list("opened_at", flat=True).first()
    return before or noon(day) - WINDOW


def _news(day: date, now: datetime) -> QuerySet[Paper]:
    """Return papers announced new or cross-listed within a week, and first seen since the last opening.

    They are in the order in which they were stored: source by source, each in its own order.
    """
    shown = Sighting.objects.filter(paper=OuterRef("pk"), seen_at__lte=now)
    recent = Q(announced_on=None) | Q(announced_on__gte=day - WINDOW)
    earlier = EditionPaper.objects.filter(paper=OuterRef("pk"), edition__date__lt=day)
    return Paper.objects.filter(
        Exists(shown.filter(announced="")) | (Exists(shown.filter(announced__in=["new", "cross"])) & recent),
        ~Exists(earlier),
        withdrawn_at=None,
        first_seen_at__gte=_last_opening(day) - OVERLAP,
        first_seen_at__lte=now,
    ).order_by("pk")


def _voted_on_this_week(now: datetime) -> QuerySet[Paper]:
    voted = Sighting.objects.filter(paper=OuterRef("pk"), points__isnull=False, seen_at__lte=now)
    return Paper.objects.filter(Exists(voted), withdrawn_at=None, first_seen_at__range=(now - WINDOW, now))
