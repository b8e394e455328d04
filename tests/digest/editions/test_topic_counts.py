"""Stored counts of papers by topic say what counting for each page says; what may not be shown is never in them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from digest.delivery.plan import plan
from digest.editions.public_list import Days, public_list, topics_of
from digest.editions.topic_counts import ALL, store_counts
from digest.ingest.papers import retag
from digest.models import CuratorPick, Edition, EditionPaper, Paper
from subscriptions.models import Topic
from tests.support.editions import publish
from tests.support.factories import NOON, entry, reader, topic

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def robots() -> Topic:
    """A topic with papers 1 and 3 of Monday, and 4 of Tuesday, when paper 1 is a candidate again."""
    row = topic("Robotics", categories=["cs.RO"])
    publish(entry(1, categories=("cs.RO",)), entry(2, categories=("cs.CL",)), entry(3, categories=("cs.RO",)))
    tuesday = publish(entry(4, categories=("cs.RO",), announced_on=(NOON + DAY).date()), at=NOON + DAY)
    EditionPaper.objects.create(edition=tuesday, paper=paper(1), trending=3.5, card={"title": "Again"})
    return row


def paper(number: int) -> Paper:
    return Paper.objects.get(title__startswith=f"Paper number {number} ")


def days(count: int = 2) -> Days:
    return Days.between(NOON.date(), (NOON + (count - 1) * DAY).date(), now=NOON + DAY)


def shown(robots: Topic) -> tuple[int, int, list[int]]:
    """Return the counts of the list of both days, of the topic's list, and of the topics."""
    both = days()
    found = public_list(both), public_list(both, topic=robots)
    for one in found:
        assert one.count == len(one[0:100]) == one.others.count()
    return found[0].count, found[1].count, [count for _, count in topics_of(both)]


def test_stored_counts_say_what_counting_says_and_take_fewer_queries(
    robots: Topic, django_assert_num_queries: pytest.FixtureRequest
) -> None:
    live = shown(robots)
    assert live == (4, 3, [3])
    store_counts(NOON + DAY)
    stored = list(Edition.objects.order_by("date").values_list("topic_counts", "seen_before"))
    assert stored == [({str(ALL): 3, str(robots.pk): 2}, []), ({str(ALL): 2, str(robots.pk): 2}, [paper(1).pk])]
    assert shown(robots) == live
    with django_assert_num_queries(3):
        days()


@pytest.mark.parametrize("first", [0, 1])
def test_the_last_of_some_days_are_as_if_they_were_read_alone(robots: Topic, first: int) -> None:
    begin, last = (NOON + first * DAY).date(), (NOON + DAY).date()
    alone, part = Days.between(begin, last, now=NOON + DAY), days().since(begin)
    assert (part.first, part.last, part.counts) == (begin, last, alone.counts)
    assert set(part.rows.values_list("pk", flat=True)) == set(alone.rows.values_list("pk", flat=True))


def test_a_paper_of_two_days_is_on_the_list_of_each_day(robots: Topic) -> None:
    store_counts(NOON + DAY)
    assert public_list(days(1), topic=robots).count == 2


@pytest.mark.parametrize("kept_back", ["hidden", "embargo", "withdrawn"])
def test_what_may_not_be_shown_is_in_no_count_from_that_moment_on(robots: Topic, kept_back: str) -> None:
    store_counts(NOON + DAY)
    if kept_back == "withdrawn":
        Paper.objects.filter(pk=paper(3).pk).update(withdrawn_at=NOON)
    else:
        values = {"verdict": "hide"} if kept_back == "hidden" else {"verdict": "boost", "embargo_until": NOON + 9 * DAY}
        CuratorPick.objects.create(paper=paper(3), edition_date=NOON.date(), **values)
    assert shown(robots) == (3, 2, [2])


def test_a_pick_is_counted_by_its_topics_and_not_among_the_others(robots: Topic) -> None:
    store_counts(NOON + DAY)
    CuratorPick.objects.create(paper=paper(3), edition_date=NOON.date(), verdict="pick")
    assert shown(robots) == (3, 2, [3])


def test_another_rule_of_a_topic_is_counted_at_once(robots: Topic) -> None:
    store_counts(NOON + DAY)
    seen = retag.mark_of(robots)
    robots.categories = ["cs.RO", "cs.CL"]
    retag.save(robots, seen=seen, now=NOON + DAY)
    assert shown(robots) == (4, 4, [4])


def test_a_pick_that_joins_an_edition_as_it_is_planned_is_counted_at_once(robots: Topic) -> None:
    store_counts(NOON + DAY)
    CuratorPick.objects.create(paper=paper(2), edition_date=(NOON + DAY).date(), verdict="pick")
    plan(NOON + DAY, [reader("ada").pk], issue_date=(NOON + DAY).date())
    assert paper(2).candidacies.count() == 2
    CuratorPick.objects.all().delete()
    assert shown(robots)[:2] == (4, 3)
