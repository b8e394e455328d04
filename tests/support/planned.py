"""Plan readers' digests in tests, and tell what they got."""

from __future__ import annotations

from typing import Any

from digest.delivery import plan
from digest.models import Delivery, Edition, Paper
from subscriptions.models import Subscriber
from tests.support.editions import publish
from tests.support.factories import NOON, entry


def planned_for(*readers: Subscriber, at: Any = NOON) -> plan.Planned:
    """Plan these readers for the day of ``at``, whatever their hour."""
    return plan.plan(at, [one.pk for one in readers], issue_date=at.date())


def papers_of(one: Subscriber, at: Any = NOON) -> list[str]:
    """Return the titles of a reader's digest of that day, in their order."""
    row = Delivery.objects.get(subscriber=one, issue_date=at.date())
    titles = dict(Paper.objects.values_list("pk", "title"))
    return [titles[paper] for paper in row.paper_ids]


def outcome(one: Subscriber, at: Any = NOON) -> tuple[str, str]:
    """Return the status of a reader's row of that day, and its reason."""
    return Delivery.objects.values_list("status", "status_reason").get(subscriber=one, issue_date=at.date())


def due(*readers: Subscriber, at: Any) -> plan.Planned:
    """Plan those of these readers who are due at that moment."""
    return plan.plan(at, [one.pk for one in readers])


def voted(*votes: int, at: Any = NOON, **values: Any) -> Edition:
    """Publish an edition of papers with so many votes each; the first is paper 1."""
    entries = [entry(number, points=points, announced="", **values) for number, points in enumerate(votes, 1)]
    return publish(*entries, at=at, kind="hugging_face", name="HF", url="https://hf.example")


def title(number: int) -> str:
    """Return the title that :func:`voted` gives the paper of that number."""
    return f"Paper number {number} on careful measurement"


def also_of(one: Subscriber, at: Any = NOON) -> list[str]:
    """Return the titles that a reader's digest of that day also names."""
    row = Delivery.objects.get(subscriber=one, issue_date=at.date())
    titles = dict(Paper.objects.values_list("pk", "title"))
    return [titles[paper] for paper in row.record.also]


def occasion_of(one: Subscriber, at: Any) -> str:
    """Return the occasion of a reader's digest of that day, and since when it draws from papers."""
    frozen = Delivery.objects.get(subscriber=one, issue_date=at.date()).record
    return f"{frozen.occasion} {frozen.since}".strip()


def delivered(*, at: Any, status: str = "accepted") -> None:
    """Write down that all ready digests left at that moment, or ended with another status."""
    readers = Delivery.objects.filter(status="ready").values_list("subscriber")
    if status == "accepted":
        Subscriber.objects.filter(pk__in=readers).update(last_digest_at=at)
    Delivery.objects.filter(status="ready").update(status=status)
