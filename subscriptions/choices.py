"""What a reader chose, as one value: what a form gives, a preview is made for, and a row of a reader holds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from subscriptions.models import WEEKDAYS_WORKING, Preference, Subscriber, Topic
from subscriptions.schedule import local_date, next_send_at

HALF_A_DAY = timedelta(hours=12)  # two digests are never closer than this


@dataclass(frozen=True, slots=True)
class Wish:
    """One thing wanted or muted; ``value`` is a topic's slug, or the typed word, category or name."""

    kind: str  # Preference.Kind
    value: str
    stance: str = Preference.Stance.WANT


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """When, how many and what. ``weekdays`` are bits, Monday is 1; ``hype`` is 0 to 100."""

    zone: str = "UTC"
    send_hour: int = 7
    weekdays: int = WEEKDAYS_WORKING
    max_papers: int = 10
    hype: int = 50
    wishes: tuple[Wish, ...] = field(default=())

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"wishes": [[wish.kind, wish.value, wish.stance] for wish in self.wishes]}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Choices:
        return cls(**{**values, "wishes": tuple(Wish(*wish) for wish in values["wishes"])})

    @classmethod
    def of(cls, reader: Subscriber) -> Choices:
        """What this reader's rows say: two queries."""
        rows = reader.preferences.select_related("topic").order_by("pk")
        return cls(
            zone=reader.zone,
            send_hour=reader.send_hour,
            weekdays=reader.weekdays,
            max_papers=reader.max_papers,
            hype=reader.hype,
            wishes=tuple(Wish(row.kind, row.topic.slug if row.topic else row.value, row.stance) for row in rows),
        )


def choose(reader: Subscriber, choices: Choices, *, now: datetime) -> None:
    """Make these choices this reader's own: what stays keeps its row, and a new hour or zone moves the next digest."""
    with transaction.atomic():
        when = (reader.zone, reader.send_hour, reader.weekdays)
        reader.zone, reader.send_hour, reader.weekdays = choices.zone, choices.send_hour, choices.weekdays
        reader.max_papers, reader.hype = choices.max_papers, choices.hype
        is_due = reader.next_send_at is not None and reader.next_send_at <= now  # a first digest is on its way
        if when != (reader.zone, reader.send_hour, reader.weekdays) and not is_due:
            reader.next_send_at = next_regular(reader, now=now)
        reader.save(update_fields=["zone", "send_hour", "weekdays", "max_papers", "hype", "next_send_at"])
        _wish(reader, choices.wishes)


def next_regular(reader: Subscriber, *, now: datetime) -> datetime | None:
    """The reader's next instant: on a local date without a digest, 12 hours after the last; None off the list."""
    if reader.status not in (Subscriber.Status.ACTIVE, Subscriber.Status.PAUSED):
        return None
    yesterday = local_date(reader.zone, now) - timedelta(days=1)
    last = reader.last_digest_at or now - HALF_A_DAY
    return next_send_at(
        after=max(yesterday, reader.last_issue_date or yesterday),
        now=max(last, now - HALF_A_DAY),
        hour=reader.send_hour,
        weekdays=reader.weekdays,
        zone=reader.zone,
    )


def _wish(reader: Subscriber, wishes: Iterable[Wish]) -> None:
    topics = {
        topic.slug: topic for topic in Topic.objects.filter(slug__in=[w.value for w in wishes if w.kind == "topic"])
    }
    asked = {(wish.kind, wish.value): wish for wish in wishes if wish.kind != "topic" or wish.value in topics}
    kept = set()
    for row in reader.preferences.select_related("topic"):
        name = (row.kind, row.topic.slug if row.topic else row.value)
        if name in asked and asked[name].stance == row.stance:
            kept.add(name)
        else:
            row.delete()
    Preference.objects.bulk_create(
        Preference(
            subscriber=reader,
            kind=wish.kind,
            topic=topics[wish.value] if wish.kind == "topic" else None,
            value="" if wish.kind == "topic" else wish.value,
            stance=wish.stance,
        )
        for name, wish in asked.items()
        if name not in kept
    )
