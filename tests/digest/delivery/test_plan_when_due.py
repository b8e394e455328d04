"""Each reader's days are their own: by their hour, zone, pauses and what they missed."""

from __future__ import annotations

from datetime import timedelta

import pytest

from digest.delivery import plan
from digest.models import CuratorPick, Delivery, Paper
from subscriptions import consent
from subscriptions.models import Subscriber
from subscriptions.schedule import zone_of
from tests.support.editions import GRAPHS, ROBOT, publish
from tests.support.factories import NOON, entry, reader
from tests.support.planned import due, outcome, papers_of, planned_for

pytestmark = pytest.mark.django_db
TODAY = NOON.date()
DAY = timedelta(days=1)


def test_the_issue_date_is_the_readers_own_day() -> None:
    ada = reader("ada", zone="Pacific/Auckland", next_send_at=NOON, send_hour=8)  # it is Tuesday there, 01:00
    publish(ROBOT)
    assert due(ada, at=NOON).ready == 1
    assert Delivery.objects.get().issue_date == TODAY + DAY
    ada.refresh_from_db()
    assert ada.next_send_at.astimezone(zone_of("Pacific/Auckland")).isoformat() == "2026-03-04T08:00:00+13:00"


def test_a_reader_whose_hour_has_not_come_gets_no_row() -> None:
    ada = reader("ada", next_send_at=NOON + timedelta(minutes=1))
    publish(ROBOT)
    assert due(ada, at=NOON) == plan.Planned()


def test_while_sources_are_late_the_reader_waits_and_then_is_told() -> None:
    ada = reader("ada", wants={"category": ["cs.RO"]}, next_send_at=NOON + DAY, send_hour=12)
    publish(ROBOT)
    planned_for(ada)
    Delivery.objects.update(status="accepted")
    Subscriber.objects.update(next_send_at=NOON + DAY, last_digest_at=NOON)
    assert due(ada, at=NOON + DAY + timedelta(hours=4)) == plan.Planned(held=1)
    assert due(ada, at=NOON + DAY + timedelta(hours=6)) == plan.Planned(skipped=1)
    assert outcome(ada, NOON + DAY) == (
        "skipped",
        "too_late",
    )
    ada.refresh_from_db()
    assert ada.next_send_at == NOON + 2 * DAY


def test_after_an_outage_each_missed_day_has_a_row_and_one_digest_brings_everything() -> None:
    ada = reader("ada", wants={"category": ["cs.RO"]}, send_hour=12, next_send_at=NOON)
    for number in range(4):
        at = NOON + number * DAY
        publish(entry(20 + number, title=f"Robot {number}", categories=("cs.RO",), announced_on=at.date()), at=at)
        if number == 0:
            due(ada, at=at)
            Delivery.objects.update(status="accepted")
            Subscriber.objects.update(last_digest_at=at)
    back = NOON + 3 * DAY + timedelta(hours=1)
    assert due(ada, at=back) == plan.Planned(ready=1, skipped=2)
    assert [row.issue_date for row in Delivery.objects.order_by("issue_date")] == [
        (NOON + n * DAY).date() for n in range(4)
    ]
    assert set(papers_of(ada, NOON + 3 * DAY)) == {"Robot 1", "Robot 2", "Robot 3"}


def test_a_rehearsal_of_an_older_day_after_a_newer_one_is_sent_too() -> None:
    ada = reader("ada", wants={"category": ["cs.RO"]})
    publish(ROBOT)
    planned_for(ada)
    Delivery.objects.update(status="accepted")
    before = NOON - 9 * DAY
    publish(entry(50, title="An earlier robot", categories=("cs.RO",), announced_on=before.date()), at=before)
    assert planned_for(ada, at=before).ready == 1


def test_what_was_sent_is_never_sent_again_however_long_ago() -> None:
    ada = reader("ada", wants={"category": ["cs.RO"]})
    publish(ROBOT)
    planned_for(ada)
    Delivery.objects.update(status="accepted")
    later = NOON + 60 * DAY
    publish(entry(51, title="A robot of today", categories=("cs.RO",), announced_on=later.date()), at=later)
    CuratorPick.objects.create(paper=Paper.objects.get(title=ROBOT.title), edition_date=later.date(), verdict="pick")
    planned_for(ada, at=later)
    assert papers_of(ada, later) == ["A robot of today"]


