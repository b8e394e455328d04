"""What providers tell reaches the right delivery, once, in any order; and the reader whose mail bounced or who complained."""

from __future__ import annotations

import json
import logging
import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from itertools import count
from pathlib import Path
from threading import Thread
from typing import Any

import psycopg
import pytest
from django.core import mail as outbox
from django.db import transaction
from django.test import Client
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from digest import jobs, tasks
from digest.config import celery as config
from digest.config.logs import facts_of
from digest.delivery import apply_events, plan
from digest.delivery.send import deliver_all
from digest.delivery.sweep import reap
from digest.editions.open_edition import open_edition
from digest.ingest import store
from digest.models import Delivery, DeliveryEvent
from digest.reader_data.erase import erase
from subscriptions import consent
from subscriptions.mail.mailer import Mailer, message_to
from subscriptions.mail.rendering import RenderedEmail
from subscriptions.models import ConsentEvent, Subscriber, Suppression
from tests.support.factories import NOON, delivery, entry, feed, reader
from tests.support.processes import go, start
from tests.support.services import A_READER, AN_EDITION, Installation, empty_database
from tests.support.webhook_payloads import KINDS, PROVIDERS, TOLD, Mail, mail_of, post_of, proved, settings_of, told

pytestmark = pytest.mark.django_db
LATER = NOON + timedelta(hours=1)
DAY = timedelta(days=1)
_numbers = count(1)


@pytest.fixture(params=PROVIDERS)
def provider(request: pytest.FixtureRequest, settings: Any) -> str:
    become(settings, request.param)
    return str(request.param)


@pytest.fixture
def of_postmark(settings: Any) -> None:
    become(settings, "postmark")


def become(settings: Any, provider: str) -> None:
    for name, value in settings_of(provider).items():
        setattr(settings, name, value)


def tell(provider: str, kind: str, mail: Mail, **values: Any) -> None:
    post = post_of(provider, kind, mail, **{"number": str(next(_numbers)), **values})
    assert post.to(Client()).status_code == 200


def suppressions() -> list[tuple[str, str]]:
    return list(Suppression.objects.filter(lifted_at=None).values_list("reason", "why"))


# --- each kind, of each provider -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("provider", "kind"), TOLD, indirect=["provider"])
def test_each_event_of_each_provider_ends_where_it_belongs(provider: str, kind: str) -> None:
    ada = reader("ada")
    row = delivery(ada)
    tell(provider, kind, mail_of(row))
    assert apply_events.apply_events(LATER) == Counter({kind: 1})
    row.refresh_from_db()
    ada.refresh_from_db()
    becomes = {"soft_bounced": "bounced", "unsubscribed": "accepted"}.get(kind, kind)
    assert (row.status, row.provider_message_id) == (becomes, Mail().number_at(provider))
    assert [reason for reason, _ in suppressions()] == {"bounced": ["bounced"], "complained": ["complained"]}.get(
        kind, []
    )
    assert ada.status == ("unsubscribed" if kind in ("complained", "unsubscribed") else "active")
    (event,) = DeliveryEvent.objects.all()
    assert (event.kind, event.delivery, event.processed_at) == (kind, row, LATER)
    assert outbox.outbox == []  # nobody is told that they were heard
    assert "ada@" not in str([suppressions(), row.detail, list(ConsentEvent.objects.values())])


@pytest.mark.parametrize(
    ("provider", "kind"),
    [("amazon_ses", "delivered"), ("mailgun", "bounced"), ("mailjet", "complained")],
    indirect=["provider"],
)
def test_an_event_without_our_name_is_matched_by_the_providers_number(provider: str, kind: str) -> None:
    row = delivery(reader("ada"), provider_message_id=Mail().number_at(provider))
    tell(provider, kind, Mail(reference="not.ours", recipient="ada@example.org"))
    apply_events.apply_events(LATER)
    row.refresh_from_db()
    assert row.status == kind


