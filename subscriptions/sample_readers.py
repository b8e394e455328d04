"""Examples of readers for the staff's preview, without their addresses."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count

from subscriptions.models import Preference, Subscriber
from subscriptions.schedule import rhythm_in_words

AMONG = 1000  # newest readers, so that the cost is bounded
EACH = 4
INVENTED = ".invalid"  # the domain of demonstration readers (RFC 2606)


@dataclass(frozen=True, slots=True)
class Example:
    """A reader's id, and their preferences in a few words."""

    public_id: str
    says: str


def is_invented(reader: Subscriber) -> bool:
    """Return whether this is a reader of the demonstration, whom no mail can reach."""
    return reader.email.endswith(INVENTED)


def examples(*, real: bool) -> list[tuple[str, list[Example]]]:
    """Return named groups among the newest 1,000 readers on the list, without empty ones. Two queries.

    Without ``real`` only readers of the demonstration are among them.
    """
    on_the_list = Subscriber.objects.on_the_list().order_by("-pk")
    newest = list((on_the_list if real else on_the_list.filter(email__endswith=INVENTED))[:AMONG])
    if not newest:
        return []
    rows = Preference.objects.filter(subscriber__gte=newest[-1].pk, stance=Preference.Stance.WANT)
    wishes = dict(rows.values_list("subscriber").annotate(count=Count("pk")).order_by())
    groups = {
        "The newest": newest,
        "With most wishes": sorted(
            (reader for reader in newest if reader.pk in wishes), key=lambda reader: -wishes[reader.pk]
        ),
        "Who asked for nothing": [reader for reader in newest if reader.pk not in wishes],
        "With a small digest": [reader for reader in newest if reader.max_papers <= 5],
        "On one day a week": [reader for reader in newest if reader.weekdays.bit_count() == 1],
        "Paused": [reader for reader in newest if reader.status == Subscriber.Status.PAUSED],
    }
    return [
        (name, [_example(reader, wishes.get(reader.pk, 0)) for reader in readers[:EACH]])
        for name, readers in groups.items()
        if readers
    ]


def _example(reader: Subscriber, wishes: int) -> Example:
    asked = f"{wishes} wish{'' if wishes == 1 else 'es'}" if wishes else "no wishes"
    rhythm = rhythm_in_words(weekdays=reader.weekdays, hour=reader.send_hour)
    return Example(reader.public_id, f"{asked}, at most {reader.max_papers} papers, {rhythm} ({reader.zone})")
