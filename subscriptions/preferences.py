"""A reader's choices as one value, shared by forms, previews and the tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q

from subscriptions.models import WEEKDAYS_WORKING, Preference, Subscriber, Topic, parts_turned_down
from subscriptions.schedule import instant, local_date, next_send_at

HALF_A_DAY = timedelta(hours=12)  # two digests are never closer than this
CONTENTS = ("max_papers", "hype", "quiet_days", "layout", "also_trending")  # of a digest, beside the wishes
SAVED = ("zone", "send_hour", "weekdays", *CONTENTS, "next_send_at")


@dataclass(frozen=True, slots=True)
class Wish:
    """One thing wanted or muted; ``value`` is a topic's slug, or a word, category or name."""

    kind: str  # Preference.Kind
    value: str
    stance: str = Preference.Stance.WANT


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """Schedule, size and contents of a reader's digest. ``weekdays`` are bits, Monday is 1; ``hype`` is 0 to 100.

    ``quiet_days`` also asks for a mail on days without papers for the reader, ``layout`` is a Subscriber.Layout, and
    ``also_trending`` asks for the names of trending papers that match no wish. ``papers`` is what was typed of papers
    that they know at the sign-up; it is read, shown and kept on a page of its own.
    """

    zone: str = "UTC"
    send_hour: int = 7
    weekdays: int = WEEKDAYS_WORKING
    max_papers: int = 10
    hype: int = 50
    quiet_days: bool = False
    layout: str = Subscriber.Layout.COMPACT.value
    also_trending: bool = True
    wishes: tuple[Wish, ...] = field(default=())
    papers: str = ""

    def as_json(self) -> dict[str, Any]:
        values = asdict(self) | {"wishes": [[wish.kind, wish.value, wish.stance] for wish in self.wishes]}
        return values if self.papers else {name: value for name, value in values.items() if name != "papers"}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Choices:
        return cls(**{**values, "wishes": tuple(Wish(*wish) for wish in values["wishes"])})

    @classmethod
    def of(cls, reader: Subscriber, *, today: date | None = None) -> Choices:
        """Read the choices of a reader, without wishes that ended before ``today``. Two queries."""
        current = Q(until=None) | Q(until__gte=today) if today else Q()
        rows = reader.preferences.filter(current).select_related("topic").order_by("pk")
        return cls(
            zone=reader.zone,
            send_hour=reader.send_hour,
            weekdays=reader.weekdays,
            **{name: getattr(reader, name) for name in CONTENTS},
            wishes=tuple(Wish(row.kind, row.topic.slug if row.topic else row.value, row.stance) for row in rows),
        )


def save_choices(reader: Subscriber, choices: Choices, *, now: datetime) -> bool:
    """Save these choices. Unchanged preferences keep their rows; a new hour, day or zone moves the next digest.

    ``reader`` is locked and read again first, so that the planner's and erasure's writes are kept. Return False, with
    nothing written, for a reader who was erased.
    """
    with transaction.atomic():
        try:
            reader.refresh_from_db(from_queryset=Subscriber.objects.select_for_update())
        except Subscriber.DoesNotExist:  # a sign-up that was not confirmed in time
            return False
        if reader.status == Subscriber.Status.ERASED:
            return False
        when, due = (reader.zone, reader.send_hour, reader.weekdays), reader.next_send_at
        reader.zone, reader.send_hour, reader.weekdays = choices.zone, choices.send_hour, choices.weekdays
        for name in CONTENTS:
            setattr(reader, name, getattr(choices, name))
        is_moved = when != (reader.zone, reader.send_hour, reader.weekdays)
        if due is None:
            reader.next_send_at = next_regular(reader, now=now)
        elif is_moved and due > now:  # otherwise a digest is about to be planned
            reader.next_send_at = now if _is_owed(reader, due, now=now) else next_regular(reader, now=now)
        reader.save(update_fields=SAVED)
        _wish(reader, choices.wishes, today=local_date(reader.zone, now))
    return True


def turn_down(reader: Subscriber, parts: Mapping[str, int]) -> bool:
    """Save which parts of the ranking count less, as percentages; the next digest follows them.

    Return False, with nothing written, for a reader who was erased. Raises ValidationError for unknown parts.
    """
    parts_turned_down(dict(parts))
    there = Subscriber.objects.filter(pk=reader.pk).exclude(status=Subscriber.Status.ERASED)
    return bool(there.update(turned_down=dict(parts)))


def next_regular(reader: Subscriber, *, now: datetime) -> datetime | None:
    """Return the reader's next due time from ``now`` on, on a local date without a delivery; None if not on the list.

    The planner, who knows what was sent, checks that it is 12 hours after the last digest.
    """
    if reader.status not in (Subscriber.Status.ACTIVE, Subscriber.Status.PAUSED):
        return None
    yesterday = local_date(reader.zone, now) - timedelta(days=1)
    return next_send_at(
        after=max(yesterday, reader.last_issue_date or yesterday),
        now=now - HALF_A_DAY,
        hour=reader.send_hour,
        weekdays=reader.weekdays,
        zone=reader.zone,
    )


def next_digest(reader: Subscriber) -> datetime | None:
    """Return when the next digest is expected: a day within 12 hours of the last one is passed over."""
    due, last = reader.next_send_at, reader.last_digest_at
    if due is None or last is None or due >= last + HALF_A_DAY:
        return due
    return next_send_at(
        after=local_date(reader.zone, due), now=last, hour=reader.send_hour, weekdays=reader.weekdays, zone=reader.zone
    )


def _is_owed(reader: Subscriber, due: datetime, *, now: datetime) -> bool:
    """Return whether today's digest, due at ``due``, has not come and its new hour is past.

    It is then due at once; otherwise the day would have none.
    """
    today = local_date(reader.zone, now)
    return (
        local_date(reader.zone, due) == today
        and bool(reader.weekdays >> today.weekday() & 1)
        and (reader.last_issue_date is None or reader.last_issue_date < today)
        and instant(today, reader.send_hour, reader.zone) < now
    )


def _wish(reader: Subscriber, wishes: Iterable[Wish], *, today: date) -> None:
    topics = {
        topic.slug: topic for topic in Topic.objects.filter(slug__in=[w.value for w in wishes if w.kind == "topic"])
    }
    asked = {(wish.kind, wish.value): wish for wish in wishes if wish.kind != "topic" or wish.value in topics}
    kept = set()
    for row in reader.preferences.select_related("topic"):
        name = (row.kind, row.topic.slug if row.topic else row.value)
        has_ended = row.until is not None and row.until < today
        if name in asked and asked[name].stance == row.stance and not has_ended:
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
