"""What providers tell reaches the right delivery, once, in any order."""

from __future__ import annotations

import logging
from collections import Counter
from datetime import timedelta
from typing import Any

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
from tests.support.provider_events import become, suppressions, tell
from tests.support.webhook_payloads import KINDS, PROVIDERS, TOLD, Mail, mail_of, post_of, told

pytestmark = pytest.mark.django_db
LATER = NOON + timedelta(hours=1)
DAY = timedelta(days=1)


@pytest.fixture(params=PROVIDERS)
def provider(request: pytest.FixtureRequest, settings: Any) -> str:
    become(settings, request.param)
    return str(request.param)


@pytest.fixture
def of_postmark(settings: Any) -> None:
    become(settings, "postmark")


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
