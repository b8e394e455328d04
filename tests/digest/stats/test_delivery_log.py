"""The story of a digest, in its order and without the reader's address."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from digest.delivery.events import REASON, Kind
from digest.models import Delivery, DeliveryEvent
from digest.stats.delivery_log import BECAME, TOLD, log_of
from tests.support.factories import NOON, delivery, reader

pytestmark = pytest.mark.django_db


def told(row: Delivery, kind: str, minutes: int, **raw: Any) -> None:
    at = NOON + timedelta(minutes=minutes)
    DeliveryEvent.objects.create(dedupe_key=f"{kind}{minutes}", delivery=row, kind=kind, at=at, raw=raw)


def test_the_steps_come_in_the_order_of_their_times() -> None:
    row = delivery(reader("ada"), status="bounced", paper_ids=[1, 2], attempts=3, provider="resend", answer="250")
    Delivery.objects.update(status_reason=REASON[Kind.BOUNCED])
    row.refresh_from_db()
    told(row, "bounced", 9, said="550 5.1.1 <ada@example.org>: no such user", recipient="ada@example.org")
    told(row, "queued", 1)
    steps = [(step.what, step.detail) for step in log_of(row)]
    assert steps == [
        ("Planned with 2 papers", ""),
        ("Handed over to resend", "3 tries so far"),
        ("Taken by the mail provider", "answer 250"),
        ("The mail provider has it in its queue", ""),
        ("Bounced: the address does not exist", "5.1.1"),
    ]


@pytest.mark.parametrize("status", Delivery.Status.values)
def test_every_status_has_a_story_without_an_address(status: str) -> None:
    row = delivery(
        reader("ada"),
        status=status,
        accepted_at=None,
        status_reason="other",
        detail="Because.",
        not_before=NOON,
        not_after=NOON,
        answer="451",
    )
    told(row, "something new", 1, said={"not": "a text"})
    said = " ".join(f"{step.what} {step.detail}" for step in log_of(row))
    assert "@" not in said
    assert BECAME[status] in said


def test_a_day_that_passed_has_a_story_too() -> None:
    row = delivery(
        reader("ada"), status="skipped", dated_at=None, handed_over_at=None, accepted_at=None, message_id=None,
        status_reason="paused",
    )  # fmt: skip
    assert [(step.at, step.what) for step in log_of(row)] == [
        (None, "The day passed without a digest"),
        (None, "Nothing was sent"),
    ]


def test_every_kind_of_event_has_words() -> None:
    assert set(TOLD) == set(Kind)