@pytest.mark.parametrize("provider", PROVIDERS, indirect=True)
def test_the_name_that_comes_back_is_the_one_that_the_mail_bore(provider: str) -> None:
    row = delivery(reader("ada"), status="unknown", accepted_at=None)
    email = RenderedEmail("Subject", "text\n", "<p>html</p>\n")
    message = message_to(
        row.subscriber, email, message_id=row.message_id or "", dated_at=NOON, issue_date=row.issue_date
    )
    tell(provider, "delivered", Mail(reference=message.metadata["reference"]))
    apply_events.apply_events(LATER)
    row.refresh_from_db()
    assert row.status == "delivered"


# --- what an event proves --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["unknown", "handing_off", "ready", "retry_wait", "expired"])
@pytest.mark.parametrize(
    ("kind", "becomes"), [("sent", "accepted"), ("delivered", "delivered"), ("bounced", "bounced")]
)
def test_a_mail_that_proves_to_have_left_is_not_sent_again(status: str, kind: str, becomes: str) -> None:
    ada = reader("ada")
    row = delivery(ada, status=status, accepted_at=None, status_reason="no_answer", not_before=NOON)
    told(kind, row, at=NOON + timedelta(minutes=2))
    apply_events.apply_events(LATER)
    reap(LATER)
    row.refresh_from_db()
    ada.refresh_from_db()
    assert (row.status, row.accepted_at, row.provider_message_id) == (becomes, NOON + timedelta(minutes=2), "theirs")
    assert row.status_reason != "no_answer"
    assert ada.last_digest_at == row.accepted_at
    assert not Delivery.objects.filter(batch__isnull=False).exists()


def test_an_unknown_digest_that_was_never_sent_is_failed_and_its_papers_return() -> None:
    row = delivery(reader("ada"), status="unknown", accepted_at=None)
    told("rejected", row, reason="blocked")
    apply_events.apply_events(LATER)
    row.refresh_from_db()
    assert (row.status, row.status_reason, row.accepted_at) == ("failed", "event_rejected", None)
    assert row.status not in Delivery.SENT


def test_what_an_event_told_while_the_mail_was_handed_over_outlives_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """The provider is quicker than the answer to the request; and a cut connection is not the last word."""
    shown = feed(entry(1), entry(2))
    store.store(store.source_named_in(shown, "file.xml"), shown, now=NOON)
    open_edition(NOON.date(), now=NOON)
    ada, ben = reader("ada"), reader("ben")
    plan.plan(NOON, [ada.pk, ben.pk], issue_date=NOON.date())
    send_batch = Mailer.send_batch

    def quick(*args: Any, **rest: Any) -> Any:
        results = send_batch(*args, **rest)
        rows = {row.subscriber: row for row in Delivery.objects.filter(status="handing_off")}
        told("delivered", rows[ada])
        apply_events.apply_events(NOON)
        told("delivered", rows[ben])
        return results

    monkeypatch.setattr(Mailer, "send_batch", quick)
    deliver_all(clock=lambda: NOON)
    assert [row.status for row in Delivery.objects.order_by("subscriber__email")] == ["delivered", "accepted"]
    apply_events.apply_events(NOON)
    assert {row.status for row in Delivery.objects.all()} == {"delivered"}
    assert len(outbox.outbox) == 2


def test_the_earliest_time_of_being_taken_stays() -> None:
    ada, ben = delivery(reader("ada"), status="unknown", accepted_at=None), delivery(reader("ben"))
    for row in (ada, ben):
        for minutes in (5, 2, 3):
            told("delivered" if minutes == 5 else "sent", row, at=NOON + timedelta(minutes=minutes))
            apply_events.apply_events(LATER)
        row.refresh_from_db()
    assert ada.accepted_at == NOON + timedelta(minutes=2)
    assert ben.accepted_at == NOON  # when our worker was told


def test_a_replay_changes_nothing(of_postmark: None) -> None:
    ada = reader("ada")
    row = delivery(ada)
    posts = [post_of("postmark", kind, mail_of(row), number=kind) for kind in KINDS]
    for post in posts:
        post.to(Client())
    apply_events.apply_events(LATER)
    before = everything()
    for _ in range(2):
        for post in reversed(posts):
            assert post.to(Client()).status_code == 200
        assert apply_events.apply_events(LATER + DAY) == Counter()
    assert everything() == before


