"""Compute today's trending scores from sightings, with the inputs that pages show.

The formula is public: **(points + 1) / (hours + 2) ^ 0.3**, hours since the source first listed the paper. Votes on a
daily list grow fast for some hours and slowly after that, so the exponent is far smaller than that of a link site; 0.3
was chosen on recorded votes (``./run bench trending``).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

GRAVITY, GRACE_HOURS = 0.3, 2.0
MOST_OF_SECOND = 3  # times the second highest count


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One source's counts of one paper at one time: a row of Sighting.

    ``seen_at`` is aware. ``listed_at`` is when the source first listed the paper; None means the earliest of the given
    readings of that paper by that source. ``points`` is None if the source has no votes.
    """

    paper: Hashable
    source: str
    seen_at: datetime
    listed_at: datetime | None = None
    points: int | None = None
    comments: int | None = None
    stars: int | None = None


@dataclass(frozen=True, slots=True)
class Scores:
    """Scores of P papers in the given order with their inputs; NaN and ``""`` without votes.

    ``z`` is the z-score of log(1 + score) over the papers with votes and 0 for the others, so that a source without
    votes counts as the average, not as zero votes.
    """

    score: Numbers
    z: Numbers
    points: Numbers
    comments: Numbers
    stars: Numbers
    hours: Numbers
    source: tuple[str, ...]


def formula(points: Numbers, hours: Numbers) -> Numbers:
    """Return the score for ``points`` >= 0 and ``hours`` >= 0 since listing."""
    score: Numbers = (points + 1) / (hours + GRACE_HOURS) ** GRAVITY
    return score


def in_numbers(points: int, hours: float) -> str:
    """Return the formula with its inputs: ``(73 + 1) / (9.0 + 2)^0.3``."""
    return f"({max(points, 0)} + 1) / ({hours} + {GRACE_HOURS:g})^{GRAVITY:g}"


def trending_scores(papers: Sequence[Hashable], sightings: Iterable[Reading], *, now: datetime) -> Scores:
    """Return today's score of each paper from its sources' readings up to ``now``.

    Counts come from a source's latest reading (of two at one time, the one with more points); no paper counts more than
    thrice what the second of those has that the source first listed on the same day. Of several sources with
    votes, the one with the highest score counts. Readings of other papers or after ``now`` are ignored.
    """
    rows = {paper: row for row, paper in enumerate(papers)}
    latest: dict[tuple[int, str], Reading] = {}
    listed: dict[tuple[int, str], datetime] = {}
    for reading in sightings:
        row = rows.get(reading.paper)
        if row is None or reading.seen_at > now:
            continue
        key = (row, reading.source)
        since = reading.listed_at or reading.seen_at
        listed[key] = min(listed.get(key, since), since)
        if reading.points is not None and (key not in latest or _newer(reading, latest[key])):
            latest[key] = reading

    votes = list(latest.items())
    row_of = np.array([row for (row, _), _ in votes], np.int64)
    points = _counted([(key[1], listed[key].date(), max(reading.points or 0, 0)) for key, reading in votes])
    hours = np.array([max((now - listed[key]).total_seconds() / 3600, 0) for key, _ in votes])
    scores = formula(points, hours)
    # Assigned in rising order, so that the highest stays; the source's name decides a tie.
    rising = sorted(range(len(votes)), key=lambda i: (scores[i], votes[i][0][1]))
    best = np.full(len(papers), -1)
    best[row_of[rising]] = rising

    def shown(values: Sequence[float | None] | Numbers) -> Numbers:
        # -1, no vote, indexes the NaN
        column: Numbers = np.append(np.array(values, float), np.nan)[best]
        return column

    score = shown(scores)
    return Scores(
        score=score,
        z=standardise(score),
        points=shown(points),
        comments=shown([reading.comments for _, reading in votes]),
        stars=shown([reading.stars for _, reading in votes]),
        hours=shown(hours),
        source=tuple(votes[index][0][1] if index >= 0 else "" for index in best),
    )


def _counted(votes: Sequence[tuple[str, date, int]]) -> Numbers:
    """Return the points that count, given source, day and points: at most thrice the day's second highest."""
    best: dict[tuple[str, date], list[int]] = {}
    for source, day, points in votes:
        best[source, day] = sorted([*best.get((source, day), []), points])[-2:]
    # of one paper alone there is nothing to compare with; where nobody else has a vote, three count
    limit = {key: MOST_OF_SECOND * max(two[0], 1) if len(two) > 1 else two[0] for key, two in best.items()}
    return np.array([min(points, limit[source, day]) for source, day, points in votes], float)


def _newer(one: Reading, other: Reading) -> bool:
    return (one.seen_at, one.points or 0) > (other.seen_at, other.points or 0)


def standardise(score: Numbers) -> Numbers:
    """Return the z-score of log(1 + score) over the papers that have a score (not NaN), 0 for the others."""
    voted = ~np.isnan(score)
    logs = np.log1p(score[voted])
    z = np.zeros(len(score))
    if len(logs) and (spread := logs.std()) > 1e-9:
        z[voted] = (logs - logs.mean()) / spread
    return z
