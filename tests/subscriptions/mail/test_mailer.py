"""The door, against a real SMTP server on this machine, on the bytes that it received."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from django.core import mail

from subscriptions import consent, link_requests
from subscriptions.mail.mailer import Mailer, Purpose, SendResult, SendStatus
from subscriptions.mail.rendering import RenderedEmail
from subscriptions.models import LinkRequest, Subscriber
from subscriptions.tokens import UNSUBSCRIBE, message_id, token_for
from tests.support.factories import NOON, reader

pytestmark = pytest.mark.django_db
EMAIL = RenderedEmail(
    "2 Mar: Ünïcode and more", "Plain text, ünïcode.\n", "<html><body><p>Ünïcode ∀ε</p></body></html>\n"
)


class Sink:
    """An SMTP server that keeps what it takes, and refuses whom it is told to."""

    def __init__(self) -> None:
        self.received: list[bytes] = []
        self.refuse: dict[str, str] = {}

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if answer := self.refuse.get(address):
            return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.received.append(envelope.content)
        return "250 OK"


@pytest.fixture
def sink(settings: Any) -> Iterator[Sink]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    handler = Sink()
    controller = Controller(handler, hostname="127.0.0.1", port=port)
    controller.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
    settings.MAIL_PROVIDER = "smtp"
    settings.DEFAULT_FROM_EMAIL = "Broadsheet <digest@mail.example.org>"
    yield handler
    controller.stop()


def send(subscriber: Subscriber, *, purpose: Purpose = Purpose.DIGEST) -> SendResult:
    with Mailer() as mailer:
        return mailer.send(
            subscriber, EMAIL, purpose=purpose, message_id=message_id("digest", subscriber.public_id), dated_at=NOON
        )


def parsed(raw: bytes) -> EmailMessage:
    return message_from_bytes(raw, policy=policy.default)


def test_the_wire_carries_both_parts_text_first_and_seven_bit(sink: Sink) -> None:
    assert send(reader("ada")).status == SendStatus.ACCEPTED
    (raw,) = sink.received
    message = parsed(raw)
    assert raw.isascii()
    assert all(len(line) <= 998 for line in raw.split(b"\r\n"))
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert message.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    assert [part.get_content().replace("\r\n", "\n") for part in message.iter_parts()] == [EMAIL.text, EMAIL.html]


def test_the_headers_say_who_when_what_and_how_to_leave(sink: Sink) -> None:
    ada = reader("ada")
    send(ada)
    message = parsed(sink.received[0])
    for name in ("From", "To", "Subject", "Date", "Message-ID", "MIME-Version"):
        assert len(message.get_all(name)) == 1
    assert message["Subject"] == EMAIL.subject
    assert message["Message-ID"] == message_id("digest", ada.public_id)
    assert message["Date"].datetime == datetime(2026, 3, 2, 12, tzinfo=UTC)
    assert message["List-Unsubscribe"].strip() == f"<http://localhost:8000/u/{token_for(UNSUBSCRIBE, ada)}>"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert re.search(rb"\r\nList-Unsubscribe: *(?:\r\n )?<http://\S+>\r\n", sink.received[0])  # raw, on one line
    assert message["Auto-Submitted"] == "auto-generated"


def test_a_confirmation_carries_no_list_headers(sink: Sink) -> None:
    assert (
        send(reader("ada", status="pending", confirmed_at=None), purpose=Purpose.CONFIRMATION).status
        == SendStatus.ACCEPTED
    )
    assert not [name for name in parsed(sink.received[0]) if name.startswith("List-")]


def test_the_door_refuses_the_suppressed_the_unconfirmed_and_the_invented(sink: Sink) -> None:
    ada, ben = reader("ada"), reader("ben", status="pending", confirmed_at=None)
    demo, _ = consent.create_demo_subscriber("x@readers.invalid", now=NOON)
    consent.suppress(ada.email, reason="complained", now=NOON)
    assert [send(person).status for person in (ada, ben, demo)] == [SendStatus.REFUSED] * 3
    assert sink.received == []


def test_an_address_that_is_yet_to_be_a_readers_is_looked_up_itself(sink: Sink) -> None:
    ada = reader("ada")

    def send_to(address: str) -> SendStatus:
        with Mailer() as mailer:
            return mailer.send(
                ada, EMAIL, purpose=Purpose.CONFIRMATION, message_id="<1@x>", dated_at=NOON, address=address
            ).status

    assert send_to("ada@new.example") == SendStatus.ACCEPTED
    assert parsed(sink.received[0])["To"] == "ada@new.example"
    assert send_to("ada@readers.invalid") == SendStatus.REFUSED
    consent.suppress("Ada@new.example", reason="bounced", now=NOON)
    assert send_to("ada@new.example") == SendStatus.REFUSED
    consent.suppress(ada.email, reason="bounced", now=NOON)  # where she was no longer works: she may go elsewhere
    assert send_to("ada@other.example") == SendStatus.ACCEPTED
    assert len(sink.received) == 2


@pytest.mark.parametrize(
    ("answer", "times"),
    [("550 5.1.1 who?", [0, 0, 0]), ("451 later", [0, 0, 1])],
)
def test_a_mail_with_a_link_is_tried_again_where_the_server_asks_for_patience_only(
    sink: Sink, answer: str, times: list[int]
) -> None:
    reader("ada")
    sink.refuse["ada@example.org"] = answer
    link_requests.enqueue(LinkRequest.Kind.SIGN_IN, email="ada@example.org", now=NOON, page="", ip=None, user_agent="")
    received = []
    for minutes in (0, 0.5, 1):
        link_requests.process_pending(NOON + timedelta(minutes=minutes))
        received.append(len(sink.received))
        if minutes == 0.5:
            sink.refuse.clear()
    assert received == times


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ("550 5.1.1 no such user", SendStatus.NO_SUCH_ADDRESS),
        ("550 5.7.1 your reputation", SendStatus.FAILED),
        ("451 4.7.1 greylisted, come again", SendStatus.LATER),
    ],
)
def test_a_refused_recipient_ends_as_the_server_says_and_the_next_mail_goes_on(
    sink: Sink, answer: str, status: SendStatus
) -> None:
    ada, ben = reader("ada"), reader("ben")
    sink.refuse[ada.email] = answer
    with Mailer() as mailer:
        statuses = [
            mailer.send(person, EMAIL, purpose=Purpose.DIGEST, message_id=f"<{person.pk}@x>", dated_at=NOON).status
            for person in (ada, ben)
        ]
    assert statuses == [status, SendStatus.ACCEPTED]


def test_no_server_means_another_try_and_no_address_in_what_is_said(settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.MAIL_PROVIDER = "127.0.0.1", 1, "smtp"
    result = send(reader("ada"))
    assert result.status == SendStatus.LATER
    assert "ada@" not in result.detail


def test_mails_reach_the_door_only() -> None:
    send(reader("ada"))
    assert [message.to for message in mail.outbox] == [["ada@example.org"]]
