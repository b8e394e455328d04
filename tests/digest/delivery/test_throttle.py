"""Whether and how fast digests leave: pause, breaker and rate, in one row for all workers."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from digest.delivery import throttle
from digest.models import Delivery, Provider
from subscriptions.mail.outcomes import Scope, SendReason, SendResult, SendStatus
from tests.support.factories import NOON, reader

pytestmark = pytest.mark.django_db
TOO_FAST = SendResult(SendStatus.LATER, answer="429", scope=Scope.TOO_FAST)
ACCEPTED = SendResult(SendStatus.ACCEPTED)


def later(**time: float) -> datetime:
    return NOON + timedelta(**time)


def rows(count: int, status: str, *, answer: str = "", at: datetime = NOON, provider: str = "outbox") -> None:
    """So many mails that were handed over then and ended so."""
    person = reader(f"reader{Delivery.objects.count()}")
    first = Delivery.objects.count()
    Delivery.objects.bulk_create(
        Delivery(
            subscriber=person,
            issue_date=NOON.date() - timedelta(days=first + number),
            status=status,
            answer=answer,
            handed_over_at=at,
            accepted_at=at if status in ("accepted", "delivered") else None,
            provider=provider,
        )
        for number in range(count)
    )


def refusal(answer: str = "5.7.1") -> SendResult:
    return SendResult(SendStatus.FAILED, answer=answer, reason=SendReason.REFUSED_BY_SERVER)


def test_without_a_rate_a_chunk_goes_at_once() -> None:
    permit = throttle.acquire(20, now=NOON)
    assert (permit.mails, permit.pace.wait, permit.pace.gap) == (20, 0, 0)


def test_a_rate_is_one_for_all_workers(settings: Any) -> None:
    settings.MAIL_RATE = 10.0
    first, second, third = (throttle.acquire(20, now=NOON) for _ in range(3))
    assert [permit.mails for permit in (first, second, third)] == [20, 20, 20]
    assert [permit.pace.wait for permit in (first, second, third)] == [0, 2, 4]
    assert first.pace.gap == 0.1
    assert throttle.acquire(20, now=NOON) == throttle.Permit(0, again=later(seconds=6))  # longer than a worker waits
    assert throttle.acquire(20, now=later(seconds=6)).pace.wait == 0


@pytest.mark.parametrize(("rate", "mails"), [(0.1, 1), (2.0, 4), (14.0, 20), (300.0, 20)])
def test_a_chunk_holds_two_seconds_of_the_rate(settings: Any, rate: float, mails: int) -> None:
    settings.MAIL_RATE = rate
    assert throttle.acquire(20, now=NOON).mails == mails


def test_a_clock_that_is_put_back_holds_nobody(settings: Any) -> None:
    settings.MAIL_RATE = 10.0
    throttle.acquire(20, now=later(hours=2))
    throttle.trip(throttle.BREAK, "for a while", now=later(hours=2))
    assert throttle.acquire(20, now=NOON).pace.wait == 0


def test_a_pause_lets_nothing_go_until_somebody_resumes() -> None:
    throttle.pause("the newsletter has a mistake")
    assert throttle.acquire(20, now=NOON).mails == 0
    assert throttle.paused_until(later(days=1)) is not None
    assert Provider.objects.get().why == "the newsletter has a mistake"
    throttle.resume(now=later(days=1))
    assert throttle.paused_until(later(days=1)) is None


def test_a_log_in_that_is_refused_opens_the_breaker_for_a_quarter_of_an_hour() -> None:
    ours = SendResult(SendStatus.LATER, "answer 401", answer="401", scope=Scope.OURS, reason=SendReason.ACCOUNT_REFUSED)
    throttle.record_results([ACCEPTED, ours], now=NOON)
    assert throttle.paused_until(later(minutes=14)) == later(minutes=15)
    assert throttle.paused_until(later(minutes=15)) is None
    assert Provider.objects.get().why.startswith(ours.text)
    assert ours.text == "The mail provider refuses our account or sending domain (answer 401)."


def test_a_server_that_nobody_reaches_is_left_alone_for_a_minute() -> None:
    gone = SendResult(
        SendStatus.LATER, answer="no connection", scope=Scope.UNREACHABLE, reason=SendReason.NO_CONNECTION
    )
    throttle.record_results([gone, ACCEPTED], now=NOON)
    assert throttle.paused_until(NOON) is None
    throttle.record_results([gone, gone], now=NOON)
    assert throttle.paused_until(NOON) == later(minutes=1)


def test_mails_that_were_not_tried_do_not_hide_that_nobody_is_there() -> None:
    """Where each connection takes its ten seconds to fail, a chunk's time is over before its last mail."""
    gone = SendResult(
        SendStatus.LATER, answer="no connection", scope=Scope.UNREACHABLE, reason=SendReason.NO_CONNECTION
    )
    throttle.record_results(
        [SendResult(SendStatus.NOT_TRIED), SendResult(SendStatus.REFUSED, reason=SendReason.SUPPRESSED)],
        now=NOON,
    )
    assert throttle.paused_until(NOON) is None
    throttle.record_results([gone, SendResult(SendStatus.NOT_TRIED)], now=NOON)
    assert throttle.paused_until(NOON) == later(minutes=1)


