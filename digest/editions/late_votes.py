"""Read the votes as they stand when readers are planned: an edition keeps those of its opening."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from django.db.models import Max
from numpy.typing import NDArray

from digest.editions.open_edition import WINDOW
from digest.ingest.papers.claims import VOTING_KINDS
from digest.models import Edition, Sighting, Source
from digest.ranking.trending import Reading, trending_scores


@dataclass(frozen=True, slots=True)
class LateVotes:
    """Trending scores and votes (P,) at the latest reading, NaN for a paper without one, and when that reading was.

    ``read_at`` is None if no source with votes has shown any of the papers.
    """

    score: NDArray[np.float64]
    points: NDArray[np.float64]
    read_at: datetime | None

    @classmethod
    def of(cls, papers: Sequence[int], editions: Sequence[Edition], *, now: datetime) -> LateVotes:
        """Read the votes of these papers, which are candidates of the editions. Two queries."""
        shown = Sighting.objects.filter(
            paper__in=Edition.objects.filter(pk__in=[one.pk for one in editions]).values("candidates__paper"),
            points__isnull=False,
            seen_at__range=(now - WINDOW, now),
        )
        readings = [
            Reading(paper=paper, source=source, seen_at=seen_at, points=points)
            for paper, source, seen_at, points in shown.values_list("paper_id", "source__name", "seen_at", "points")
        ]
        scores = trending_scores(papers, readings, now=now)
        return cls(scores.score, scores.points, _read_at(readings, now) if readings else None)


def last_answer(now: datetime) -> datetime | None:
    """Return when a source with votes last answered; None if none ever did."""
    answered = Source.objects.filter(kind__in=VOTING_KINDS, last_success_at__lte=now)
    last: datetime | None = answered.aggregate(last=Max("last_success_at"))["last"]
    return last


def _read_at(readings: Sequence[Reading], now: datetime) -> datetime:
    """Return when votes were last read: a reading that changed nothing leaves no row of its own."""
    newest = max(reading.seen_at for reading in readings)
    return max(newest, last_answer(now) or newest)
