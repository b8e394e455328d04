"""A reader's days: each of their own has a row, and two digests are never less than half a day apart."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from digest.delivery import plan
from digest.editions.open_edition import open_edition
from digest.ingest import store
from digest.models import Delivery, Edition
from digest.reader_data.erase import erase
from subscriptions import consent
from subscriptions.models import Subscriber
from subscriptions.preferences import Choices, Wish, next_digest, save_choices
from subscriptions.schedule import local_date, zone_of
from tests.support.factories import NOON, entry, feed, reader

pytestmark = pytest.mark.django_db
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
MONDAY = NOON.replace(hour=0)
ROBOTS: dict[str, Any] = {"wants": {"category": ["cs.RO"]}}


def publish(at: datetime) -> Edition:
    """An edition of one robot."""
    number = at.toordinal() % 10_000
    robot = entry(number, title=f"Robot of {at.date()}", categories=("cs.RO",), announced_on=at.date())
    shown = feed(robot)
    store.store(store.source_named_in(shown, "file.xml"), shown, now=at)
    return open_edition(at.date(), now=at)[0]


def confirmed(name: str, at: datetime, **values: Any) -> Subscriber:
    pending = {"status": "pending", "confirmed_at": None, "next_send_at": None, "send_hour": 7, **values}
    row = reader(name, signed_up_at=at - MINUTE, **pending)
    consent.confirm(row.public_id, now=at)
    row.refresh_from_db()
    return row


def tick(one: Subscriber, at: datetime, *, fate: str = "accepted") -> None:
    """The installation's turn at that moment: plan who is due, and let ready digests meet their fate."""
    plan.plan(at, [one.pk])
    ready = Delivery.objects.filter(subscriber=one, status="ready")
    if ready.exists():
        sent = fate == "accepted"
        ready.update(status=fate, accepted_at=at if sent else None)
        if sent:
            Subscriber.objects.filter(pk=one.pk).update(last_digest_at=at)


def ticks(
    one: Subscriber, start: datetime, end: datetime, *, every: timedelta = 10 * MINUTE, fate: str = "accepted"
) -> None:
    while start <= end:
        tick(one, start, fate=fate)
        start += every


def days(one: Subscriber) -> list[tuple[int, str]]:
    """Each row's day of the month, and its status, or its outcome where it has one."""
    rows = one.deliveries.order_by("issue_date")
    return [(row.issue_date.day, row.status_reason or row.status) for row in rows]


# --- evening newcomers -----------------------------------------------------------------------------------------------


def test_after_an_evening_with_nothing_the_next_morning_brings_the_first_digest() -> None:
    publish(MONDAY + 12 * HOUR)
    ada = confirmed("ada", MONDAY + 20 * HOUR, wants={"keyword": ["volcano"]})
    tick(ada, MONDAY + 20 * HOUR)
    publish(MONDAY + 30 * HOUR)
    ticks(ada, MONDAY + 31 * HOUR, MONDAY + 32 * HOUR)
    assert [day for day, _ in days(ada)] == [2, 3]


def test_who_confirms_before_midnight_gets_the_first_digest_after_it() -> None:
    publish(MONDAY + 12 * HOUR)
    late = MONDAY + DAY - 20 * timedelta(seconds=1)
    ada = confirmed("ada", late, **ROBOTS)
    tick(ada, late + timedelta(seconds=40))
    row = ada.deliveries.get()
    assert (row.issue_date, row.status, row.not_after) == (NOON.date(), "accepted", late + 5 * HOUR)


def test_a_digest_at_the_readers_hour_does_not_leave_after_midnight() -> None:
    publish(MONDAY + 12 * HOUR)
    ada = reader("ada", send_hour=20, next_send_at=MONDAY + 20 * HOUR, **ROBOTS)
    plan.plan(MONDAY + 20 * HOUR, [ada.pk])
    assert ada.deliveries.get().not_after == MONDAY + DAY


@pytest.mark.slow
def test_without_an_edition_a_newcomer_has_a_row_each_day_all_the_same() -> None:
    ada = confirmed("ada", MONDAY + 20 * HOUR + 30 * MINUTE, **ROBOTS)
    ticks(ada, MONDAY + 20 * HOUR + 30 * MINUTE, MONDAY + 3 * DAY, every=30 * MINUTE)
    assert days(ada) == [(day, "too_late") for day in (2, 3, 4)]


