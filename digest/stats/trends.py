"""Make the series of charts about the last 30 days from the daily counts; no row of a delivery is read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from digest.delivery.staff_texts import reason_text
from digest.models import DayTally, Delivery, Source
from digest.stats.daily_counts import days_until
from subscriptions.models import ConsentEvent, Topic

SENT = (Delivery.Status.ACCEPTED, Delivery.Status.DELIVERED, Delivery.Status.BOUNCED, Delivery.Status.COMPLAINED)
MOST_REASONS = 5  # that are drawn by name; the colours are six
MOST_NAMES = 25  # topics or sources of a chart


@dataclass(frozen=True, slots=True)
class Month:
    """The last 30 days, oldest first, and their counts; empty for days that were not counted."""

    days: tuple[date, ...]
    counts: Mapping[date, Mapping[str, Any]]
    counted_at: datetime | None

    @property
    def labels(self) -> list[str]:
        return [f"{day.day} {day:%b}" for day in self.days]

    def series(self, name: str, *keys: str) -> list[int]:
        """Return a number for each day: the sum of these keys of the counts with that name."""
        return [sum(self.counts.get(day, {}).get(name, {}).get(key, 0) for key in keys) for day in self.days]

    def of_each_day(self, name: str) -> list[int]:
        """Return a number for each day from a count without keys."""
        return [self.counts.get(day, {}).get(name, 0) for day in self.days]

    def total(self, name: str) -> Counter[str]:
        """Return the sum over all days by key."""
        found: Counter[str] = Counter()
        for day in self.days:
            found.update(self.counts.get(day, {}).get(name, {}))
        return found


def last_month(today: date) -> Month:
    """Return the last 30 days until today; one query of 30 rows."""
    days = days_until(today)
    rows = list(DayTally.objects.filter(date__gte=days[0], date__lte=today))
    times = [row.counted_at for row in rows if row.counted_at]
    return Month(tuple(days), {row.date: row.counts for row in rows}, max(times, default=None))


def sent_by_day(month: Month) -> dict[str, list[int]]:
    return {"sent": month.series("deliveries", *SENT)}


def problems_by_day(month: Month) -> dict[str, list[int]]:
    """Return bounces, complaints and readers who left, by day."""
    return {
        "bounced": month.series("deliveries", Delivery.Status.BOUNCED),
        "reported as spam": month.series("deliveries", Delivery.Status.COMPLAINED),
        "left the list": month.series("consent", ConsentEvent.Kind.UNSUBSCRIBED),
    }


def skipped_by_day(month: Month) -> dict[str, list[int]]:
    """Return skipped digests by reason and day: the five most frequent reasons, and the others together."""
    named = [reason for reason, _ in month.total("skipped").most_common(MOST_REASONS)]
    alike: dict[str, list[str]] = {}  # sentence -> its reasons: those that are not known here share one
    for reason in named:
        alike.setdefault(reason_text(reason) or "no reason kept", []).append(reason)
    series = {sentence: month.series("skipped", *reasons) for sentence, reasons in alike.items()}
    others = [reason for reason in month.total("skipped") if reason not in named]
    return series | ({"other reasons": month.series("skipped", *others)} if others else {})


def growth_by_day(month: Month) -> dict[str, list[int]]:
    kinds = ConsentEvent.Kind
    return {
        "signed up": month.series("consent", kinds.SIGNED_UP),
        "confirmed": month.series("consent", kinds.CONFIRMED),
        "left": month.series("consent", kinds.UNSUBSCRIBED),
    }


def readers_by_day(month: Month) -> dict[str, list[int]]:
    return {"readers": month.of_each_day("listed")}


def verdicts_by_topic(month: Month) -> list[tuple[str, int, int]]:
    """Return topic, more and less over the month, the most verdicts first; one query."""
    return _verdicts(month, "topics", lambda: {str(pk): name for pk, name in Topic.objects.values_list("pk", "name")})


def verdicts_by_source(month: Month) -> list[tuple[str, int, int]]:
    """Return source, more and less over the month, the most verdicts first; one query."""
    return _verdicts(month, "sources", lambda: {str(pk): name for pk, name in Source.objects.values_list("pk", "name")})


def _verdicts(month: Month, kind: str, names_of: Callable[[], Mapping[str, str]]) -> list[tuple[str, int, int]]:
    totals: dict[str, list[int]] = {}
    for day in month.days:
        for number, (more, less) in month.counts.get(day, {}).get(kind, {}).items():
            total = totals.setdefault(number, [0, 0])
            total[0] += more
            total[1] += less
    names = names_of()
    found: Sequence[tuple[str, int, int]] = [
        (names[number], more, less) for number, (more, less) in totals.items() if number in names
    ]
    return sorted(found, key=lambda one: (-one[1] - one[2], one[0]))[:MOST_NAMES]
