"""What a later reading of votes gains, on recorded votes."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from digest.ranking.trending import Reading
from tests.benchmarks.evaluate import FEWEST, HOUR, by_product, overlap, pool_of, recorded_votes


@dataclass(frozen=True, slots=True)
class ReadAt:
    """Mean overlap@5 of one day's papers (days) and of two (pools) when read at ``hour`` UTC, 24 for the midnight after."""

    hour: int
    one_day: float
    two_days: float
    days: int


def evaluate_reading_hours(folder: Path) -> list[ReadAt]:
    """The product's score by the hour of the reading, on the same papers and days, against the votes after midnight.

    The recorded data have two readings of a day: in the morning, and at the midnight after it. Raises DataUnreadable.
    """
    days, later = recorded_votes(folder)
    found: dict[int, list[tuple[float, float]]] = defaultdict(list)
    for day, morning in sorted(days.items()):
        midnight = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
        ends = {
            at for reading in morning for at, _, _ in later[str(reading.paper)] if timedelta(0) <= at - midnight < HOUR
        }
        if not ends:
            continue
        both = morning + days.get(day - timedelta(days=1), [])
        begin, end = max(reading.seen_at for reading in morning), max(ends)
        there = [
            [one for one in some if any(at > end for at, _, _ in later[str(one.paper)])] for some in (morning, both)
        ]
        if len(there[0]) < FEWEST:
            continue
        for now in (begin, end):
            pair = [pool_of(end, [_as_read(one, later, now) for one in some], later) for some in there]
            one_day, two_days = (overlap(by_product(replace(pool, now=now)), pool) for pool in pair)
            found[begin.hour if now == begin else 24].append((one_day, two_days))
    return [
        ReadAt(hour, *(float(one) for one in np.mean(pairs, axis=0)), len(pairs))
        for hour, pairs in sorted(found.items())
    ]


def _as_read(one: Reading, later: dict[str, list[tuple[datetime, int, str]]], now: datetime) -> Reading:
    """The latest reading of a paper up to ``now``."""
    newer = [(at, votes) for at, votes, _ in later[str(one.paper)] if one.seen_at < at <= now]
    return replace(one, seen_at=max(newer)[0], points=max(newer)[1]) if newer else one
