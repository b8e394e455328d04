"""Count each day once an hour, so that no page reads millions of rows.

``DayTally.counts`` holds, each under its name and left out where it was never counted:

``deliveries``   status -> digests of that issue date
``skipped``      reason -> digests of that issue date that were skipped for it
``consent``      kind of consent event -> how many that day, UTC
``topics``, ``sources``   number of the row -> [more, less]: verdicts given that day about its papers
``listed``       readers on the list, as it was when it was last counted that day
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.db.models import Count
from django.db.models.functions import TruncDate

from digest.models import DayTally, Delivery, Verdict
from subscriptions.models import ConsentEvent, Subscriber

DAYS = 30  # that pages show
MOVING = timedelta(days=7)  # how long events of providers may still change a day
Counts = dict[date, dict[str, Any]]


def count(now: datetime) -> None:
    """Count today, what may have changed, and each of the last 30 days of which nothing is known; ten queries or so."""
    today = now.date()
    known = dict(DayTally.objects.filter(date__gt=today - timedelta(days=DAYS)).values_list("date", "counts"))
    missing = {day for day in days_until(today) if not known.get(day, {}).get("deliveries")}
    moving = {day for day in days_until(today) if day > today - MOVING} | missing
    recent = {today, today - timedelta(days=1)} | missing
    counts: Counts = {day: dict(known.get(day, {})) for day in moving}
    found: list[tuple[str, Collection[date], Mapping[date, dict[str, Any]]]] = [
        ("deliveries", moving, _deliveries(moving)),
        ("skipped", moving, _skipped(moving)),
        ("consent", recent, _consent(recent)),
        ("topics", recent, _verdicts(recent, "paper__topics")),
        ("sources", recent, _verdicts(recent, "paper__sightings__source")),
    ]
    for name, days, by_date in found:
        for day in days:
            counts[day][name] = by_date.get(day, {})
    counts[today]["listed"] = Subscriber.objects.on_the_list().count()
    DayTally.objects.bulk_create(
        [DayTally(date=day, counts=counted, counted_at=now) for day, counted in sorted(counts.items())],
        update_conflicts=True,
        unique_fields=["date"],
        update_fields=["counts", "counted_at"],
    )


def days_until(today: date) -> list[date]:
    """Return the last 30 days, oldest first."""
    return [today - timedelta(days=back) for back in reversed(range(DAYS))]


def _deliveries(days: Collection[date]) -> dict[date, dict[str, int]]:
    rows = Delivery.objects.filter(issue_date__in=days).order_by().values_list("issue_date", "status")
    return by_day(rows.annotate(count=Count("pk")))


def _skipped(days: Collection[date]) -> dict[date, dict[str, int]]:
    rows = Delivery.objects.filter(issue_date__in=days, status=Delivery.Status.SKIPPED)
    return by_day(rows.order_by().values_list("issue_date", "status_reason").annotate(count=Count("pk")))


def _consent(days: Collection[date]) -> dict[date, dict[str, int]]:
    rows = ConsentEvent.objects.filter(at__gte=_begin(min(days))).annotate(day=TruncDate("at", tzinfo=UTC))
    return by_day(rows.order_by().values_list("day", "kind").annotate(count=Count("pk")))


def _verdicts(days: Collection[date], about: str) -> dict[date, dict[str, list[int]]]:
    """Return verdicts by topic or source; a paper with two topics counts once for each."""
    rows = Verdict.objects.filter(given_at__gte=_begin(min(days))).annotate(day=TruncDate("given_at", tzinfo=UTC))
    grouped = rows.exclude(**{about: None}).order_by().values_list("day", about, "value")
    found: dict[date, dict[str, list[int]]] = defaultdict(lambda: defaultdict(lambda: [0, 0]))
    for day, number, value, how_many in grouped.annotate(count=Count("pk", distinct=True)):
        found[day][str(number)][value != Verdict.Value.MORE] = how_many
    return {day: dict(numbers) for day, numbers in found.items()}


def by_day(rows: Iterable[tuple[date, str, int]]) -> dict[date, dict[str, int]]:
    """Return day -> name -> count from rows of day, name and count."""
    found: dict[date, dict[str, int]] = defaultdict(dict)
    for day, name, how_many in rows:
        found[day][name] = how_many
    return found


def _begin(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
