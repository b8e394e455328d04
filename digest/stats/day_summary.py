"""Sum up a day: every digest that was due, by status; the parts always add up to the total."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db.models import Count

from digest.compose.phrases import plural
from digest.delivery.staff_texts import reason_text
from digest.delivery.throttle import State
from digest.models import Delivery
from digest.stats.daily_counts import by_day

_Status = Delivery.Status
PARTS: dict[str, tuple[str, ...]] = {  # each status is in exactly one of them
    "accepted": (_Status.ACCEPTED, _Status.DELIVERED, _Status.BOUNCED, _Status.COMPLAINED),
    "failed": (_Status.FAILED,),
    "skipped": (_Status.SKIPPED,),
    "expired": (_Status.EXPIRED,),
    "unknown": (_Status.UNKNOWN,),
    "open": tuple(Delivery.OPEN),
}


@dataclass(frozen=True, slots=True)
class DaySummary:
    """The digests of one issue date: numbers by status, and skipped ones by reason, the most frequent first."""

    day: date
    statuses: Mapping[str, int]
    skipped_for: tuple[tuple[str, int], ...] = ()

    def part(self, name: str) -> int:
        """Return the number of digests in one of PARTS."""
        return sum(self.statuses.get(status, 0) for status in PARTS[name])

    @property
    def due(self) -> int:
        return sum(self.statuses.values())

    @property
    def parts(self) -> list[tuple[str, int]]:
        return [(name, self.part(name)) for name in PARTS]

    @property
    def skipped_texts(self) -> list[tuple[str, str, int]]:
        """Return code, sentence and number for each reason of ``skipped_for``."""
        return [(reason, reason_text(reason), count) for reason, count in self.skipped_for]

    @property
    def of_accepted(self) -> list[tuple[str, int]]:
        """Return the later statuses of accepted digests with their numbers."""
        told = ("delivered", "bounced", "complained")
        return [(status, self.statuses.get(status, 0)) for status in told]


def summaries_of(days: Collection[date]) -> list[DaySummary]:
    """Return the summary of each issue date, in their order, from the rows; two queries."""
    rows = Delivery.objects.filter(issue_date__in=days).order_by()
    statuses = by_day(rows.values_list("issue_date", "status").annotate(count=Count("pk")))
    skipped = rows.filter(status=_Status.SKIPPED).values_list("issue_date", "status_reason")
    reasons = by_day(skipped.annotate(count=Count("pk")))
    return [DaySummary(day, statuses.get(day, {}), _most_first(reasons.get(day, {}))) for day in days]


def summary_from_counts(day: date, counts: Mapping[str, Any]) -> DaySummary:
    """Return the summary of an issue date from its daily counts."""
    return DaySummary(day, counts.get("deliveries", {}), _most_first(counts.get("skipped", {})))


def _most_first(reasons: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(reasons.items(), key=lambda one: -one[1]))


def in_words(summary: DaySummary, gate: State) -> tuple[str, str]:
    """Return ``good``, ``wait`` or ``bad``, and a sentence or two about the day."""
    unknown, failed, waiting = summary.part("unknown"), summary.part("failed"), summary.part("open")
    if not summary.due:
        return "wait", "No digest was due."
    sent = f"{plural(summary.part('accepted'), 'digest')} sent"
    troubles = [
        f"{plural(count, 'digest')} {what}."
        for count, what in (
            (unknown, "may or may not have left, and will not be sent again"),
            (failed, "could not be sent"),
            (summary.part("expired"), "could not leave in time"),
        )
        if count
    ]
    if troubles:
        return "bad", " ".join(
            ["Not all is well.", *troubles, f"{sent}{f', {waiting:,} still to go' if waiting else ''}."]
        )
    if waiting and not gate.is_open:
        return "bad", f"{plural(waiting, 'digest')} {'waits' if waiting == 1 else 'wait'} and cannot leave now. {sent}."
    if waiting:
        return "wait", f"{plural(waiting, 'digest')} {'is' if waiting == 1 else 'are'} on the way. {sent} so far."
    return "good", f"All is well: {sent}, and every other reader is told why there is none."
