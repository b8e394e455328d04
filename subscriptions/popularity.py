"""How many readers want each topic, and how many mute it."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count

from subscriptions.models import Preference, Subscriber, Topic

ON_THE_LIST = [Subscriber.Status.ACTIVE, Subscriber.Status.PAUSED]


@dataclass(frozen=True, slots=True)
class Popularity:
    """Readers on the list who want a topic, and who mute it."""

    wanted: int = 0
    muted: int = 0


def of_all_topics() -> dict[int, Popularity]:
    """By the topic's number, those that anybody chose; one query."""
    return _counted(Preference.objects.filter(topic__isnull=False))


def of_topic(topic: Topic) -> Popularity:
    """One query."""
    return _counted(Preference.objects.filter(topic=topic)).get(topic.pk, Popularity())


def _counted(chosen: object) -> dict[int, Popularity]:
    found: dict[int, dict[str, int]] = {}
    rows = chosen.filter(subscriber__status__in=ON_THE_LIST)  # type: ignore[attr-defined]
    for topic, stance, count in rows.values_list("topic", "stance").annotate(count=Count("pk")).order_by():
        found.setdefault(topic, {})[stance] = count
    return {
        topic: Popularity(counts.get(Preference.Stance.WANT, 0), counts.get(Preference.Stance.MUTE, 0))
        for topic, counts in found.items()
    }
