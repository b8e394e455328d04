"""Count which papers readers asked for more and less of, by day."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from django.db.models import Case, Count, DateField, Q, Value, When

from digest.models import Paper, Verdict

DAYS = 7
MOST = 10  # papers of a day


@dataclass(frozen=True, slots=True)
class JudgedPaper:
    """A paper and how many readers asked for more and for less like it on one day."""

    paper: Paper
    more: int
    less: int


def judged_by_day(today: date) -> list[tuple[date, list[JudgedPaper]]]:
    """Return the papers of the last seven days with verdicts, newest day first, most verdicts first. Two queries.

    Days are those of UTC. A reader's latest verdict on a paper counts, on the day when it was given.
    """
    midnights = {day: datetime.combine(day, time(), UTC) for day in (today - timedelta(days=n) for n in range(DAYS))}
    rows = Verdict.objects.filter(given_at__gte=min(midnights.values())).order_by()
    # SQLite would call back into Python for the date of each row
    began = [When(given_at__gte=midnight, then=Value(day)) for day, midnight in midnights.items()]
    rows = rows.annotate(day=Case(*began, output_field=DateField()))
    counted = rows.values_list("day", "paper").annotate(
        more=Count("pk", filter=Q(value=Verdict.Value.MORE)), less=Count("pk", filter=Q(value=Verdict.Value.LESS))
    )
    by_day: dict[date, list[tuple[int, int, int]]] = defaultdict(list)
    for day, paper, more, less in counted:
        by_day[day].append((paper, more, less))
    first = {day: sorted(found, key=lambda one: (-one[1] - one[2], one[0]))[:MOST] for day, found in by_day.items()}
    papers = Paper.objects.only("title", "identifier").in_bulk(
        {paper for found in first.values() for paper, *_ in found}
    )
    return [
        (day, [JudgedPaper(papers[paper], more, less) for paper, more, less in first[day] if paper in papers])
        for day in sorted(first, reverse=True)
    ]