def everything() -> list[object]:
    models = (Delivery, Subscriber, Suppression, ConsentEvent, DeliveryEvent)
    return [list(model.objects.order_by("pk").values()) for model in models]


@given(st.data())
@hypothesis_settings(max_examples=60, deadline=None)
def test_the_end_is_the_same_in_whatever_order_events_come_and_in_however_many_goes(data: Any) -> None:
    """Two deliveries of two readers; a bounce may come before the delivery it follows, a mail be sent after it arrived."""
    kinds = st.lists(st.sampled_from(["sent", "deferred", "refused", *KINDS]), min_size=1, max_size=4)
    status = data.draw(st.sampled_from(["accepted", "unknown", "handing_off", "retry_wait", "failed"]))
    chosen = [(who, kind) for who in (0, 1) for kind in data.draw(kinds)]
    ends = []
    for order in (chosen, data.draw(st.permutations(chosen))):
        with transaction.atomic():
            rows = [delivery(reader(name), status=status, accepted_at=None) for name in ("ada", "ben")]
            for who, kind in order:
                told(kind, rows[who], at=NOON + timedelta(minutes=chosen.index((who, kind))))
                if data.draw(st.booleans()):
                    apply_events.apply_events(LATER)
            apply_events.apply_events(LATER)
            ends.append(
                [
                    list(Delivery.objects.order_by("pk").values_list("status", "status_reason", "accepted_at")),
                    list(Subscriber.objects.order_by("pk").values_list("status", "next_send_at")),
                    sorted(Suppression.objects.values_list("reason", "why")),
                    sorted(DeliveryEvent.objects.values_list("kind", "processed_at")),
                ]
            )
            transaction.set_rollback(True)
    assert ends[0] == ends[1]


# --- bounces, complaints, leaving ------------------------------------------------------------------------------------


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


# --- mails that are no digests ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("provider", "kind"), [one for one in TOLD if one[1] in ("bounced", "complained")], indirect=["provider"]
)
def test_a_confirmation_that_bounces_or_is_reported_ends_mail_to_its_address(provider: str, kind: str) -> None:
    ada = reader("ada", status="pending", confirmed_at=None, next_send_at=None)
    tell(provider, kind, Mail(recipient="Ada@Example.org", tag="link"))
    assert apply_events.apply_events(LATER) == Counter({kind: 1, apply_events.NOBODYS: 1})
    ada.refresh_from_db()
    assert [reason for reason, _ in suppressions()] == [kind]
    assert Suppression.objects.blocked([ada]) == {ada.pk}
    assert ada.status == ("unsubscribed" if kind == "complained" else "pending")


@pytest.mark.parametrize(("provider", "kind"), TOLD, indirect=["provider"])
def test_a_mail_that_is_not_ours_is_counted_and_nothing_follows(provider: str, kind: str) -> None:
    """One account of a provider may send for others too."""
    ada = reader("ada")
    tell(provider, kind, Mail(tag="newsletter of another department"))
    assert apply_events.apply_events(LATER) == Counter({kind: 1, apply_events.NOBODYS: 1})
    ada.refresh_from_db()
    assert (ada.status, suppressions()) == ("active", [])
    (event,) = DeliveryEvent.objects.all()
    assert (event.processed_at, event.delivery) == (LATER, None)
    assert "ada@" not in str(event.raw)  # and no address is kept of it
    assert event.raw["provider"] == provider


# --- erasure, and how long it is kept --------------------------------------------------------------------------------


@pytest.mark.parametrize("is_settled", [True, False])
def test_nothing_that_was_told_of_the_erased_keeps_their_address(is_settled: bool) -> None:
    ada = reader("ada")
    event = told("delivered", delivery(ada))
    if is_settled:
        apply_events.apply_events(LATER)
    erase(ada, now=LATER)
    told("bounced", None, reference=event.raw["reference"], recipient="ada@example.org")  # told after it
    apply_events.apply_events(LATER)
    assert DeliveryEvent.objects.filter(processed_at=None).count() == 0
    assert "ada@" not in str(list(DeliveryEvent.objects.values_list("raw", flat=True)))
    assert Delivery.objects.get().provider_message_id == ""