def test_the_morning_after_an_evenings_digest_says_why_there_is_none_and_the_page_names_the_day_after() -> None:
    publish(MONDAY + 12 * HOUR)
    ada = confirmed("ada", MONDAY + 20 * HOUR, **ROBOTS)
    tick(ada, MONDAY + 20 * HOUR)
    ada.refresh_from_db()
    assert next_digest(ada) == MONDAY + 2 * DAY + 7 * HOUR
    for number in (1, 2):
        publish(MONDAY + number * DAY + 6 * HOUR)
        tick(ada, MONDAY + number * DAY + 7 * HOUR)
    assert days(ada) == [(2, "accepted"), (3, "too_soon"), (4, "accepted")]
    assert len(ada.deliveries.get(issue_date=date(2026, 3, 4)).paper_ids) == 2  # Tuesday's too


@pytest.mark.parametrize("fate", ["failed", "expired", "skipped"])
def test_a_digest_that_was_not_sent_does_not_hold_the_next_one_back(fate: str) -> None:
    publish(MONDAY + 12 * HOUR)
    ada = confirmed("ada", MONDAY + 20 * HOUR, **ROBOTS)
    tick(ada, MONDAY + 20 * HOUR, fate=fate)
    publish(MONDAY + 30 * HOUR)
    tick(ada, MONDAY + 31 * HOUR)
    assert days(ada) == [(2, fate), (3, "accepted")]


# --- another hour ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fate", ["ready", "retry_wait", "handing_off", "unknown", "accepted"])
def test_an_earlier_hour_brings_no_second_digest_within_half_a_day(fate: str) -> None:
    publish(MONDAY + 12 * HOUR)
    ada = reader("ada", send_hour=20, next_send_at=MONDAY + 20 * HOUR, **ROBOTS)
    tick(ada, MONDAY + 20 * HOUR, fate=fate)
    save_choices(ada, Choices(send_hour=4, weekdays=127, wishes=(Wish("category", "cs.RO"),)), now=MONDAY + 20 * HOUR)
    publish(MONDAY + 27 * HOUR)
    plan.plan(MONDAY + 28 * HOUR, [ada.pk])
    assert days(ada) == [(2, fate), (3, "too_soon")]


def test_an_earlier_hour_that_is_over_brings_todays_digest_at_once() -> None:
    publish(MONDAY + 7 * HOUR)
    ada = reader("ada", send_hour=18, next_send_at=MONDAY + 18 * HOUR, **ROBOTS)
    now = MONDAY + 10 * HOUR
    save_choices(ada, Choices(send_hour=4, weekdays=127, wishes=(Wish("category", "cs.RO"),)), now=now)
    ticks(ada, now, now + HOUR)
    ada.refresh_from_db()
    assert (days(ada), ada.next_send_at) == ([(2, "accepted")], MONDAY + DAY + 4 * HOUR)


def test_who_drops_today_or_has_had_its_digest_is_sent_nothing_at_once() -> None:
    now = MONDAY + 10 * HOUR
    ada = reader("ada", send_hour=18, next_send_at=MONDAY + 18 * HOUR)
    save_choices(ada, Choices(send_hour=9, weekdays=0b1111110), now=now)
    ben = reader("ben", send_hour=18, next_send_at=MONDAY + 18 * HOUR, last_issue_date=NOON.date())
    save_choices(ben, Choices(send_hour=9, weekdays=127), now=now)
    assert {ada.next_send_at, ben.next_send_at} == {MONDAY + DAY + 9 * HOUR}


# --- while the planner ranks -----------------------------------------------------------------------------------------


