"""What a curator sees first in the morning."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from digest.dashboard import overview
from digest.delivery import throttle
from digest.delivery.plan import plan
from digest.editions.open_edition import open_edition
from digest.ingest import store
from digest.models import Provider, Source
from tests.support.database_rows import every_row
from tests.support.editions import GRAPHS, ROBOT, publish
from tests.support.factories import NOON, feed, reader, source

pytestmark = pytest.mark.django_db
TODAY = NOON.date()
HOUR = timedelta(hours=1)
EARLY = NOON - 7 * HOUR  # 05:00


def test_before_the_edition_opens_it_says_which_sources_are_awaited_and_until_when() -> None:
    source(active=True)
    source("A journal", "https://journal.example.org/rss", kind="feed", active=True)
    shown = feed(ROBOT, GRAPHS, name="A journal", url="https://journal.example.org/rss", kind="feed", stated_total=3)
    store.store(Source.objects.get(name="A journal"), shown, now=EARLY)
    seen = overview.overview_at(EARLY + timedelta(minutes=1))
    assert not seen.is_open
    assert f"{seen.deadline:%H:%M}" == "06:30"
    assert {(one.source, one.says) for one in seen.awaited} == {
        ("arXiv cs.LG", "has not delivered this day yet"),
        ("A journal", "delivered fewer papers than it announced"),
    }
    assert (seen.came, seen.expected, seen.missing) == (2, 3, 1)
    assert seen.completeness[0] == "Not complete: 1 announced paper is missing and 1 source is late."


def test_once_open_it_counts_candidates_and_whom_they_were_planned_for() -> None:
    publish(ROBOT, GRAPHS)
    ada = reader("ada", wants={"category": ["cs.RO"]})
    reader("ben", next_send_at=NOON + HOUR)
    reader("cai", next_send_at=NOON + HOUR)
    reader("dee", next_send_at=NOON + 2 * HOUR)
    plan(NOON, [ada.pk])
    seen = overview.overview_at(NOON)
    assert (seen.is_open, seen.candidates, seen.came, seen.expected) == (True, 2, 2, 2)
    assert (seen.planned, seen.to_plan) == (1, 3)
    assert (seen.next_due, seen.next_readers) == (NOON + HOUR, 2)
    assert (overview.overview_at(NOON + HOUR).next_due, overview.overview_at(NOON + HOUR).next_readers) == (
        NOON + HOUR,
        2,
    )


def test_it_says_whether_sending_is_paused_or_held() -> None:
    assert overview.overview_at(NOON).why_held == ""
    throttle.pause("a doubtful paper")
    assert overview.overview_at(NOON).why_held == "Sending is paused: a doubtful paper"
    throttle.resume(now=NOON)
    throttle.trip(timedelta(minutes=10), "The server is away.", now=NOON)
    assert overview.overview_at(NOON).why_held == "Sending is held until 12:10 UTC: The server is away."
    assert overview.overview_at(NOON + HOUR).why_held == ""


def test_a_glance_writes_nothing_not_even_the_gates_row() -> None:
    publish(ROBOT)
    before = list(every_row())
    overview.overview_at(NOON)
    assert list(every_row()) == before
    assert not Provider.objects.exists()


@pytest.mark.parametrize("readers", [0, 20])
def test_it_takes_as_many_queries_for_many_readers_as_for_none(
    readers: int, django_assert_max_num_queries: Any
) -> None:
    open_edition(TODAY, now=NOON)
    for number in range(readers):
        reader(f"reader{number}")
    with django_assert_max_num_queries(10):
        overview.overview_at(EARLY if not readers else NOON)