def test_a_reader_who_is_erased_while_an_event_is_matched_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    ada = reader("ada")
    row = delivery(ada)
    event = told("delivered", row)
    erase(ada, now=LATER)
    with monkeypatch.context() as patch:
        patch.setattr(apply_events, "_match", lambda events: {event.pk: row.pk})  # as it was a moment ago
        assert apply_events.apply_events(LATER) == Counter()
    assert apply_events.apply_events(LATER) == Counter({"delivered": 1, apply_events.NOBODYS: 1})
    event.refresh_from_db()
    assert "ada@" not in str(event.raw)
    assert Delivery.objects.get().provider_message_id == ""


def test_events_are_kept_for_thirty_days() -> None:
    ada = reader("ada")
    rows = [delivery(ada, days=days) for days in (0, 1)]
    for days, row in enumerate(rows):
        told("delivered", row)
        apply_events.apply_events(NOON + days * DAY)
    waits = told("delivered", rows[0])
    jobs.tidy(NOON + 30 * DAY)
    assert list(DeliveryEvent.objects.order_by("pk").values_list("delivery", "processed_at")) == [
        (rows[1].pk, NOON + DAY),
        (None, None),
    ]
    assert waits.pk
    assert Delivery.objects.filter(status="delivered").count() == 2


# --- at work ---------------------------------------------------------------------------------------------------------


def test_a_thousand_events_take_a_few_queries_for_each_two_hundred(django_assert_max_num_queries: Any) -> None:
    everyone = [reader(f"ada{number}") for number in range(400)]
    rows = [delivery(one) for one in everyone]
    for kind in ("sent", "delivered"):
        for row in rows:
            told(kind, row)
    told("soft_bounced", delivery(everyone[0], days=1))
    with django_assert_max_num_queries(60):
        assert apply_events.apply_events(LATER) == Counter(sent=400, delivered=400, soft_bounced=1)
    assert Delivery.objects.filter(status="delivered").count() == 400


