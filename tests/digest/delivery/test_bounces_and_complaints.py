"""Who bounced, complained or left by the provider's own link is treated as they should be."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core import mail as outbox
from django.test import Client

from digest.delivery import apply_events
from digest.models import Delivery, DeliveryEvent
from subscriptions import consent
from subscriptions.models import ConsentEvent, Subscriber, Suppression
from tests.support.factories import NOON, delivery, reader
from tests.support.provider_events import become, suppressions
from tests.support.webhook_payloads import mail_of, post_of, proved, told

pytestmark = pytest.mark.django_db
LATER = NOON + timedelta(hours=1)
DAY = timedelta(days=1)


@pytest.fixture
def of_postmark(settings: Any) -> None:
    become(settings, "postmark")


def test_a_gone_address_is_never_written_to_again_and_the_reason_does_not_hold_it() -> None:
    ada = reader("ada")
    told("bounced", delivery(ada), said="550 5.1.1 <ada@example.org>: ada is unknown here")
    apply_events.apply_events(LATER)
    assert suppressions() == [("bounced", "The address does not exist (postmark, 5.1.1).")]
    assert Suppression.objects.blocked([ada]) == {ada.pk}


def test_the_address_that_bounced_is_suppressed_and_not_the_one_that_the_reader_has_now() -> None:
    ada = reader("ada")
    row = delivery(ada)
    event = told("bounced", row)
    Subscriber.objects.filter(pk=ada.pk).update(email="new@example.org", email_key="new@example.org")
    apply_events.apply_events(LATER)
    assert Suppression.objects.blocking("ada@example.org").exists()
    assert not Suppression.objects.blocking("new@example.org").exists()
    event.refresh_from_db()
    assert event.delivery == row


def test_a_complaint_ends_everything_at_once_and_is_on_record() -> None:
    ada = reader("ada")
    row = delivery(ada)
    waiting = delivery(ada, days=1, status="ready", accepted_at=None)
    told("complained", row)
    apply_events.apply_events(LATER)
    ada.refresh_from_db()
    assert (ada.status, ada.next_send_at) == ("unsubscribed", None)
    left = ConsentEvent.objects.get(public_id=ada.public_id, kind="unsubscribed")
    assert (left.page, left.reference, left.ip) == ("/webhooks/postmark", row.message_id, None)
    assert suppressions() == [("complained", "The reader reported a mail as spam (postmark).")]
    assert not consent.undo_unsubscribe(ada.public_id, now=LATER)
    waiting.refresh_from_db()
    assert waiting.status == "ready"  # and does not leave: the last look sees that she is gone
    assert outbox.outbox == []


@pytest.mark.parametrize("order", [("bounced", "complained"), ("complained", "bounced")])
def test_a_complaint_is_the_graver_reason(order: tuple[str, str]) -> None:
    row = delivery(reader("ada"))
    for kind in order:
        told(kind, row)
        apply_events.apply_events(LATER)
    assert [reason for reason, _ in suppressions()] == ["complained"]


def test_leaving_by_the_providers_own_link_is_leaving_and_the_address_stays_free() -> None:
    ada = reader("ada")
    told("unsubscribed", delivery(ada))
    apply_events.apply_events(LATER)
    ada.refresh_from_db()
    assert ada.status == "unsubscribed"
    assert suppressions() == []


def test_leaving_before_the_reader_came_back_is_over() -> None:
    ada = reader("ada", confirmed_at=LATER)
    told("unsubscribed", delivery(ada), at=NOON)
    apply_events.apply_events(LATER)
    ada.refresh_from_db()
    assert ada.status == "active"


@pytest.fixture
def reported(data: Path) -> Callable[[str], Any]:
    """Read a recorded event."""
    return lambda name: json.loads((data / "reports" / name).read_text())


def test_resends_own_suppression_list_ends_a_digest_and_is_believed(
    settings: Any, reported: Callable[[str], Any]
) -> None:
    become(settings, "resend")
    row = delivery(reader("ada"), provider_message_id="2706408a1f53")
    event = reported("11-resend-suppressed.json")
    assert proved("resend", [event]).to(Client()).status_code == 200
    assert apply_events.apply_events(LATER) == Counter(listed=1)
    row.refresh_from_db()
    assert (row.status, row.status_reason) == ("failed", "event_rejected")
    assert suppressions() == [("bounced", "The mail provider keeps the address on its suppression list (resend).")]


def test_a_mail_that_resend_could_not_send_is_failed_and_nothing_follows(
    settings: Any, reported: Callable[[str], Any]
) -> None:
    become(settings, "resend")
    row = delivery(reader("ada"), provider_message_id="2706408a1f53")
    event = reported("11-resend-suppressed.json") | {"type": "email.failed"}
    assert proved("resend", [event]).to(Client()).status_code == 200
    assert apply_events.apply_events(LATER) == Counter(failed=1)
    row.refresh_from_db()
    assert (row.status, row.status_reason) == ("failed", "event_failed")
    assert suppressions() == []


def test_a_block_list_suppresses_nobody_not_even_when_the_provider_then_lists_the_address(
    settings: Any, reported: Callable[[str], Any]
) -> None:
    become(settings, "amazon_ses")
    ada = reader("ada")
    rows = [delivery(ada, days=days, provider_message_id=f"number-{days}") for days in (0, 1)]
    event = reported("12-ses-block-listed.json")
    for days, cause in enumerate(("General", "OnAccountSuppressionList")):
        event["mail"]["messageId"] = f"number-{days}"
        event["bounce"]["bounceSubType"] = cause
        assert proved("amazon_ses", [event], number=str(days)).to(Client()).status_code == 200
        apply_events.apply_events(LATER + days * DAY)
    assert [Delivery.objects.get(pk=row.pk).status_reason for row in rows] == ["event_refused", "event_rejected"]
    assert suppressions() == []


@pytest.mark.parametrize(
    ("reason", "kind", "suppressed"),
    [
        ("suppress-bounce", "listed", ["bounced"]),
        ("suppress-complaint", "complained_before", ["complained"]),
        ("suppress-unsubscribe", "left_before", []),
    ],
)
def test_mailguns_lists(settings: Any, reason: str, kind: str, suppressed: list[str]) -> None:
    become(settings, "mailgun")
    ada = reader("ada")
    row = delivery(ada)
    event = json.loads(post_of("mailgun", "bounced", mail_of(row)).content)["event-data"]
    event |= {"reason": reason, "delivery-status": {"code": 605, "message": "", "description": "Not delivering"}}
    assert proved("mailgun", [event]).to(Client()).status_code == 200
    assert apply_events.apply_events(LATER) == Counter({kind: 1})
    row.refresh_from_db()
    ada.refresh_from_db()
    assert (row.status, row.status_reason) == ("failed", "event_rejected")
    assert ada.status == ("active" if kind == "listed" else "unsubscribed")
    assert [reason for reason, _ in suppressions()] == suppressed


def test_what_is_not_understood_is_counted_by_its_name_for_a_week_and_changes_nothing(of_postmark: None) -> None:
    row = delivery(reader("ada"))
    told("unknown", row, name="Strange", at=NOON)
    told("unknown", None, name="Strange", at=NOON, tags=[])
    told("unknown", None, name="", at=NOON, tags=[])
    told("unknown", None, name="Old", at=NOON - 8 * DAY, tags=[])
    apply_events.apply_events(LATER)
    row.refresh_from_db()
    assert (row.status, suppressions()) == ("accepted", [])
    assert apply_events.not_understood(LATER) == [("postmark", "Strange", 2), ("postmark", "", 1)]
    assert "ada@" not in str(DeliveryEvent.objects.filter(delivery=None).values_list("raw", flat=True))


# days of issues that bounced softly, of some that arrived, of some of which nothing is known
@pytest.mark.parametrize(
    ("bounced", "arrived", "open_still", "is_suppressed"),
    [
        ([0, 7, 14], [], [], True),
        ([0, 7, 13], [], [], False),  # not long enough
        ([0, 14], [], [], False),  # not often enough
        (range(15), [], [], True),
        (range(14), [], [], False),
        ([0, 7, 14], [10], [], False),  # any that arrived resets it
        ([0, 7, 14, 21], [10], [], False),
        ([0, 3, 14, 21, 28], [10], [], True),
        ([0, 7, 14], [], [15, 16], True),  # of the newest nothing is known yet
        ([0, 7, 14], [], [8], False),  # one in between may have arrived
        ([0, 7, 14], [15], [], False),
    ],
)
def test_an_address_whose_mail_server_took_nothing_for_two_weeks_is_let_go(
    bounced: list[int], arrived: list[int], open_still: list[int], is_suppressed: bool
) -> None:
    ada = reader("ada", confirmed_at=NOON - DAY)
    rows = {days: delivery(ada, days=days) for days in sorted([*bounced, *arrived, *open_still])}
    events = [(days, "soft_bounced") for days in bounced] + [(days, "delivered") for days in arrived]
    for days, kind in sorted(events):
        told(kind, rows[days], at=NOON + days * DAY, said="452 4.2.2 mailbox of ada@example.org is full")
    apply_events.apply_events(NOON + 30 * DAY)
    why = "No digest could be delivered for two weeks (postmark, 4.2.2)."
    assert suppressions() == ([("bounced", why)] if is_suppressed else [])
    ada.refresh_from_db()
    assert ada.status == "active"


@pytest.mark.parametrize("begins_anew", ["lifted", "address changed", "confirmed"])
def test_bounces_from_before_a_new_beginning_do_not_count(begins_anew: str) -> None:
    ada = reader("ada")
    anew = NOON + 10 * DAY
    if begins_anew == "lifted":
        consent.suppress(ada.email, reason="bounced", now=NOON)
        Suppression.objects.update(lifted_at=anew, lifted_by="op")
    else:
        kind = "changed" if begins_anew == "address changed" else "confirmed"
        ConsentEvent.objects.create(public_id=ada.public_id, kind=kind, at=anew)
    for days in (0, 7, 14, 21):
        told("soft_bounced", delivery(ada, days=days), at=NOON + days * DAY)
    apply_events.apply_events(NOON + 30 * DAY)
    assert suppressions() == []


def test_the_first_digest_counts_where_the_readers_day_is_still_yesterday_in_utc() -> None:
    ada = reader("ada", zone="Pacific/Honolulu")
    ConsentEvent.objects.create(public_id=ada.public_id, kind="confirmed", at=NOON - timedelta(minutes=1))
    told("soft_bounced", delivery(ada, issue_date=NOON.date() - DAY), at=NOON)
    for days in (7, 13):
        told("soft_bounced", delivery(ada, days=days), at=NOON + days * DAY)
    apply_events.apply_events(NOON + 30 * DAY)
    assert [reason for reason, _ in suppressions()] == ["bounced"]


def test_bounces_at_an_address_that_the_reader_has_left_do_not_count() -> None:
    ada = reader("ada")
    for days in (0, 7, 14, 21):
        told("soft_bounced", delivery(ada, days=days), at=NOON + days * DAY, recipient="before@example.org")
    apply_events.apply_events(NOON + 30 * DAY)
    assert suppressions() == []


def test_a_refused_mail_costs_nobody_their_digest_however_often() -> None:
    """As when a large provider turns away all our mail for weeks since a DNS record is gone."""
    ada = reader("ada")
    for days in range(20):
        told("bounced", delivery(ada, days=days), at=NOON + days * DAY, said="550 5.7.26 unauthenticated sender")
    apply_events.apply_events(NOON + 30 * DAY)
    assert suppressions() == []
    assert set(Delivery.objects.values_list("status", "status_reason")) == {("failed", "event_refused")}
