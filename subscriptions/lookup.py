"""Find readers by address or number, and describe them to the staff."""

from __future__ import annotations

import re
from datetime import datetime

from django.db.models import F

from subscriptions.models import Preference, Subscriber, Suppression, email_key
from subscriptions.schedule import WEEKDAYS, zone_of

MOST = 20  # results shown
SHORTEST = 3  # letters to search by
_NUMBER = re.compile(r"[A-Za-z0-9_-]{22}")


def find_readers(words: str) -> list[Subscriber]:
    """Return the reader with exactly this address or number, else those with an address that begins so, sorted by it.

    At most 21, one more than is shown, so that the page knows that there are more. At most two queries.
    """
    words = words.strip()
    if _NUMBER.fullmatch(words) and (found := list(Subscriber.objects.filter(public_id=words))):
        return found
    if "@" in words and (found := list(Subscriber.objects.filter(email_key=email_key(words)))):
        return found
    if len(words) < SHORTEST:
        return []
    begins = email_key(words) if "@" in words else words.casefold()
    known = Subscriber.objects.exclude(status=Subscriber.Status.ERASED)
    return list(known.filter(email_key__startswith=begins).order_by("email_key")[: MOST + 1])


def suppression_of(email: str) -> Suppression | None:
    """Return the suppression of this address, active or lifted."""
    return Suppression.objects.of(email).order_by(F("lifted_at").asc(nulls_first=True)).first() if email else None


def standing_in_words(reader: Subscriber, suppression: Suppression | None, *, now: datetime) -> tuple[str, str]:
    """Return a reader's status as ``good``, ``wait`` or ``bad``, and as a sentence."""
    status = Subscriber.Status(reader.status)
    if status == Subscriber.Status.ERASED:
        return "bad", "Erased: nothing personal is kept."
    if suppression and suppression.lifted_at is None:
        return "bad", "Suppressed: no mail is sent to this address."
    if status == Subscriber.Status.PENDING:
        return "wait", "Signed up, and has not confirmed yet: gets no digest."
    if status == Subscriber.Status.UNSUBSCRIBED:
        left = f" on {reader.left_at:%-d %B %Y}" if reader.left_at else ""
        return "bad", f"Unsubscribed{left}: gets no digest."
    if status == Subscriber.Status.PAUSED and reader.is_paused(now.date()):
        until = f" until {reader.paused_until:%-d %B %Y}" if reader.paused_until else ""
        return "wait", f"Paused by the reader{until}: gets no digest meanwhile."
    return "good", f"Gets digests.{_next(reader)}"


def rhythm_of(reader: Subscriber) -> str:
    """Return when a reader's digests are due, in words."""
    days = [day[:3] for number, day in enumerate(WEEKDAYS) if reader.weekdays >> number & 1]
    return f"{', '.join(days)} at {reader.send_hour}:00, {reader.zone}"


def wishes_of(reader: Subscriber) -> list[tuple[str, list[str]]]:
    """Return a reader's preferences as (kind in words, values); one query."""
    found: dict[str, list[str]] = {}
    for wish in reader.preferences.select_related("topic").order_by("stance", "kind", "pk"):
        muted = "muted " if wish.stance == Preference.Stance.MUTE else ""
        value = wish.topic.name if wish.topic else wish.value
        until = f" (until {wish.until})" if wish.until else ""
        found.setdefault(f"{muted}{_PLURAL[wish.kind]}".capitalize(), []).append(value + until)
    return list(found.items())


_PLURAL = {"topic": "topics", "keyword": "keywords", "category": "categories", "author": "authors"}


def _next(reader: Subscriber) -> str:
    if not reader.next_send_at:
        return ""
    local = reader.next_send_at.astimezone(zone_of(reader.zone))
    return f" The next one is due on {local:%-d %B at %H:%M}, {reader.zone}."
