"""Whole deliveries through a mail server that refuses our set-up, one recipient, or our pace."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from digest.delivery import results, send, sweep, throttle
from digest.delivery.plan import plan
from digest.editions.open_edition import open_edition
from digest.ingest import store
from digest.models import Delivery, Provider, StatusReason
from subscriptions import consent_text, link_requests
from subscriptions.models import LinkRequest, Subscriber
from subscriptions.preferences import Choices
from tests.support.factories import NOON, entry, feed, reader
from tests.support.smtp_sink import Sink, read_log, refuse, sink

pytestmark = [pytest.mark.django_db, pytest.mark.service]
STATUS = Delivery.Status

# A set-up that a server does not accept: where it says so, and in which words.
SETUPS = {
    "EHLO": refuse("ehlo", 504, "5.5.2 <box>: Helo command rejected: need fully-qualified hostname"),
    "log-in": refuse("auth", 535, "5.7.8 Error: authentication failed"),
    "STARTTLS demanded": refuse("mail", 530, "5.7.0 Must issue a STARTTLS command first"),
    "log-in demanded": refuse("mail", 530, "5.7.0 Authentication required"),
    "sender": refuse("mail", 553, "5.7.1 Sender address rejected: not owned by user digest"),
    "sender unknown": refuse("mail", 550, "5.1.8 Sender address rejected: Domain not found"),
    "EHLO, said late": refuse("rcpt", 504, "5.5.2 <box>: Helo command rejected: need fully-qualified hostname"),
    "relay": refuse("rcpt", 554, "5.7.1 <x@example.org>: Relay access denied"),
    "relay, for now": refuse("rcpt", 454, "4.7.1 <x@example.org>: Relay access denied"),
    "host": refuse("rcpt", 554, "5.7.1 <unknown[192.0.2.9]>: Client host rejected: Access denied"),
    "relay, in OpenSMTPD's words": refuse("rcpt", 550, "Invalid recipient: <x@example.org>"),
    "log-in demanded, said late": refuse(
        "rcpt", 554, "5.7.1 <x@example.org>: Recipient address rejected: Access denied"
    ),
    "the wrong server": refuse("rcpt", 550, "5.1.1 <x@example.org>: Recipient address rejected: User unknown"),
    "send as": refuse("end", 550, "5.7.60 Client does not have permissions to send as this sender", taken=False),
}


@pytest.fixture
def server(settings: Any, tmp_path: Path) -> Iterator[Sink]:
    with sink("--offer", "AUTH PLAIN", log=tmp_path / "log") as running:
        use(settings, running)
        yield running


def use(settings: Any, server: Sink) -> None:
    settings.MAIL_PROVIDER, settings.EMAIL_BACKEND = "smtp", "subscriptions.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
    settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "digest", "secret"
    settings.DEFAULT_FROM_EMAIL = "Broadsheet <digest@mail.example.org>"


def at(**time: float) -> datetime:
    return NOON + timedelta(**time)


def planned(*names: str) -> list[Subscriber]:
    readers = [reader(name) for name in names]
    shown = feed(*(entry(number) for number in range(1, 4)))
    store.store(store.source_named_in(shown, "file.xml"), shown, now=NOON)
    open_edition(NOON.date(), now=NOON)
    plan(NOON, [one.pk for one in readers], issue_date=NOON.date())
    return readers


def deliver(moment: datetime) -> None:
    sweep.reap(moment)
    send.deliver_all(clock=lambda: moment)


def statuses() -> set[str]:
    return set(Delivery.objects.values_list("status", flat=True))


def recipients(tmp_path: Path) -> list[str]:
    return sorted(recipient for mail in read_log(tmp_path / "log") for recipient in mail.recipients)


@pytest.mark.parametrize("rule", SETUPS.values(), ids=SETUPS)
def test_a_set_up_that_is_refused_costs_nobody_a_digest(server: Sink, tmp_path: Path, rule: dict[str, Any]) -> None:
    readers = planned(*(f"reader{number}" for number in range(8)))
    server.tell(rule)
    for minutes in range(0, 240, 8):  # as often as the service tries in four hours, and more often than a mail is tried
        deliver(at(minutes=minutes))
    assert statuses() <= {STATUS.READY, STATUS.RETRY_WAIT}
    held = throttle.state(at(minutes=233))
    assert held.held_until is not None
    assert rule["text"].split()[0] in held.why  # the true reason
    assert not Subscriber.objects.exclude(status=Subscriber.Status.ACTIVE).exists()
    server.tell(clear=True)
    deliver(at(minutes=260))
    deliver(at(minutes=270))
    assert statuses() == {STATUS.ACCEPTED}
    assert recipients(tmp_path) == sorted(one.email for one in readers)


@pytest.mark.parametrize("first", ["areader", "zreader"])
def test_one_refused_recipient_never_stops_the_others(server: Sink, tmp_path: Path, first: str) -> None:
    names = [first, *(f"reader{number}" for number in range(30))]
    planned(*sorted(names))
    server.tell(refuse("rcpt", 554, "5.7.1 <x@example.org>: Relay access denied", to=first))
    for minutes in range(0, 180, 2):
        deliver(at(minutes=minutes))
        assert throttle.paused_until(at(minutes=minutes)) is None or minutes > 60
    refused = Delivery.objects.get(subscriber__email__startswith=first)
    others = Delivery.objects.exclude(pk=refused.pk)
    assert set(others.values_list("status", "attempts")) == {(STATUS.ACCEPTED, 1)}
    assert (refused.status_reason, "Relay access denied" in refused.detail) == (StatusReason.SETUP_REFUSED, True)
    # ready where its next try came due while sending is held: when that is depends on its number
    assert refused.status in (STATUS.FAILED, STATUS.RETRY_WAIT, STATUS.READY)
    assert len(recipients(tmp_path)) == 30
    assert not Subscriber.objects.exclude(status=Subscriber.Status.ACTIVE).exists()


def test_words_of_policy_fail_one_digest_and_suppress_nobody(server: Sink) -> None:
    planned("ada", "ben", "cleo")
    server.tell(refuse("rcpt", 550, "5.1.1 rejected due to local policy", to="ada"))
    server.tell(refuse("end", 554, "5.4.14 Hop count exceeded - possible mail loop", to="ben"))
    deliver(NOON)
    found = dict(Delivery.objects.values_list("subscriber__email", "status"))
    assert sorted(found.values()) == [STATUS.ACCEPTED, STATUS.FAILED, STATUS.FAILED]
    assert not Subscriber.objects.exclude(status=Subscriber.Status.ACTIVE).exists()


@pytest.mark.parametrize("rule", [rule for name, rule in SETUPS.items() if name != "the wrong server"], ids=repr)
def test_a_sign_up_waits_for_the_set_up_with_its_allowance_given_back(
    server: Sink, tmp_path: Path, rule: dict[str, Any]
) -> None:
    server.tell(rule)
    ada = reader("ada")
    for kind in (LinkRequest.Kind.SIGN_UP, LinkRequest.Kind.SIGN_IN):
        email = "newcomer@example.org" if kind == LinkRequest.Kind.SIGN_UP else ada.email
        choices = Choices(wishes=()) if kind == LinkRequest.Kind.SIGN_UP else None
        link_requests.enqueue(
            kind, email=email, now=NOON, page="/", ip=None, user_agent="", choices=choices, wording=consent_text.VERSION
        )
    for minutes in range(0, 55, 5):  # more often than the five tries of a mail that is refused for itself
        link_requests.process_pending(at(minutes=minutes))
    assert LinkRequest.objects.filter(status=LinkRequest.Status.WAITING).count() == 2
    for person in Subscriber.objects.all():
        assert (person.links_today, person.confirmations_today, person.link_sent_at) == (0, 0, None)
    server.tell(clear=True)
    link_requests.process_pending(at(minutes=59))
    for minutes in (70, 90, 110):
        link_requests.process_pending(at(minutes=minutes))
    assert recipients(tmp_path)[-1] == "newcomer@example.org"


def test_a_server_that_takes_so_many_a_minute_gets_no_more_and_nobody_is_lost(
    settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten mails in five seconds here, thirty a minute with a real Postfix in ``./run bench relay``."""
    # Longer than a busy machine takes for ten mails: those accepted before the window do not count, and without any
    # the rate falls to one mail in ten seconds.
    window = timedelta(seconds=5)
    monkeypatch.setattr(throttle, "WINDOW", window)
    monkeypatch.setattr(results, "RETRY_AFTER", [window])
    readers = planned(*(f"reader{number}" for number in range(24)))
    began = time.monotonic()

    def clock() -> datetime:
        return at(seconds=time.monotonic() - began)

    with sink("--limit", "10", "5", log=tmp_path / "log") as server:
        use(settings, server)
        settings.EMAIL_HOST_USER = ""
        while statuses() != {STATUS.ACCEPTED}:
            assert time.monotonic() - began < 60, statuses()
            sweep.reap(clock())
            send.deliver_all(clock=clock)
            time.sleep(0.05)
    assert set(Delivery.objects.values_list("attempts", flat=True)) == {1}
    assert recipients(tmp_path) == sorted(one.email for one in readers)
    assert throttle.SLOWEST < Provider.objects.get().slow_rate < 2


def test_the_same_refusal_for_all_that_follow_uses_up_no_tries(server: Sink, settings: Any) -> None:
    planned(*(f"reader{number}" for number in range(12)))
    deliver(NOON)
    assert statuses() == {STATUS.ACCEPTED}
    planned(*(f"late{number}" for number in range(12)))
    server.tell(refuse("rcpt", 451, "4.3.0 Try again later"))  # no word of pace
    for minutes in range(0, 58, 2):
        deliver(at(minutes=minutes))
    late = Delivery.objects.filter(subscriber__email__startswith="late")
    assert set(late.values_list("status", flat=True)) <= {STATUS.READY, STATUS.RETRY_WAIT}
    assert max(late.values_list("attempts", flat=True)) <= 2