def test_a_pick_is_not_counted_among_what_matches() -> None:
    ada = reader("ada", wants={"category": ["cs.RO"]})
    publish(GRAPHS)
    CuratorPick.objects.create(paper=Paper.objects.get(), edition_date=TODAY, verdict="pick")
    planned_for(ada)
    assert (Delivery.objects.get().record.matched, Delivery.objects.get().record.arrived) == (0, 1)


def test_a_paper_comes_when_its_embargo_has_ended() -> None:
    ada = reader("ada", wants={"category": ["cs.RO", "math.CO"]})
    publish(ROBOT, GRAPHS)
    robot = Paper.objects.get(title=ROBOT.title)
    CuratorPick.objects.create(paper=robot, edition_date=TODAY, verdict="boost", embargo_until=NOON + DAY / 2)
    planned_for(ada)
    Delivery.objects.update(status="accepted")
    Subscriber.objects.update(last_digest_at=NOON)
    publish(entry(60, title="Hypergraphs", categories=("math.CO",), announced_on=(NOON + DAY).date()), at=NOON + DAY)
    planned_for(ada, at=NOON + DAY)
    assert set(papers_of(ada, NOON + DAY)) == {ROBOT.title, "Hypergraphs"}


def test_of_two_days_judgements_the_latest_counts() -> None:
    ada = reader("ada", wants={"category": ["cs.RO"]})
    publish(ROBOT)
    robot = Paper.objects.get()
    publish(at=NOON + DAY)
    CuratorPick.objects.create(paper=robot, edition_date=(NOON + DAY).date(), verdict="pick", note="Now.")
    CuratorPick.objects.create(paper=robot, edition_date=TODAY, verdict="hide", note="Then.")
    planned_for(ada, at=NOON + DAY)
    assert papers_of(ada, NOON + DAY) == [ROBOT.title]


def test_a_pause_that_has_ended_keeps_nobody_waiting() -> None:
    ada, ben = (
        reader("ada", status="paused", paused_until=TODAY, wants={"category": ["cs.RO"]}),
        reader("ben", status="paused", paused_until=TODAY + DAY, wants={"category": ["cs.RO"]}),
    )
    publish(ROBOT)
    planned_for(ada, ben)
    assert [row.status for row in Delivery.objects.order_by("subscriber")] == ["ready", "skipped"]


def test_someone_away_for_years_is_not_told_of_every_day() -> None:
    ada = reader("ada", next_send_at=NOON - 900 * DAY, signed_up_at=NOON - 901 * DAY)
    publish(ROBOT)
    assert due(ada, at=NOON).skipped <= 32


def test_the_first_digest_follows_the_confirmation_from_the_latest_edition_and_the_next_is_half_a_day_away() -> None:
    ada = reader(
        "ada", status="pending", confirmed_at=None, next_send_at=None, send_hour=18, wants={"category": ["cs.RO"]}
    )
    publish(entry(70, title="Of yesterday", categories=("cs.RO",), announced_on=(NOON - DAY).date()), at=NOON - DAY)
    publish(ROBOT)
    assert due(ada, at=NOON) == plan.Planned()
    consent.confirm(ada.public_id, now=NOON)
    assert due(ada, at=NOON + timedelta(minutes=1)).ready == 1
    assert papers_of(ada) == [ROBOT.title]
    ada.refresh_from_db()
    assert ada.next_send_at == NOON + DAY + timedelta(hours=6)  # not today at 18:00, six hours on


def test_after_a_pause_one_digest_brings_what_came_meanwhile() -> None:
    ada = reader("ada", wants={"category": ["cs.RO"]}, send_hour=12)
    for number in range(4):
        at = NOON + number * DAY
        publish(entry(80 + number, title=f"Robot {number}", categories=("cs.RO",), announced_on=at.date()), at=at)
        if number == 1:
            consent.pause(ada.public_id, now=at)
        if number == 3:
            consent.resume(ada.public_id, now=at)
        due(ada, at=at)
        Delivery.objects.filter(status="ready").update(status="accepted")
    assert [status for (status,) in Delivery.objects.order_by("issue_date").values_list("status")] == [
        "accepted",
        "skipped",
        "skipped",
        "accepted",
    ]
    assert set(papers_of(ada, NOON + 3 * DAY)) == {"Robot 1", "Robot 2", "Robot 3"}
