"""Who asks for a mail with a link gets the right one, once, whoever the address belongs to."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from email import message_from_bytes
from smtplib import SMTPDataError, SMTPServerDisconnected
from typing import Any

import dns.flags
import dns.message
import dns.resolver
import dns.rrset
import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend as Memory
from django.db import transaction
from django.test import Client

from subscriptions import consent, consent_text, link_requests, tokens
from subscriptions.models import ConsentEvent, LinkRequest, LoginToken, Preference, Subscriber, Suppression
from subscriptions.preferences import Choices, Wish
from tests.support.factories import NOON, reader

pytestmark = pytest.mark.django_db
KIND, LINK = LinkRequest.Kind, LoginToken.Purpose
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
GRAPHS = Choices(zone="Europe/Berlin", send_hour=6, max_papers=5, wishes=(Wish("keyword", "graph coloring"),))


def ask(kind: LinkRequest.Kind = KIND.SIGN_UP, *, now: datetime = NOON, **values: Any) -> None:
    asked: dict[str, Any] = {
        "email": "ada@example.org",
        "page": "/subscribe",
        "ip": "192.0.2.1",
        "user_agent": "Firefox",
        "choices": GRAPHS if kind == KIND.SIGN_UP else None,
        "wording": consent_text.VERSION if kind == KIND.SIGN_UP else "",
    }
    asked |= values
    if kind == KIND.CHANGE_ADDRESS:
        consent.ask_for_address(asked["subscriber"], asked["email"], now=now)
    link_requests.enqueue(kind, now=now, **asked)


def ask_and_answer(kind: LinkRequest.Kind = KIND.SIGN_UP, *, now: datetime = NOON, **values: Any) -> list[Any]:
    """The mails that left for it."""
    before = len(mail.outbox)
    ask(kind, now=now, **values)
    link_requests.process_pending(now)
    return mail.outbox[before:]


def token_in(message: Any) -> str:
    """The secret of the one link in a mail, which is in both of its parts."""
    found = re.findall(r"http://localhost:8000/[csa]/([\w-]{22})\b", message.body)
    assert len(found) == 1
    assert message.alternatives[0][0].count(f"/{found[0]}") == 1  # the button
    return found[0]


def ada() -> Subscriber:
    return Subscriber.objects.get(email_key="ada@example.org")


def events() -> list[str]:
    return list(ConsentEvent.objects.values_list("kind", flat=True))


# --- signing up ------------------------------------------------------------------------------------------------------


def test_a_newcomer_is_pending_with_their_choices_and_gets_a_link_to_confirm() -> None:
    (message,) = ask_and_answer()
    assert (ada().status, ada().zone, ada().send_hour, ada().next_send_at) == ("pending", "Europe/Berlin", 6, None)
    assert Choices.of(ada()) == GRAPHS
    assert (message.to, message.subject) == (["ada@example.org"], "Confirm your subscription")
    row = tokens.login_token(LINK.CONFIRM, token_in(message), now=NOON + 47 * HOUR)
    assert row.subscriber == ada()
    assert not LinkRequest.objects.exists()


def test_the_proof_says_when_whence_by_which_page_to_which_words_and_with_which_mail() -> None:
    (message,) = ask_and_answer()
    signed_up, asked = ConsentEvent.objects.all()
    assert (signed_up.kind, signed_up.at, signed_up.ip, signed_up.user_agent, signed_up.page, signed_up.wording) == (
        "signed_up", NOON, "192.0.2.1", "Firefox", "/subscribe", consent_text.VERSION,
    )  # fmt: skip
    assert (asked.kind, asked.reference) == ("asked", message.extra_headers["Message-ID"])
    assert consent_text.words(signed_up.wording) == consent_text.SIGN_UP


@pytest.mark.parametrize("status", ["active", "paused"])
def test_who_is_on_the_list_keeps_everything_and_gets_a_link_to_their_preferences(status: str) -> None:
    before = reader("ada", wants={"keyword": ["bees"]}, status=status)
    (message,) = ask_and_answer(email="Ada@EXAMPLE.org")
    assert message.subject == "You are already subscribed"
    assert message.to == ["ada@example.org"]
    assert tokens.login_token(LINK.SIGN_IN, token_in(message), now=NOON).subscriber == before
    after = ada()
    assert (after.status, after.zone, after.next_send_at) == (status, before.zone, before.next_send_at)
    assert [one.value for one in after.preferences.all()] == ["bees"]
    assert not ConsentEvent.objects.exists()


def press(message: Any, *, now: datetime = NOON) -> bool:
    token = tokens.use_login_token(LINK.CONFIRM, token_in(message), now=now)
    return consent.confirm(token.subscriber.public_id, now=now, token=token)


def test_who_had_left_is_as_they_left_until_they_confirm_anew() -> None:
    before = reader("ada", wants={"keyword": ["bees"]})
    consent.unsubscribe(before.public_id, now=NOON - 30 * DAY)
    kept = list(Subscriber.objects.values()), Choices.of(before)
    (message,) = ask_and_answer()
    assert message.subject == "Confirm your subscription"
    changed = {"confirmation_sent_at", "confirmations_today"}
    rows = [{name: value for name, value in row.items() if name not in changed} for row in Subscriber.objects.values()]
    assert rows == [{name: value for name, value in row.items() if name not in changed} for row in kept[0]]
    assert Choices.of(ada()) == kept[1]
    assert press(message)
    assert (ada().public_id, ada().status, ada().next_send_at) == (before.public_id, "active", NOON)
    assert Choices.of(ada()) == GRAPHS


def test_who_had_left_and_was_signed_up_by_somebody_gets_a_link_to_sign_in() -> None:
    consent.unsubscribe(reader("ada").public_id, now=NOON)
    ask_and_answer()
    (message,) = ask_and_answer(KIND.SIGN_IN)
    assert message.subject == "Your sign-in link"


def test_a_link_to_confirm_from_before_leaving_brings_nobody_back() -> None:
    (message,) = ask_and_answer()
    (reminder,) = ask_and_answer(KIND.SIGN_IN, now=NOON + HOUR)
    assert press(message, now=NOON + HOUR)
    consent.unsubscribe(ada().public_id, now=NOON + HOUR)
    with pytest.raises(tokens.BadLink):
        press(reminder, now=NOON + HOUR)
    (anew,) = ask_and_answer(now=NOON + 2 * HOUR)
    consent.unsubscribe(ada().public_id, now=NOON + 2 * HOUR)  # the old link, once more
    with pytest.raises(tokens.BadLink):
        press(anew, now=NOON + 2 * HOUR)
    assert ada().status == "unsubscribed"


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("kind", [KIND.SIGN_UP, KIND.SIGN_IN])
def test_nothing_is_kept_of_and_nothing_sent_to_a_suppressed_address(kind: LinkRequest.Kind, known: bool) -> None:
    if known:
        consent.unsubscribe(reader("ada").public_id, now=NOON)
    consent.suppress("ada@example.org", reason=Suppression.Reason.COMPLAINED, now=NOON)
    rows = list(Subscriber.objects.values()), events()
    assert ask_and_answer(kind) == []
    assert (list(Subscriber.objects.values()), events()) == rows
    assert not Preference.objects.exists()
    assert not LinkRequest.objects.exists()
    assert not LoginToken.objects.exists()


def test_of_two_forms_that_one_counts_whose_link_is_pressed() -> None:
    (first,) = ask_and_answer()
    (second,) = ask_and_answer(now=NOON + HOUR, choices=Choices(max_papers=20))
    assert Choices.of(ada()) == GRAPHS
    with transaction.atomic():
        assert press(first, now=NOON + HOUR)
        assert Choices.of(ada()) == GRAPHS
        transaction.set_rollback(True)
    assert press(second, now=NOON + HOUR)
    assert Choices.of(ada()) == Choices(max_papers=20)


def test_nothing_a_visitor_typed_is_in_the_mail() -> None:
    offer = "cheap-pills.example"
    (message,) = ask_and_answer(choices=Choices(wishes=(Wish("keyword", offer),)), user_agent=offer, page=offer)
    assert offer not in message.body + message.alternatives[0][0] + message.subject


# --- how often -------------------------------------------------------------------------------------------------------


def test_one_address_gets_one_confirmation_in_15_minutes_and_three_a_day() -> None:
    midnight = NOON.replace(hour=0)
    times = [timedelta(minutes=m) for m in (0, 1, 14, 15, 16, 30, 46, 600, 1439)]
    sent = [len(ask_and_answer(now=midnight + time, ip=f"192.0.2.{n}")) for n, time in enumerate(times)]
    assert sent == [1, 0, 0, 1, 0, 1, 0, 0, 0]
    assert len(ask_and_answer(now=midnight + DAY)) == 1
    assert len(ask_and_answer(now=midnight + DAY + 5 * MINUTE)) == 0


def test_links_to_sign_in_are_more_freely_given_but_not_without_end() -> None:
    reader("ada")
    midnight = NOON.replace(hour=0)
    sent = [len(ask_and_answer(KIND.SIGN_IN, now=midnight + n * MINUTE)) for n in range(40)]
    assert sent == [1, 0] * 10 + [0] * 20


def test_being_told_that_one_is_subscribed_counts_as_a_link_to_sign_in() -> None:
    reader("ada")
    assert len(ask_and_answer(KIND.SIGN_IN)) == 1
    assert ask_and_answer(KIND.SIGN_UP, now=NOON + MINUTE) == []


def test_two_readers_cannot_flood_an_address_they_both_say_is_theirs() -> None:
    people = [reader(name) for name in ("ben", "cleo", "dora", "emil")]
    sent = [
        len(ask_and_answer(KIND.CHANGE_ADDRESS, now=NOON + n * 20 * MINUTE, subscriber=one))
        for n, one in enumerate(people)
    ]
    assert sent == [1, 1, 1, 0]


def test_an_address_that_is_being_confirmed_gets_no_second_mail_as_somebodys_new_one() -> None:
    ask_and_answer()
    ben = reader("ben")
    assert ask_and_answer(KIND.CHANGE_ADDRESS, subscriber=ben, now=NOON + MINUTE) == []
    assert len(ask_and_answer(KIND.CHANGE_ADDRESS, subscriber=ben, now=NOON + 15 * MINUTE)) == 1


def test_sub_addresses_of_one_mailbox_share_its_confirmations_and_what_is_too_much_waits() -> None:
    for number in range(5):
        ask_and_answer(email=f"ada+{number}@example.org", ip=f"192.0.2.{number}")
    assert [message.to for message in mail.outbox] == [["ada+0@example.org"]]
    assert Subscriber.objects.count() == 1  # of the others nothing is kept yet but the requests
    assert len(ask_and_answer(email="ben@example.org", ip="192.0.2.9")) == 1
    for quarters in range(1, 60):
        link_requests.process_pending(NOON + quarters * 15 * MINUTE)
    sent = [message.to[0] for message in mail.outbox if "ada" in message.to[0]]
    assert sorted(sent) == [f"ada+{number}@example.org" for number in range(5)]  # three today, two after midnight
    assert not LinkRequest.objects.exists()


def test_a_reader_changes_to_a_sub_address_of_theirs_in_the_next_quarter_of_an_hour() -> None:
    ask_and_answer()
    one = ada()
    asked = {"email": "ada+papers@example.org", "subscriber": one, "now": NOON + MINUTE}
    assert ask_and_answer(KIND.CHANGE_ADDRESS, **asked) == []
    link_requests.process_pending(NOON + 16 * MINUTE)
    assert [message.to for message in mail.outbox[1:]] == [["ada+papers@example.org"]]


# --- signing in ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["active", "paused", "unsubscribed"])
def test_whoever_confirmed_once_can_see_their_data(status: str) -> None:
    reader("ada", status=status)
    (message,) = ask_and_answer(KIND.SIGN_IN)
    assert message.subject == "Your sign-in link"
    assert tokens.login_token(LINK.SIGN_IN, token_in(message), now=NOON).subscriber == ada()


def test_a_stranger_gets_nothing_and_is_not_kept() -> None:
    assert ask_and_answer(KIND.SIGN_IN) == []
    assert not Subscriber.objects.exists()
    assert not LinkRequest.objects.exists()


def test_who_never_confirmed_is_reminded_of_that_step() -> None:
    ask_and_answer()
    (message,) = ask_and_answer(KIND.SIGN_IN, now=NOON + HOUR)
    assert message.subject == "Confirm your subscription"


# --- another address -------------------------------------------------------------------------------------------------


def test_a_change_of_address_is_mailed_to_the_new_one_and_changes_nothing_yet() -> None:
    one = reader("ada")
    (message,) = ask_and_answer(KIND.CHANGE_ADDRESS, email="ada@new.example", subscriber=one)
    assert message.to == ["ada@new.example"]
    assert "example.org" not in message.body
    one.refresh_from_db()
    assert (one.email, one.pending_email) == ("ada@example.org", "ada@new.example")
    assert tokens.login_token(LINK.CHANGE_ADDRESS, token_in(message), now=NOON).subscriber == one


def test_a_link_sent_to_one_new_address_never_brings_the_digests_to_another() -> None:
    one = reader("ada")
    (first,) = ask_and_answer(KIND.CHANGE_ADDRESS, email="first@new.example", subscriber=one)
    ask_and_answer(KIND.CHANGE_ADDRESS, email="second@new.example", subscriber=one, now=NOON + HOUR)
    with pytest.raises(tokens.BadLink):
        tokens.use_login_token(LINK.CHANGE_ADDRESS, token_in(first), now=NOON + HOUR)


def test_a_suppressed_address_can_be_nobodys_new_one_and_does_not_show_it() -> None:
    consent.suppress("gone@example.org", reason=Suppression.Reason.BOUNCED, now=NOON)
    one = reader("ada")
    assert ask_and_answer(KIND.CHANGE_ADDRESS, email="gone@example.org", subscriber=one) == []
    one.refresh_from_db()
    assert one.pending_email == "gone@example.org"
    assert not LinkRequest.objects.exists()


def test_a_new_address_whose_mail_would_be_one_too_many_gets_it_later() -> None:
    one = reader("ada")
    assert len(ask_and_answer(KIND.SIGN_IN)) == 1
    asked = {"email": "ada@new.example", "subscriber": one, "now": NOON + MINUTE}
    assert ask_and_answer(KIND.CHANGE_ADDRESS, **asked) == []
    assert ask_and_answer(KIND.CHANGE_ADDRESS, **asked) == []  # in place of the first
    link_requests.process_pending(NOON + 16 * MINUTE)
    assert [message.to for message in mail.outbox[1:]] == [["ada@new.example"]]
    assert not LinkRequest.objects.exists()


def test_who_has_no_mails_left_today_gets_a_link_to_the_new_address_tomorrow() -> None:
    one = reader("ada", link_sent_at=NOON - HOUR, links_today=10)
    assert ask_and_answer(KIND.CHANGE_ADDRESS, email="ada@new.example", subscriber=one) == []
    for quarters in range(1, 13 * 4):
        link_requests.process_pending(NOON + quarters * 15 * MINUTE)
    (message,) = mail.outbox
    assert message.to == ["ada@new.example"]
    assert tokens.login_token(LINK.CHANGE_ADDRESS, token_in(message), now=NOON + DAY).subscriber == one


# --- when mail cannot leave ------------------------------------------------------------------------------------------


@pytest.fixture
def mail_server(monkeypatch: pytest.MonkeyPatch) -> list[Exception]:
    """Raises these errors in turn; then it takes mails."""
    errors: list[Exception] = []
    take = Memory.send_messages

    def refuse(server: Memory, messages: Any) -> Any:
        if errors:
            raise errors.pop(0)
        return take(server, messages)

    monkeypatch.setattr(Memory, "send_messages", refuse)
    return errors


def test_a_mail_server_that_asks_for_patience_gets_the_mail_later_with_another_link(
    mail_server: list[Exception],
) -> None:
    mail_server += [SMTPDataError(451, b"later")] * 2
    assert ask_and_answer() == []
    assert not LoginToken.objects.exists()
    assert events() == ["signed_up"]
    link_requests.process_pending(NOON + MINUTE - timedelta(seconds=1))
    assert len(mail_server) == 1
    link_requests.process_pending(NOON + MINUTE)
    link_requests.process_pending(NOON + 4 * MINUTE)
    (message,) = mail.outbox
    assert tokens.login_token(LINK.CONFIRM, token_in(message), now=NOON + HOUR)
    assert events() == ["signed_up", "asked"]
    assert ada().confirmations_today == 1
    assert not LinkRequest.objects.exists()


def test_a_mail_that_did_not_leave_takes_nothing_from_the_days_three(mail_server: list[Exception]) -> None:
    assert len(ask_and_answer()) == 1
    mail_server += [SMTPDataError(451, b"later")] * 2
    assert ask_and_answer(now=NOON + 20 * MINUTE) == []
    link_requests.process_pending(NOON + 21 * MINUTE)
    link_requests.process_pending(NOON + 24 * MINUTE)
    assert len(mail.outbox) == 2
    assert ada().confirmations_today == 2
    assert len(ask_and_answer(now=NOON + 39 * MINUTE)) == 1


def test_after_five_tries_it_is_left(mail_server: list[Exception]) -> None:
    mail_server += [SMTPDataError(451, b"later")] * 9
    ask()
    for minute in range(120):
        link_requests.process_pending(NOON + minute * MINUTE)
    assert len(mail_server) == 4
    assert not LinkRequest.objects.exists()


def test_a_mail_that_may_have_left_is_not_sent_again(mail_server: list[Exception]) -> None:
    mail_server.append(SMTPServerDisconnected("gone"))
    assert ask_and_answer() == []
    link_requests.process_pending(NOON + HOUR)
    assert mail.outbox == []
    assert not LinkRequest.objects.exists()
    assert LoginToken.objects.count() == 1  # it works if it did arrive
    assert events() == ["signed_up", "asked"]


def test_a_worker_that_dies_in_between_mails_nobody_twice() -> None:
    ask()
    LinkRequest.objects.update(status=LinkRequest.Status.ANSWERING, attempts=1)
    link_requests.process_pending(NOON + HOUR)
    assert mail.outbox == []


def test_an_answer_that_comes_too_late_is_not_given() -> None:
    reader("ada")
    ask(KIND.SIGN_IN)
    link_requests.process_pending(NOON + HOUR + MINUTE)
    assert mail.outbox == []
    assert not LinkRequest.objects.exists()


def test_signing_in_comes_before_what_came_earlier(name_server: dict[str, str], settings: Any) -> None:
    settings.MAIL_PROVIDER = "smtp"
    reader("ada")
    for number in range(30):
        ask(email=f"somebody{number}@unheard-of.example")
    ask(KIND.SIGN_IN, now=NOON + MINUTE)
    link_requests.process_pending(NOON + MINUTE)
    assert mail.outbox[0].to == ["ada@example.org"]


def test_one_request_that_fails_holds_up_no_other_and_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as broken:
        broken.setitem(link_requests._ANSWERS, KIND.SIGN_IN, lambda *_: 1 / 0)
        ask(KIND.SIGN_IN, email="ben@example.org")
        ask(now=NOON + MINUTE)
        link_requests.process_pending(NOON + MINUTE)
        assert [message.to for message in mail.outbox] == [["ada@example.org"]]
    reader("ben")
    link_requests.process_pending(NOON + 2 * MINUTE)
    assert [message.to for message in mail.outbox] == [["ada@example.org"], ["ben@example.org"]]


def test_a_sign_up_whose_first_try_failed_before_anything_was_kept_is_kept_by_the_second(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(link_requests, "new_login_token", lambda *_, **__: 1 / 0)
        assert ask_and_answer() == []
        assert not Subscriber.objects.exists()
    link_requests.process_pending(NOON + MINUTE)
    assert len(mail.outbox) == 1
    assert events() == ["signed_up", "asked"]


@pytest.mark.django_db(transaction=True)
def test_a_broker_that_is_away_neither_fails_nor_delays_the_page(settings: Any) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        settings.CELERY_BROKER_URL = f"redis://127.0.0.1:{closed.getsockname()[1]}/0"
        ask()
    assert LinkRequest.objects.count() == 1


# --- domains that take no mail ---------------------------------------------------------------------------------------


@pytest.fixture
def name_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """A DNS server on this machine that answers with these MX records; a name that is not there does not exist."""
    records: dict[str, str] = {}
    listening = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listening.bind(("127.0.0.1", 0))

    def answer() -> None:
        while True:
            question, whence = listening.recvfrom(4096)
            if not question:
                return
            response = dns.message.make_response(dns.message.from_wire(question))
            name = response.question[0].name
            if text := records.get(name.to_text(omit_final_dot=True)):
                response.answer.append(dns.rrset.from_text(name, 60, "IN", "MX", text))
            else:
                response.set_rcode(3)
            listening.sendto(response.to_wire(), whence)

    thread = threading.Thread(target=answer)
    thread.start()
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers, resolver.port = ["127.0.0.1"], listening.getsockname()[1]
    monkeypatch.setattr(dns.resolver, "default_resolver", resolver)
    yield records
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
        last.sendto(b"", listening.getsockname())
    thread.join()
    listening.close()


def test_a_domain_that_says_it_takes_no_mail_is_not_written_to(name_server: dict[str, str], settings: Any) -> None:
    settings.MAIL_PROVIDER = "smtp"
    name_server |= {"null.example": "0 .", "mail.example": "10 mx.mail.example."}
    assert ask_and_answer(email="ada@null.example") == []
    assert not Subscriber.objects.exists()
    assert not LinkRequest.objects.exists()
    assert len(ask_and_answer(email="ada@mail.example")) == 1
    assert len(ask_and_answer(email="ada@unheard-of.example")) == 1


def test_the_outbox_asks_no_name_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_requests, "takes_no_mail", lambda _: pytest.fail("asked"))
    assert len(ask_and_answer()) == 1


# --- the mails -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", list(link_requests.LINK))
def test_a_mail_with_a_link_says_what_it_is_for_how_long_it_lasts_and_what_if_it_was_somebody_else(name: str) -> None:
    email = link_requests.compose(name, link=link_requests.LINK[name], token="t" * 22)
    html = " ".join(re.sub(r"<[^>]+>", " ", email.html.partition("<body")[2]).split())
    text = " ".join(email.text.split())
    lasts = "30 minutes" if link_requests.LINK[name] == LINK.SIGN_IN else "48 hours"
    for part in (html, text):
        assert f"The link is valid for {lasts} and works once." in part
        assert "If it was not you, do nothing: " in part
        assert "Unsubscribe" not in part
    assert max(len(line) for line in email.text.splitlines()) <= 78
    assert max(len(line) for line in email.html.splitlines()) <= 998
    assert "<img" not in email.html


def test_a_mail_with_a_link_is_no_list_mail() -> None:
    (message,) = ask_and_answer()
    headers = message_from_bytes(message.message().as_bytes())
    assert [name for name in headers if name.lower().startswith(("list-", "precedence"))] == []
    assert headers["Auto-Submitted"] == "auto-generated"


def test_the_links_lead_to_pages_with_a_button(client: Client) -> None:
    (message,) = ask_and_answer(now=datetime.now(NOON.tzinfo))
    page = client.get(f"/c/{token_in(message)}")
    assert page.status_code == 200
    assert b"<button" in page.content