def test_nothing_to_settle_takes_one_query(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        apply_events.apply_events(LATER)


def test_one_event_that_cannot_be_followed_does_not_stop_the_others(
    monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    ada, ben = delivery(reader("ada")), delivery(reader("ben"))
    for row in (ada, ben):
        told("complained", row)
    suppress = consent.suppress
    with monkeypatch.context() as patch:
        patch.setattr(consent, "suppress", lambda email, **rest: 1 / 0 if "ada" in email else suppress(email, **rest))
        assert apply_events.apply_events(LATER) == Counter(complained=1)
    assert "could not be settled" in caplog.text
    assert "ada@" not in caplog.text
    assert apply_events.apply_events(LATER) == Counter(complained=1)
    assert Suppression.objects.count() == 2


def test_the_minute_settles_what_nobody_was_woken_for(monkeypatch: pytest.MonkeyPatch) -> None:
    row = delivery(reader("ada"), status="unknown")
    told("delivered", row)
    config.app.conf.task_always_eager = True
    try:
        with monkeypatch.context() as patch:
            patch.setattr(jobs, "plan", lambda *_: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                tasks.tick()
    finally:
        config.app.conf.task_always_eager = False
    row.refresh_from_db()
    assert row.status == "delivered"


def test_no_line_of_the_log_holds_an_address(caplog: pytest.LogCaptureFixture) -> None:
    row = delivery(reader("ada"))
    with caplog.at_level(logging.DEBUG, logger="digest"):
        for kind in KINDS:
            told(kind, row, said="550 5.1.1 <ada@example.org>")
        told("bounced", None, tags=["link"])
        apply_events.apply_events(LATER)
    ours = [record for record in caplog.records if not record.name.startswith("django.db")]
    said = str([(record.getMessage(), facts_of(record), record.exc_info) for record in ours])
    assert "'settled', {'delivered': 1" in said
    assert "ada@" not in said
    assert "@" not in said


# --- at once, on each back end -----------------------------------------------------------------------------------

SEVERAL = """
import random
from tests.support.factories import NOON, delivery, reader
from tests.support.webhook_payloads import told
rows = [delivery(reader(f"ada{number}"), status="unknown", accepted_at=None) for number in range(60)]
events = [(kind, row) for row in rows for kind in ("sent", "delivered", "soft_bounced", "complained")]
random.Random(7).shuffle(events)
for kind, row in events:
    told(kind, row)
"""
SETTLE = """
import sys
from digest.delivery import apply_events
from tests.support.factories import NOON
apply_events.SLICE = 7
print("ready", flush=True)
sys.stdin.readline()
for _ in range(3):
    apply_events.apply_events(NOON)
"""
ENDS = """
from collections import Counter
from digest.delivery import apply_events
from digest.models import Delivery, DeliveryEvent
from subscriptions.models import ConsentEvent, Subscriber, Suppression
from tests.support.factories import NOON
apply_events.apply_events(NOON)
print(dict(Counter(Delivery.objects.values_list("status", flat=True))), dict(Counter(Subscriber.objects.values_list("status", flat=True))),
      Suppression.objects.count(), ConsentEvent.objects.filter(kind="unsubscribed").count(), DeliveryEvent.objects.filter(processed_at=None).count())
"""
SET_UP = "import django; django.setup()\n"


def test_workers_that_settle_in_one_moment_do_it_once(installation: Installation) -> None:
    installation.prepare()
    installation.run("-c", SET_UP + SEVERAL)
    go([start(SETTLE, environment=installation.environment) for _ in range(3)])
    assert installation.run("-c", SET_UP + ENDS).strip() == "{'complained': 60} {'unsubscribed': 60} 60 60 0"


ONE = """
from tests.support.factories import delivery, reader
from tests.support.webhook_payloads import told
told("delivered", delivery(reader("ada")))
"""
COUNTED = """
from digest.delivery import apply_events
from tests.support.factories import NOON
print(dict(apply_events.apply_events(NOON)))
"""


def test_a_row_that_a_deliverer_holds_is_not_waited_for(tmp_path: Path, postgres_url: str) -> None:
    with empty_database(postgres_url) as database_url:
        installation = Installation.at(tmp_path, DATABASE_URL=database_url)
        installation.prepare()
        installation.run("-c", SET_UP + ONE)
        with psycopg.connect(database_url) as deliverer:
            deliverer.execute("SELECT 1 FROM digest_delivery FOR NO KEY UPDATE")
            assert installation.run("-c", SET_UP + COUNTED).strip() == "{}"
        assert installation.run("-c", SET_UP + COUNTED).strip() == "{'delivered': 1}"


PLAN = """
from digest.delivery import plan
plan.plan(now, [1])
"""
DELIVER = """
import sys
from datetime import UTC, datetime
from digest.delivery import send
print("ready", flush=True)
sys.stdin.readline()
send.deliver_all(clock=lambda: datetime.now(UTC))
"""
WAITS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


def test_a_digest_that_proves_to_have_left_while_it_is_taken_is_not_sent_again(
    tmp_path: Path, postgres_url: str
) -> None:
    with empty_database(postgres_url) as database_url:
        installation = Installation.at(tmp_path, DATABASE_URL=database_url)
        installation.prepare()
        installation.run("-c", AN_EDITION + A_READER + PLAN)
        deliverer = start(DELIVER, environment=installation.environment)
        with psycopg.connect(database_url) as settler, psycopg.connect(database_url, autocommit=True) as watcher:
            taken = settler.execute("UPDATE digest_delivery SET status = 'accepted' WHERE status = 'ready'")
            assert taken.rowcount == 1
            done = Thread(target=go, args=[[deliverer]])
            done.start()
            while watcher.execute(WAITS).fetchone() == (0,):
                assert done.is_alive()
                time.sleep(0.05)
        done.join()
        assert deliverer.returncode == 0
        assert installation.mails() == []
