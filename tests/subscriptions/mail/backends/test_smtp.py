"""The SMTP backend against a server that misbehaves as told: what it knows of a mail when something breaks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from subscriptions.mail.backends import smtp
from subscriptions.mail.mailer import Mailer, Purpose, SendResult, SendStatus
from subscriptions.mail.outcomes import Scope
from subscriptions.mail.rendering import RenderedEmail
from subscriptions.models import Subscriber
from tests.support.factories import NOON, reader
from tests.support.smtp_sink import Sink, cut, read_log, refuse, sink, stall

pytestmark = [pytest.mark.django_db, pytest.mark.service]
EMAIL = RenderedEmail("A subject", ".a line that begins with a dot\n..\n", "<p>.</p>\n")


@pytest.fixture(params=["pipelining", "one by one"])
def server(request: pytest.FixtureRequest, settings: Any, tmp_path: Path) -> Iterator[Sink]:
    without = [] if request.param == "pipelining" else ["--without", "PIPELINING"]
    with sink(*without, log=tmp_path / "log", keep=tmp_path / "mails") as running:
        settings.MAIL_PROVIDER, settings.EMAIL_BACKEND = "smtp", "subscriptions.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", running.port
        settings.DEFAULT_FROM_EMAIL = "Broadsheet <digest@mail.example.org>"
        yield running


def send(mailer: Mailer, person: Subscriber) -> SendResult:
    name = f"<{person.pk}@mail.example.org>"
    return mailer.send(person, EMAIL, purpose=Purpose.DIGEST, message_id=name, dated_at=NOON)


def test_a_mail_arrives_octet_for_octet(server: Sink, tmp_path: Path) -> None:
    ada = reader("ada")
    with Mailer() as mailer:
        message = mailer.encode(ada, EMAIL, purpose=Purpose.DIGEST, message_id="<1@x>", dated_at=NOON)
        assert [one.status for one in mailer.send_batch([message])] == [SendStatus.ACCEPTED]
    assert (tmp_path / "mails" / "0000001").read_bytes() == message.message().as_bytes()


@pytest.mark.parametrize("stage", ["mail", "rcpt", "data"])
def test_a_connection_that_breaks_before_the_mail_has_taken_nothing(server: Sink, stage: str) -> None:
    server.tell(cut(stage, next=1))
    ada = reader("ada")
    with Mailer() as mailer:
        assert send(mailer, ada).status == SendStatus.LATER
        assert server.counts()["mails"] == 0
        assert send(mailer, ada).status == SendStatus.ACCEPTED


@pytest.mark.parametrize(("taken", "mails"), [(False, 1), (True, 2)])
def test_a_connection_that_breaks_after_the_dot_leaves_it_open_whether_the_mail_left(
    server: Sink, taken: bool, mails: int
) -> None:
    server.tell(cut("end", next=1, taken=taken))
    ada, ben = reader("ada"), reader("ben")
    with Mailer() as mailer:
        assert [send(mailer, person).status for person in (ada, ben)] == [SendStatus.UNKNOWN, SendStatus.ACCEPTED]
    assert server.counts()["mails"] == mails


def test_a_server_that_never_answers_the_dot_leaves_it_open(server: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp, "READ_SECONDS", 0.2)
    server.tell(stall("end", next=1))
    with Mailer() as mailer:
        assert send(mailer, reader("ada")).status == SendStatus.UNKNOWN


def test_a_connection_that_was_closed_while_idle_is_made_anew_at_once(server: Sink, tmp_path: Path) -> None:
    people = [reader(name) for name in ("ada", "ben", "cleo")]
    with Mailer() as mailer:
        assert send(mailer, people[0]).status == SendStatus.ACCEPTED
        server.tell(cut("mail", next=1))
        assert send(mailer, people[1]).status == SendStatus.ACCEPTED
        server.tell(refuse("mail", 421, "4.4.2 idle", next=1))
        assert send(mailer, people[2]).status == SendStatus.ACCEPTED
    assert [taken.recipients for taken in read_log(tmp_path / "log")] == [[person.email] for person in people]
    assert server.counts()["connections"] == 3


@pytest.mark.parametrize("again", [cut("greeting", next=1), refuse("greeting", 554, "not now", next=1)])
def test_a_server_that_goes_away_between_two_mails_has_not_taken_the_second(
    server: Sink, again: dict[str, Any]
) -> None:
    ada, ben = reader("ada"), reader("ben")
    with Mailer() as mailer:
        assert send(mailer, ada).status == SendStatus.ACCEPTED
        server.tell(cut("mail", next=1), again)
        found = send(mailer, ben)
        assert (found.status, found.scope) == (SendStatus.LATER, Scope.UNREACHABLE)
        assert send(mailer, ben).status == SendStatus.ACCEPTED


def test_a_server_that_does_not_greet_us_has_taken_nothing(server: Sink) -> None:
    server.tell(refuse("ehlo", 554, "5.7.1 not you", next=2))
    ada = reader("ada")
    with Mailer() as mailer:
        found = send(mailer, ada)
        assert (found.status, found.scope) == (SendStatus.LATER, Scope.UNREACHABLE)
        assert send(mailer, ada).status == SendStatus.ACCEPTED


@pytest.mark.parametrize("stage", ["mail", "rcpt", "data", "end"])
def test_what_is_refused_is_not_taken_and_the_next_mail_goes_on(server: Sink, stage: str) -> None:
    server.tell(refuse(stage, 451, "4.7.1 greylisted", next=1))
    ada, ben = reader("ada"), reader("ben")
    with Mailer() as mailer:
        first, second = send(mailer, ada), send(mailer, ben)
    assert (first.status, first.answer, second.status) == (SendStatus.LATER, "4.7.1", SendStatus.ACCEPTED)
    assert server.counts()["mails"] == 1


def test_one_connection_is_kept_for_many_mails_and_made_anew_now_and_then(
    server: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smtp, "MAILS_A_CONNECTION", 3)
    with Mailer() as mailer:
        assert {send(mailer, reader(f"reader{number}")).status for number in range(7)} == {SendStatus.ACCEPTED}
    assert server.counts()["connections"] == 3
