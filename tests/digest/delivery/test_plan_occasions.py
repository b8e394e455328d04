"""A first digest says so, and so does one that catches up."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from digest.delivery import plan
from digest.ingest.entry import Entry
from digest.models import Delivery
from subscriptions import consent
from subscriptions.models import Subscriber
from tests.support.editions import GRAPHS, ROBOT, publish
from tests.support.factories import NOON, entry, reader, want
from tests.support.planned import delivered, due, occasion_of, outcome, papers_of, planned_for

pytestmark = pytest.mark.django_db
TODAY = NOON.date()
DAY = timedelta(days=1)


def robot_of(at: Any) -> Entry:
    day = at.date()
    return entry(900 + day.day, title=f"Robot of {day}", categories=("cs.RO",), announced_on=day)


def week_of(ada: Subscriber, *, days: int, without: tuple[int, ...] = (), lost: tuple[int, ...] = ()) -> list[str]:
    """The occasions of Ada's digests, by day from Monday on.

    On the days ``without`` no program runs, and the digests of those ``lost`` could not be sent.
    """
    occasions = []
    for number in range(days):
        at = NOON + number * DAY
        publish(robot_of(at), at=at)
        ada.refresh_from_db()
        if number in without or not ada.weekdays >> at.weekday() & 1:
            occasions.append("-")
            continue
        due(ada, at=at)
        row = Delivery.objects.filter(subscriber=ada, issue_date=at.date(), status="ready").first()
        occasions.append(occasion_of(ada, at) if row else "-")
        delivered(at=at, status="failed" if number in lost else "accepted")
    return occasions


ROBOTS: dict[str, Any] = {"wants": {"category": ["cs.RO"]}, "send_hour": 12}
DAILY, WORKING, MONDAYS, TWICE = 0b1111111, 0b0011111, 0b0000001, 0b0010001


def test_the_first_digest_says_so_and_how_it_goes_on() -> None:
    ada = reader("ada", **ROBOTS, weekdays=WORKING, max_papers=7)
    publish(ROBOT)
    planned_for(ada)
    frozen = Delivery.objects.get().record
    assert (frozen.occasion, frozen.rhythm, frozen.limit) == ("first", "on weekdays at 12:00", 7)


def test_only_one_digest_is_the_first() -> None:
    assert week_of(reader("ada", **ROBOTS), days=3) == ["first", "", ""]


def test_after_a_first_digest_that_was_not_sent_the_next_is_the_first() -> None:
    assert week_of(reader("ada", **ROBOTS), days=3, lost=(0,)) == ["first", "first", ""]


def test_a_digest_that_may_have_left_was_the_first() -> None:
    ada = reader("ada", **ROBOTS)
    publish(ROBOT)
    due(ada, at=NOON)
    delivered(at=NOON, status="unknown")
    publish(robot_of(NOON + DAY), at=NOON + DAY)
    due(ada, at=NOON + DAY)
    assert occasion_of(ada, NOON + DAY) == ""


def test_a_rehearsal_of_an_older_day_is_not_the_first_digest_of_who_had_one() -> None:
    ada = reader("ada", **ROBOTS)
    publish(ROBOT)
    planned_for(ada)
    delivered(at=NOON)
    before = NOON - 9 * DAY
    publish(robot_of(before), at=before)
    planned_for(ada, at=before)
    assert occasion_of(ada, before) == ""


@pytest.mark.parametrize(
    ("weekdays", "occasions"),
    [
        (DAILY, ["first", *[""] * 8]),
        (WORKING, ["first", *[""] * 4, "-", "-", "", ""]),  # Monday draws from Saturday on
        (MONDAYS, ["first", *["-"] * 6, "", "-"]),
        (TWICE, ["first", "-", "-", "-", "", "-", "-", "", "-"]),
    ],
)
def test_in_the_readers_own_rhythm_nothing_catches_up(weekdays: int, occasions: list[str]) -> None:
    assert week_of(reader("ada", **ROBOTS, weekdays=weekdays), days=9) == occasions


@pytest.mark.parametrize(
    ("weekdays", "gap", "occasions"),
    [
        (DAILY, {"without": (1, 2)}, ["first", "-", "-", "catch_up 2026-03-03", ""]),
        (DAILY, {"lost": (1,)}, ["first", "", "catch_up 2026-03-03", "", ""]),
        (TWICE, {"without": (4,)}, ["first", "-", "-", "-", "-", "-", "-", "catch_up 2026-03-03", "-"]),
        (WORKING, {"without": (7,)}, ["first", *[""] * 4, "-", "-", "-", "catch_up 2026-03-07"]),
    ],
)
def test_after_days_that_were_missed_a_digest_says_from_when_it_draws(
    weekdays: int, gap: dict[str, Any], occasions: list[str]
) -> None:
    assert week_of(reader("ada", **ROBOTS, weekdays=weekdays), days=len(occasions), **gap) == occasions


def test_after_a_pause_the_digest_catches_up() -> None:
    ada = reader("ada", **ROBOTS)
    for number in range(5):
        at = NOON + number * DAY
        publish(robot_of(at), at=at)
        if number == 1:
            consent.pause(ada.public_id, now=at, until=(NOON + 3 * DAY).date())
        due(ada, at=at)
        delivered(at=at)
    assert [occasion_of(ada, NOON + number * DAY) for number in (0, 3, 4)] == ["first", "catch_up 2026-03-03", ""]


def test_days_on_which_nothing_matched_are_not_caught_up() -> None:
    ada = reader("ada", **ROBOTS)
    for number in range(4):
        at = NOON + number * DAY
        shown = robot_of(at) if number in (0, 3) else replace(robot_of(at), categories=("math.CO",), title="Knots")
        publish(shown, at=at)
        due(ada, at=at)
        delivered(at=at)
    assert [row.status for row in Delivery.objects.order_by("issue_date")] == [
        "accepted",
        "skipped",
        "skipped",
        "accepted",
    ]
    assert occasion_of(ada, NOON + 3 * DAY) == ""


def test_papers_of_a_day_that_brought_nothing_come_when_the_reader_asks_for_them() -> None:
    ada = reader("ada", **ROBOTS)
    for number, shown in enumerate((ROBOT, replace(GRAPHS, announced_on=TODAY + DAY), robot_of(NOON + 2 * DAY))):
        at = NOON + number * DAY
        publish(shown, at=at)
        if number == 2:
            want(ada, "category", "math")
        due(ada, at=at)
        delivered(at=at)
    assert outcome(ada, NOON + DAY) == ("skipped", "nothing_matched")
    assert GRAPHS.title in papers_of(ada, NOON + 2 * DAY)


def test_a_day_without_an_edition_leaves_nothing_to_catch_up() -> None:
    ada = reader("ada", **ROBOTS)
    publish(ROBOT)
    due(ada, at=NOON)
    delivered(at=NOON)
    at = NOON + 2 * DAY  # no edition opened on Tuesday
    publish(robot_of(at), at=at)
    assert due(ada, at=at) == plan.Planned(ready=1, skipped=1)
    assert occasion_of(ada, at) == ""
