"""How many readers want and mute each topic."""

from __future__ import annotations

from typing import Any

import pytest

from subscriptions.models import Subscriber
from subscriptions.popularity import Popularity, of_all_topics, of_topic
from tests.factories import reader, topic, want

pytestmark = pytest.mark.django_db


def test_readers_on_the_list_are_counted_in_one_query(django_assert_num_queries: Any) -> None:
    robots, whales = topic("Robots"), topic("Whales")
    for name in ("ada", "ben"):
        want(reader(name), "topic", "Robots")
    want(reader("cleo"), "topic", "Robots", stance="mute")
    want(reader("dora", status=Subscriber.Status.UNSUBSCRIBED), "topic", "Robots", "Whales")
    want(reader("emil", status=Subscriber.Status.PAUSED), "topic", "Robots")
    want(reader("fay"), "keyword", "robot")
    with django_assert_num_queries(1):
        assert of_all_topics() == {robots.pk: Popularity(wanted=3, muted=1)}
    assert of_topic(robots) == Popularity(wanted=3, muted=1)
    assert of_topic(whales) == Popularity()
