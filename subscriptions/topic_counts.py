"""Numbers of readers who want or mute each topic, stored on the topic's row so that pages need not count."""

from __future__ import annotations

from django.db.models import Count

from subscriptions.models import Preference, Subscriber, Topic

ON_THE_LIST = [Subscriber.Status.ACTIVE, Subscriber.Status.PAUSED]
Stance = Preference.Stance


def count_readers() -> None:
    """Count the readers of every topic (hourly): one query over all preferences, and one UPDATE for the changes."""
    chosen = Preference.objects.filter(topic__isnull=False, subscriber__status__in=ON_THE_LIST)
    rows = chosen.values_list("topic", "stance").annotate(count=Count("pk")).order_by()
    counts = {(topic, stance): count for topic, stance, count in rows}
    changed = []
    for topic in Topic.objects.all():
        now = counts.get((topic.pk, Stance.WANT), 0), counts.get((topic.pk, Stance.MUTE), 0)
        if now != (topic.wanted, topic.muted):
            topic.wanted, topic.muted = now
            changed.append(topic)
    Topic.objects.bulk_update(changed, ["wanted", "muted"])


def most_wanted(limit: int) -> list[Topic]:
    """Return the topics that most readers want, by the last count."""
    return list(Topic.objects.filter(wanted__gt=0).order_by("-wanted", "name")[:limit])


def readers_who_want(topic: Topic) -> int:
    """Count the readers who want this topic now; reads every row of the topic."""
    chosen = Preference.objects.filter(topic=topic, stance=Stance.WANT)
    return chosen.filter(subscriber__status__in=ON_THE_LIST).count()