def test_a_provider_that_says_of_no_mail_what_became_of_it_is_left_alone_for_a_minute() -> None:
    lost = SendResult(SendStatus.UNKNOWN, "answer 503", answer="503", reason=SendReason.PROVIDER_ERROR)
    throttle.record_results([lost, ACCEPTED], now=NOON)
    assert throttle.paused_until(NOON) is None
    throttle.record_results([lost, lost], now=NOON)
    assert throttle.paused_until(NOON) == later(minutes=1)
    assert Provider.objects.get().why.startswith(lost.text)
    assert "answer 503" in lost.text


def test_more_than_five_in_a_hundred_refused_of_the_last_500_open_the_breaker(caplog: pytest.LogCaptureFixture) -> None:
    rows(480, "accepted")
    rows(25, "failed", answer="550", at=later(minutes=1))
    throttle.record_results([refusal("550")], now=later(minutes=2))
    assert throttle.paused_until(later(minutes=2)) is None
    rows(1, "failed", answer="550", at=later(minutes=1))
    throttle.record_results([refusal("550")], now=later(minutes=2))
    assert throttle.paused_until(later(minutes=2)) == later(minutes=17)
    assert "26 of the last 500 mails were refused" in caplog.text
    throttle.record_results([refusal("550")], now=later(minutes=18))  # these were counted
    assert throttle.paused_until(later(minutes=18)) is None


def test_refusals_of_long_ago_are_forgotten() -> None:
    rows(30, "failed", answer="550")
    rows(500, "accepted", at=later(minutes=1))
    throttle.record_results([refusal()], now=later(minutes=2))
    assert throttle.paused_until(later(minutes=2)) is None


@pytest.mark.parametrize(
    ("answers", "opens"),
    [(["5.7.1"] * 10, True), (["5.7.1"] * 9 + ["5.7.26"], False), (["5.7.1"] * 9, False), (["5.3.4"] * 10, False)],
)
def test_ten_equal_answers_about_our_reputation_open_the_breaker(answers: list[str], opens: bool) -> None:
    rows(100, "accepted", at=later(minutes=-1))
    for number, answer in enumerate(answers):
        rows(1, "failed", answer=answer, at=later(seconds=number))
    throttle.record_results([refusal(answers[-1])], now=later(minutes=1))
    assert (throttle.paused_until(later(minutes=1)) is not None) == opens


def test_looking_back_costs_nothing_where_nothing_was_refused(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        throttle.record_results([ACCEPTED] * 20, now=NOON)


def rate(now: datetime) -> float | None:
    return throttle.rate_of(Provider.objects.get(), now=now)


def test_a_provider_that_finds_us_too_fast_halves_the_rate_and_gets_it_back_by_and_by(settings: Any) -> None:
    settings.MAIL_PROVIDER, settings.MAIL_RATE = "resend", 16.0
    throttle.record_results([TOO_FAST] * 5, now=NOON)
    assert rate(NOON) == 8
    throttle.record_results([TOO_FAST], now=later(seconds=2))  # of the same burst
    assert rate(NOON) == 8
    throttle.record_results([TOO_FAST], now=later(seconds=10))
    assert rate(later(seconds=10)) == 4
    assert rate(later(minutes=6)) == 5
    assert rate(later(minutes=11)) == 6.25
    assert rate(later(hours=1)) == 16
    throttle.record_results([TOO_FAST], now=later(minutes=6))
    assert rate(later(minutes=6)) == 2.5
    for minute in range(7, 30):
        throttle.record_results([TOO_FAST], now=later(minutes=minute))
    assert rate(later(minutes=29)) == throttle.SLOWEST


def test_without_a_rate_too_fast_sets_one(settings: Any) -> None:
    settings.MAIL_PROVIDER, settings.MAIL_RATE = "resend", None
    throttle.record_results([TOO_FAST], now=NOON)
    assert rate(NOON) == throttle.FASTEST_SLOWED
    assert rate(later(minutes=6)) == 1.25 * throttle.FASTEST_SLOWED
    assert rate(later(minutes=21)) is None


def test_with_a_mail_server_the_rate_falls_to_what_it_accepted(settings: Any) -> None:
    settings.MAIL_PROVIDER, settings.MAIL_RATE = "smtp", None
    rows(100, "accepted", at=later(minutes=-2), provider="smtp")
    rows(30, "accepted", provider="smtp")
    throttle.record_results([TOO_FAST] * 3, now=later(seconds=2))
    assert rate(later(seconds=2)) == 0.95 * 30 / 60
    throttle.record_results([TOO_FAST] * 3, now=later(seconds=50))  # the same minute of the server
    assert rate(later(seconds=50)) == 0.95 * 30 / 60
    throttle.record_results([TOO_FAST] * 3, now=later(seconds=70))  # nothing was accepted since
    assert rate(later(seconds=70)) == throttle.SLOWEST
    assert rate(later(minutes=7)) == 1.25 * throttle.SLOWEST
    assert rate(later(days=1)) is None


def test_what_was_accepted_lately_shows_that_our_set_up_is_right(settings: Any) -> None:
    settings.MAIL_PROVIDER = "smtp"
    rows(1, "failed", provider="smtp")
    rows(1, "accepted", at=later(minutes=-61), provider="smtp")
    rows(1, "accepted", provider="resend")
    assert not throttle.session_history(NOON).has_accepted
    rows(1, "delivered", at=later(minutes=-59), provider="smtp")
    assert throttle.session_history(NOON).has_accepted