def while_ranking(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    rank = plan._rows_for

    def slow(*given: Any, **named: Any) -> list[Delivery]:
        rows = rank(*given, **named)
        act()
        return rows

    monkeypatch.setattr(plan, "_rows_for", slow)


def test_a_rhythm_chosen_while_the_planner_ranks_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    publish(MONDAY + 6 * HOUR)
    ada = reader("ada", send_hour=7, next_send_at=MONDAY + 7 * HOUR, **ROBOTS)
    while_ranking(monkeypatch, lambda: consent.weekly(ada.public_id, now=MONDAY + 7 * HOUR))
    tick(ada, MONDAY + 7 * HOUR)
    ada.refresh_from_db()
    assert (days(ada), ada.weekdays, ada.next_send_at) == ([(2, "accepted")], 1, MONDAY + 7 * DAY + 7 * HOUR)


@pytest.mark.parametrize("way", ["leave", "erase"])
def test_who_goes_while_the_planner_ranks_gets_no_row_and_no_next_day(
    monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    publish(MONDAY + 6 * HOUR)
    ada = reader("ada", next_send_at=MONDAY + 7 * HOUR, **ROBOTS)
    go = {
        "leave": lambda: consent.unsubscribe(ada.public_id, now=MONDAY + 7 * HOUR),
        "erase": lambda: erase(ada, now=MONDAY + 7 * HOUR),
    }[way]
    while_ranking(monkeypatch, go)
    tick(ada, MONDAY + 7 * HOUR)
    assert not Delivery.objects.exists()
    assert Subscriber.objects.get().next_send_at is None


def test_choices_saved_from_a_page_opened_before_the_digest_leave_its_next_day_alone() -> None:
    publish(MONDAY + 6 * HOUR)
    ada = reader("ada", send_hour=7, next_send_at=MONDAY + 7 * HOUR, **ROBOTS)
    stale = Subscriber.objects.get()
    tick(ada, MONDAY + 7 * HOUR)
    save_choices(stale, Choices(send_hour=7, weekdays=127), now=MONDAY + 7 * HOUR + MINUTE)
    ada.refresh_from_db()
    assert (ada.last_issue_date, ada.next_send_at) == (NOON.date(), MONDAY + DAY + 7 * HOUR)


# --- whatever a reader does ------------------------------------------------------------------------------------------

WEEK = 6  # days
ACTIONS = ["choose", "weekly", "pause", "resume", "leave", "rejoin", "come back"]


def act(one: Subscriber, name: str, hour: int, zone: str, weekdays: int, now: datetime) -> None:
    match name:
        case "choose":
            wishes = (Wish("category", "cs.RO"),)
            save_choices(one, Choices(send_hour=hour, zone=zone, weekdays=weekdays, wishes=wishes), now=now)
        case "weekly":
            consent.weekly(one.public_id, now=now)
        case "pause":
            consent.pause(one.public_id, now=now)
        case "resume":
            consent.resume(one.public_id, now=now)
        case "leave":
            consent.unsubscribe(one.public_id, now=now)
        case "rejoin":
            consent.undo_unsubscribe(one.public_id, now=now)
        case "come back":
            if Subscriber.objects.filter(pk=one.pk, status="unsubscribed").update(status="pending"):
                consent.confirm(one.public_id, now=now)


@pytest.mark.slow
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    begins=st.integers(0, 143),
    steps=st.lists(
        st.tuples(
            st.integers(0, 6 * WEEK * 24 - 1),  # when, in tens of minutes
            st.sampled_from(ACTIONS),
            st.integers(4, 20),
            st.sampled_from(["UTC", "Europe/Berlin", "Pacific/Auckland", "Pacific/Honolulu"]),
            st.sampled_from([0b1111111, 0b0011111, 0b0010101, 0b1000000]),
        ),
        max_size=8,
    ),
    fates=st.lists(st.sampled_from(["accepted", "accepted", "unknown", "failed", "expired"]), min_size=1, max_size=8),
)
def test_two_digests_are_half_a_day_apart_and_each_day_of_the_reader_has_its_row(
    begins: int, steps: list[tuple[int, str, int, str, int]], fates: list[str]
) -> None:
    if not Edition.objects.exists():
        for number in range(-1, WEEK + 1):
            publish(MONDAY + number * DAY + 6 * HOUR)
    Delivery.objects.all().delete()
    Subscriber.objects.all().delete()
    ada = confirmed("ada", MONDAY + begins * 10 * MINUTE, **ROBOTS)
    planned = dict.fromkeys(range(begins, 6 * WEEK * 24))
    acted_at = [MONDAY + begins * 10 * MINUTE]
    for slot in planned:
        now = MONDAY + slot * 10 * MINUTE
        for at, *what in steps:
            if at == slot:
                act(ada, *what, now=now)
                acted_at.append(now)
        ada.refresh_from_db()
        if ada.next_send_at and ada.next_send_at <= now:
            tick(ada, now, fate=fates[slot % len(fates)])
    sent = list(ada.deliveries.filter(status__in=Delivery.SENT).order_by("dated_at").values_list("dated_at", flat=True))
    assert all(after - before >= 12 * HOUR for before, after in pairwise(sent))
    has_row = set(ada.deliveries.values_list("issue_date", flat=True))
    last = max(acted_at)
    ada.refresh_from_db()
    if ada.status in ("active", "paused"):  # the days after the last act, but the one whose window is still open
        day = local_date(ada.zone, last) + DAY
        while (
            datetime(day.year, day.month, day.day, tzinfo=zone_of(ada.zone)).astimezone(UTC) + DAY < MONDAY + WEEK * DAY
        ):
            if ada.weekdays >> day.weekday() & 1:
                assert day in has_row
            day += DAY
