"""What may be tried again by hand: only what surely did not leave, in time, once."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from digest.delivery import events, retry
from digest.delivery.retry import Again, may_be_tried, try_again
from digest.delivery.sweep import reap
from digest.models import Delivery, DeliveryEvent
from digest.reader_data.erase import erase
from tests.support.factories import NOON, delivery, reader

pytestmark = pytest.mark.django_db
SOON = NOON + timedelta(hours=1)


def failed(name: str = "ada", **values: Any) -> Delivery:
    """A digest that a mail server refused a minute ago, and that could still arrive."""
    return delivery(
        reader(name),
        **{
            "status": "failed",
            "accepted_at": None,
            "handed_over_at": NOON,
            "attempts": 1,
            "answer": "5.7.26",
            "not_after": SOON,
            **values,
        },
    )


def test_what_a_server_refused_is_tried_again_as_the_same_mail() -> None:
    one = failed()
    assert may_be_tried(NOON) == Again(can=1)
    assert try_again(NOON) == 1
    same = Delivery.objects.get()
    assert (same.status, same.not_before, same.handed_over_at) == ("retry_wait", NOON, None)
    assert (same.message_id, same.dated_at, same.attempts) == (one.message_id, one.dated_at, 1)
    reap(NOON)
    assert Delivery.objects.get().status == "ready"


@pytest.mark.parametrize("status", [status for status in Delivery.Status.values if status != "failed"])
def test_nothing_but_what_failed_is_tried_again(status: str) -> None:
    one = failed(status=status)
    assert try_again(NOON) == 0
    one.refresh_from_db()
    assert (one.status, one.handed_over_at) == (status, NOON)


@pytest.mark.parametrize(
    "why",
    [
        {"answer": "5.1.1"},
        {"answer": "refused"},
        {"status_reason": "poison"},
        {"accepted_at": NOON},
        {"provider_message_id": "theirs"},
        {"message_id": None},
    ],
)
def test_another_try_that_would_fail_or_be_a_second_one_is_not_offered(why: dict[str, Any]) -> None:
    failed(**why)
    assert may_be_tried(NOON) == Again(no_use=1)
    assert try_again(NOON) == 0


@pytest.mark.parametrize("kind", [events.Kind.REFUSED, events.Kind.REJECTED, events.Kind.FAILED, events.Kind.QUEUED])
def test_what_the_provider_ever_told_of_is_not_tried_again(kind: str) -> None:
    DeliveryEvent.objects.create(dedupe_key="1", delivery=failed(), kind=kind, at=NOON)
    assert try_again(NOON) == 0


@pytest.mark.parametrize("moment", [SOON, SOON + timedelta(hours=1)])
def test_what_could_not_arrive_in_time_is_not_tried_again(moment: datetime) -> None:
    failed()
    assert may_be_tried(moment) == Again(too_late=1)
    assert try_again(moment) == 0


def test_what_the_next_digest_holds_already_is_not_tried_again() -> None:
    delivery(failed().subscriber, days=1, status="ready")
    assert try_again(NOON) == 0


def test_who_was_erased_is_not_written_to() -> None:
    erase(failed().subscriber, now=NOON)
    assert try_again(NOON) == 0


def test_twice_is_the_same_as_once_also_while_the_first_is_on_its_way() -> None:
    failed()
    assert (try_again(NOON), try_again(NOON)) == (1, 0)
    reap(NOON)
    Delivery.objects.update(status="handing_off", handed_over_at=NOON)
    assert try_again(NOON) == 0
    assert Delivery.objects.get().handed_over_at == NOON


def test_a_row_that_moved_since_it_was_found_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    one = failed()

    def found_then_moved(now: datetime) -> Any:
        class Found:
            def order_by(self, *names: str) -> Any:
                return self

            def values_list(self, *names: str, flat: bool) -> list[int]:
                Delivery.objects.update(status="handing_off")
                return [one.pk]

        return Found()

    monkeypatch.setattr(retry, "_safe", found_then_moved)
    assert try_again(NOON) == 0
    assert Delivery.objects.get().status == "handing_off"


@pytest.mark.parametrize(
    ("again", "words"),
    [
        (Again(), "No failed digest can be tried again."),
        (
            Again(can=12, may_have_left=3),
            "12 failed digests can be tried again; 3 unknown cannot, since they may have left.",
        ),
        (
            Again(can=1, may_have_left=1, too_late=1, no_use=2),
            "1 failed digest can be tried again; 1 unknown cannot, since it may have left; "
            "1 cannot, since its time is over; 2 cannot, since another try would fail too.",
        ),
    ],
)
def test_the_counts_are_said_in_a_sentence(again: Again, words: str) -> None:
    assert again.in_words == words
