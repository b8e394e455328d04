"""Whom a paper reaches."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from digest import jobs
from digest.delivery.plan import plan
from digest.editions import reach
from digest.models import CuratorPick, Delivery, Edition, EditionPaper, Paper
from subscriptions.models import Preference, Subscriber
from tests.support.editions import GRAPHS, LANGUAGE, ROBOT, STARS, publish
from tests.support.factories import NOON, delivery, reader, topic, want

pytestmark = pytest.mark.django_db
TODAY = NOON.date()
DAY = timedelta(days=1)


def counted() -> dict[str, int | None]:
    reach.count_readers(Edition.objects.get(date=TODAY))
    return dict(EditionPaper.objects.values_list("paper__title", "readers"))


def test_a_paper_reaches_who_asked_for_its_topic_category_words_or_author() -> None:
    topic("Robotics", categories=["cs.RO"])
    publish(ROBOT, GRAPHS, STARS)
    reader("ada", wants={"topic": ["Robotics"], "keyword": ["laundry"]})  # twice the same reader
    reader("ben", wants={"category": ["cs.RO"]})
    reader("cai", wants={"keyword": ["planar graphs"], "author": ["I. Solheim-Vargas"]})
    reader("dee")  # asked for nothing
    assert counted() == {ROBOT.title: 2, GRAPHS.title: 1, STARS.title: 1}


def test_it_does_not_reach_who_muted_it_or_left() -> None:
    publish(ROBOT)
    for name in ("ada", "ben", "cai", "dee"):
        reader(name, wants={"category": ["cs.RO"]})
    want(Subscriber.objects.get(email="ada@example.org"), "keyword", "laundry", stance="mute")
    Subscriber.objects.filter(email="ben@example.org").update(status=Subscriber.Status.UNSUBSCRIBED)
    Subscriber.objects.filter(email="cai@example.org").update(status=Subscriber.Status.PAUSED)  # is on the list
    assert counted() == {ROBOT.title: 2}
    Preference.objects.filter(stance="mute").update(until=TODAY - DAY)  # is over
    assert counted() == {ROBOT.title: 3}


def test_it_is_counted_when_the_edition_opens_and_once_an_hour() -> None:
    one = reader(wants={"category": ["cs.RO"]})
    publish(ROBOT)
    jobs.tidy(NOON)
    assert EditionPaper.objects.get().readers == 1
    one.preferences.all().delete()
    jobs.tidy(NOON + timedelta(hours=1))
    assert EditionPaper.objects.get().readers == 0


@pytest.mark.parametrize("readers", [1, 30])
def test_it_takes_as_many_queries_for_many_readers_as_for_one(readers: int, django_assert_num_queries: Any) -> None:
    edition = publish(ROBOT, GRAPHS)
    for number in range(readers):
        reader(f"reader{number}", wants={"keyword": [f"word{number}", "laundry"]})
    with django_assert_num_queries(4):  # the candidates, topics, wishes, and the numbers
        reach.count_readers(edition)


def test_a_word_counts_for_whoever_has_no_row_from_that_edition_or_a_later_one() -> None:
    publish(ROBOT, GRAPHS)
    ada, ben = reader("ada", wants={"category": ["cs.RO"]}), reader("ben", wants={"category": ["cs.RO"]})
    reader("gone", status=Subscriber.Status.UNSUBSCRIBED)
    assert reach.still_to_reach(TODAY) == 2
    plan(NOON, [ada.pk], issue_date=TODAY)
    assert reach.still_to_reach(TODAY) == 1
    assert reach.still_to_reach(TODAY + DAY) == 2
    publish(LANGUAGE, at=NOON + DAY)
    plan(NOON + DAY, [ben.pk], issue_date=TODAY + DAY)
    assert reach.still_to_reach(TODAY) == 0


def test_who_have_a_paper_are_those_whose_digest_holds_it_and_left_or_is_about_to() -> None:
    edition = publish(ROBOT, GRAPHS)
    robot, graphs = Paper.objects.get(title=ROBOT.title), Paper.objects.get(title=GRAPHS.title)
    lists = [[robot.pk], [graphs.pk, robot.pk], [robot.pk, graphs.pk], [graphs.pk], [int(f"9{robot.pk}")]]
    for number, ids in enumerate(lists):
        delivery(reader(f"reader{number}"), edition=edition, paper_ids=ids)
    for number, status in enumerate((Delivery.Status.READY, Delivery.Status.FAILED, Delivery.Status.EXPIRED)):
        delivery(reader(f"other{number}"), edition=edition, paper_ids=[robot.pk], status=status)
    assert reach.who_have(robot.pk, now=NOON) == 4
    assert reach.who_have(graphs.pk, now=NOON) == 3
    assert reach.who_have(robot.pk + 1000, now=NOON) == 0
    assert reach.who_have(robot.pk, now=NOON + 7 * DAY) == 0


def test_a_hide_holds_for_those_it_still_counts_for_and_for_nobody_else() -> None:
    publish(ROBOT, GRAPHS)
    ada, ben = (
        reader("ada", wants={"category": ["cs.RO", "math.CO"]}),
        reader("ben", wants={"category": ["cs.RO", "math.CO"]}),
    )
    plan(NOON, [ada.pk], issue_date=TODAY)
    robot = Paper.objects.get(title=ROBOT.title)
    CuratorPick.objects.create(paper=robot, edition_date=TODAY, verdict="hide", note="A copy.")
    assert (reach.who_have(robot.pk, now=NOON), reach.still_to_reach(TODAY)) == (1, 1)
    plan(NOON, [ben.pk], issue_date=TODAY)
    held = {one.subscriber_id: robot.pk in one.paper_ids for one in Delivery.objects.all()}
    assert held == {ada.pk: True, ben.pk: False}
