"""How many readers want and mute each topic."""

from __future__ import annotations

from typing import Any

import pytest

from subscriptions import topic_counts
from subscriptions.models import Subscriber, Topic
from tests.support.factories import reader, topic, want

pytestmark = pytest.mark.django_db


def counted() -> dict[str, tuple[int, int]]:
    topic_counts.count_readers()
    return {row.name: (row.wanted, row.muted) for row in Topic.objects.all()}


def test_readers_on_the_list_are_counted() -> None:
    robots, whales = topic("Robots"), topic("Whales")
    for name in ("ada", "ben"):
        want(reader(name), "topic", "Robots")
    want(reader("cleo"), "topic", "Robots", stance="mute")
    want(reader("dora", status=Subscriber.Status.UNSUBSCRIBED), "topic", "Robots", "Whales")
    want(reader("emil", status=Subscriber.Status.PAUSED), "topic", "Robots")
    want(reader("fay"), "keyword", "robot")
    assert counted() == {"Robots": (3, 1), "Whales": (0, 0)}
    assert topic_counts.readers_who_want(robots) == 3
    assert topic_counts.readers_who_want(whales) == 0


def test_who_changes_their_mind_is_counted_anew() -> None:
    ada = reader("ada", wants={"topic": ["Robots"]})
    assert counted() == {"Robots": (1, 0)}
    ada.preferences.all().delete()
    assert counted() == {"Robots": (0, 0)}


def test_the_most_wanted_come_first() -> None:
    for name, *wishes in (("ada", "Robots", "Whales"), ("ben", "Whales"), ("cleo", "Bees")):
        reader(name, wants={"topic": wishes})
    topic_counts.count_readers()
    assert [row.name for row in topic_counts.most_wanted(2)] == ["Whales", "Bees"]


def test_topics_are_counted_at_once(django_assert_num_queries: Any) -> None:
    for number in range(20):
        reader(f"reader{number}", wants={"topic": [f"Topic {number}", "Robots"]})
    with django_assert_num_queries(3):  # the count, the topics, and one update
        topic_counts.count_readers()
