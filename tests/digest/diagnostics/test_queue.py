"""Whether the doctor sees that digests do not flow, and keeps silent while they do."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from digest.delivery import throttle
from digest.diagnostics import queue
from digest.diagnostics.check_result import CheckResult, Severity
from digest.models import Batch, Delivery, DeliveryEvent, Provider
from subscriptions.mail.outcomes import Scope, SendResult, SendStatus
from tests.support.factories import NOON, reader
from tests.support.webhook_payloads import told

pytestmark = pytest.mark.django_db
Status = Delivery.Status
LONG_AGO, LATELY = NOON - timedelta(minutes=16), NOON - timedelta(minutes=14)


def found() -> dict[str, CheckResult]:
    return {one.what: one for one in queue.examine_queue(NOON)}


def row(status: str, **values: Any) -> Delivery:
    count = Delivery.objects.count()
    day = NOON.date() - timedelta(days=count)
    return Delivery.objects.create(subscriber=reader(f"reader{count}"), issue_date=day, status=status, **values)


def many(count: int, status: str, **values: Any) -> None:
    person = reader(f"{status}-many")
    days = (NOON.date() - timedelta(days=number) for number in range(count))
    Delivery.objects.bulk_create(Delivery(subscriber=person, issue_date=day, status=status, **values) for day in days)


# --- the gate --------------------------------------------------------------------------------------------------------


def test_an_open_gate_is_well_and_looking_writes_nothing(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(6):
        assert found()["sending"].severity == Severity.WELL
    assert not Provider.objects.exists()


def test_a_pause_is_told_with_its_reason_and_the_way_on() -> None:
    throttle.pause("The provider changes its address.")
    said = found()["sending"]
    assert (said.severity, said.seen) == (Severity.ATTENTION, "is paused: The provider changes its address.")
    assert said.do.startswith("To resume: ./run manage resume_sending.")
    throttle.pause_for_restore(is_finished=False, now=NOON)
    assert found()["sending"].do.startswith("To resume: ./run manage after_restore, then ./run manage resume_sending.")


def test_a_breaker_is_told_until_when_and_why_and_no_longer_than_it_holds() -> None:
    throttle.trip(throttle.BREAK, "26 of the last 500 mails were refused.", now=NOON)
    assert found()["sending"].seen == "is stopped until 12:15 UTC: 26 of the last 500 mails were refused."
    (later, *_) = queue.examine_queue(NOON + timedelta(minutes=16))
    assert later.severity == Severity.WELL


def test_a_rate_that_was_halved_is_told(settings: Any) -> None:
    settings.MAIL_PROVIDER, settings.MAIL_RATE = "resend", 14.0
    assert found()["sending"].seen == "running, 14 a second"
    throttle.record_results([SendResult(SendStatus.LATER, answer="429", scope=Scope.TOO_FAST)], now=NOON)
    assert found()["sending"].seen == "running, 7 a second, since the provider asked us to slow down"


# --- rows that stand still -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "values"),
    [
        (Status.READY, {"dated_at": LONG_AGO}),
        (Status.READY, {"dated_at": LONG_AGO - timedelta(hours=1), "not_before": LONG_AGO}),
        (Status.RETRY_WAIT, {"not_before": LONG_AGO}),
        (Status.HANDING_OFF, {"handed_over_at": LONG_AGO}),
    ],
)
def test_a_row_that_has_not_moved_for_a_quarter_of_an_hour_is_told(status: str, values: dict[str, Any]) -> None:
    row(status, **values)
    said = found()["queue"]
    assert said.severity == Severity.ATTENTION
    assert said.seen == f"digests have not moved for 15 minutes: 1 {Status(status).label}"
    assert said.do


@pytest.mark.parametrize(
    ("status", "values"),
    [
        (Status.READY, {"dated_at": LATELY}),
        (Status.READY, {"dated_at": LONG_AGO, "not_before": LATELY}),
        (Status.RETRY_WAIT, {"dated_at": LONG_AGO, "not_before": NOON + timedelta(minutes=30)}),
        (Status.HANDING_OFF, {"handed_over_at": LATELY}),
        (Status.ACCEPTED, {"dated_at": LONG_AGO, "handed_over_at": LONG_AGO}),
    ],
)
def test_a_row_whose_time_has_not_come_or_that_moved_lately_is_well(status: str, values: dict[str, Any]) -> None:
    row(status, **values)
    assert found()["queue"].severity == Severity.WELL


def test_a_long_queue_that_moves_is_well_but_not_what_was_left_behind_in_it() -> None:
    row(Status.READY, dated_at=LONG_AGO)
    row(Status.ACCEPTED, handed_over_at=LATELY)
    assert found()["queue"].seen == "1 digest waiting, none stuck"
    row(Status.RETRY_WAIT, not_before=LONG_AGO)
    assert "1 waiting for another try" in found()["queue"].seen


@pytest.mark.parametrize("status", [Status.READY, Status.RETRY_WAIT])
@pytest.mark.parametrize(("not_after", "severity"), [(LONG_AGO, Severity.ATTENTION), (LATELY, Severity.WELL)])
def test_a_row_that_nobody_expired_is_told_though_others_move(status: str, not_after: Any, severity: Severity) -> None:
    row(Status.ACCEPTED, handed_over_at=LATELY)
    row(status, dated_at=LATELY, not_after=not_after, batch=Batch.objects.create(not_before=NOON))
    assert found()["queue"].severity == severity


def test_a_batch_that_waits_for_its_turn_or_is_in_a_workers_hands_is_well() -> None:
    waits = Batch.objects.create(not_before=NOON + timedelta(minutes=1))
    held = Batch.objects.create(status=Batch.Status.LEASED, lease_until=NOON + timedelta(minutes=4))
    row(Status.READY, dated_at=LONG_AGO, batch=waits)
    row(Status.HANDING_OFF, handed_over_at=LONG_AGO, batch=held)  # an earlier try of the same mail
    assert found()["queue"].severity == Severity.WELL


def test_what_waits_for_a_closed_gate_is_told_once() -> None:
    row(Status.READY, dated_at=LONG_AGO)
    throttle.pause("By hand.")
    assert [one.what for one in queue.examine_queue(NOON) if one.severity != Severity.WELL] == ["sending"]


# --- lost sight of ---------------------------------------------------------------------------------------------------


def test_a_day_without_digests_says_nothing_of_them() -> None:
    assert "last day" not in found()


@pytest.mark.parametrize(("accepted", "severity"), [(9_999, Severity.WELL), (9_998, Severity.ATTENTION)])
def test_more_unknown_than_one_in_ten_thousand_wants_a_look(accepted: int, severity: Severity) -> None:
    many(accepted, Status.ACCEPTED, handed_over_at=LATELY)
    many(1, Status.UNKNOWN, handed_over_at=LATELY, status_reason="no_connection")
    row(Status.UNKNOWN, handed_over_at=NOON - timedelta(days=2))
    assert found()["last day"].severity == severity


def test_the_commonest_reason_of_the_unknown_is_told() -> None:
    many(2, Status.UNKNOWN, handed_over_at=LATELY, status_reason="no_connection")
    row(Status.UNKNOWN, handed_over_at=LATELY, status_reason="worker_stopped")
    said = found()["last day"]
    assert said.seen.startswith("sent: 3 digests; for 3 the result is unknown")
    assert said.seen.endswith("; 2: There was no connection to the mail server or provider.")


# --- what the provider tells -----------------------------------------------------------------------------------------


def taken(at: datetime, *, by: str = "postmark", status: str = Status.ACCEPTED) -> Delivery:
    return row(status, provider=by, handed_over_at=at, accepted_at=at)


def test_a_provider_that_took_digests_this_week_and_told_of_none_wants_a_look(settings: Any) -> None:
    settings.MAIL_PROVIDER = "postmark"
    taken(NOON - timedelta(days=6))
    DeliveryEvent.objects.create(dedupe_key="old", kind="delivered", at=NOON - timedelta(days=8))
    said = found()["events"]
    assert (said.severity, said.do) == (Severity.ATTENTION, "Set up webhooks: docs/operators.md.")
    assert "postmark sent no events this week" in said.seen


def test_one_event_of_the_last_week_is_enough(settings: Any) -> None:
    settings.MAIL_PROVIDER = "postmark"
    taken(NOON - timedelta(days=6), status=Status.DELIVERED)
    DeliveryEvent.objects.create(dedupe_key="new", kind="delivered", at=NOON - timedelta(days=6))
    assert found()["events"].severity == Severity.WELL


@pytest.mark.parametrize(
    ("provider", "by", "ago"),
    [
        ("postmark", "postmark", timedelta(days=8)),
        ("postmark", "postmark", timedelta(minutes=59)),  # the first events may be on their way
        ("postmark", "smtp", timedelta(days=2)),  # before the provider was changed
        ("smtp", "smtp", timedelta(days=2)),
        ("outbox", "outbox", timedelta(days=2)),
    ],
)
def test_nothing_is_said_where_no_event_is_to_be_expected(
    settings: Any, provider: str, by: str, ago: timedelta
) -> None:
    settings.MAIL_PROVIDER = provider
    taken(NOON - ago, by=by)
    assert "events" not in found()


def test_events_that_are_not_understood_are_told_by_kind(settings: Any) -> None:
    settings.MAIL_PROVIDER = "postmark"
    assert "kinds of events" not in found()
    for name in ("Strange", "Strange", ""):
        told("unknown", None, name=name, at=LATELY)
    said = found()["kinds of events"]
    assert said.severity == Severity.ATTENTION
    assert said.seen == "not understood: 3 events of this week: postmark Strange (2), postmark (no name) (1)"
    assert found()["events"].severity == Severity.WELL


def test_what_a_provider_refused_is_no_reason_to_expect_events(settings: Any) -> None:
    settings.MAIL_PROVIDER = "postmark"
    row(Status.FAILED, provider="postmark", handed_over_at=NOON - timedelta(days=2))
    assert "events" not in found()
