"""The SMTP backend against a server that misbehaves as told: what it knows of a mail when something breaks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.mail import EmailMessage

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
        use(settings, running)
        yield running


def use(settings: Any, server: Sink) -> None:
    settings.MAIL_PROVIDER, settings.EMAIL_BACKEND = "smtp", "subscriptions.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
    settings.DEFAULT_FROM_EMAIL = "Broadsheet <digest@mail.example.org>"


def send(mailer: Mailer, person: Subscriber) -> SendResult:
    name = f"<{person.pk}@mail.example.org>"
    return mailer.send(person, EMAIL, purpose=Purpose.DIGEST, message_id=name, dated_at=NOON)


def test_a_mail_arrives_octet_for_octet(server: Sink, tmp_path: Path) -> None:
    ada = reader("ada")
    with Mailer() as mailer:
        message = mailer.encode(ada, EMAIL, purpose=Purpose.DIGEST, message_id="<1@x>", dated_at=NOON)
        assert [one.status for one in mailer.send_batch([message])] == [SendStatus.ACCEPTED]
    assert (tmp_path / "mails" / "0000001").read_bytes() == message.message().as_bytes()


def test_dots_at_the_beginning_of_lines_arrive_in_a_mail_that_django_writes(server: Sink, tmp_path: Path) -> None:
    written = ".a line that begins with a dot\r\n..\r\nno dot.\r\n.\r\nand more"
    django_mail = EmailMessage("A subject", written, "digest@mail.example.org", ["ada@mail.example"])
    assert django_mail.send() == 1
    arrived = (tmp_path / "mails" / "0000001").read_bytes()
    assert arrived.partition(b"\r\n\r\n")[2].rstrip() == written.encode()


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


@pytest.mark.parametrize(("code", "scope"), [(554, Scope.OURS), (421, Scope.UNREACHABLE)])
def test_a_server_that_refuses_our_ehlo_has_taken_nothing(server: Sink, code: int, scope: Scope) -> None:
    server.tell(refuse("ehlo", code, "5.7.1 not you", next=2))
    ada = reader("ada")
    with Mailer() as mailer:
        found = send(mailer, ada)
        assert (found.status, found.scope) == (SendStatus.LATER, scope)
        server.tell(clear=True)
        assert send(mailer, ada).status == SendStatus.ACCEPTED


def test_a_refused_log_in_is_ours_and_the_next_mail_logs_in_again(settings: Any) -> None:
    with sink("--offer", "AUTH PLAIN") as server:
        use(settings, server)
        settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "digest", "secret"
        server.tell(refuse("auth", 535, "5.7.8 no", next=1))
        ada = reader("ada")
        with Mailer() as mailer:
            found = send(mailer, ada)
            assert (found.status, found.scope, found.answer) == (SendStatus.LATER, Scope.OURS, "5.7.8")
            assert send(mailer, ada).status == SendStatus.ACCEPTED


def test_refused_starttls_is_ours(settings: Any) -> None:
    with sink("--offer", "STARTTLS") as server:
        use(settings, server)
        settings.EMAIL_USE_TLS = True
        with Mailer() as mailer:
            found = send(mailer, reader("ada"))
    assert (found.status, found.scope, found.detail) == (SendStatus.LATER, Scope.OURS, "454 4.7.0 TLS not available")


def test_refused_addresses_keep_the_connection(server: Sink) -> None:
    server.tell(refuse("rcpt", 550, "5.1.1 unknown user", to="gone"))
    with Mailer() as mailer:
        found = [send(mailer, reader(name)).status for name in ("gone1", "gone2", "ada", "gone3", "ben")]
    taken, gone = SendStatus.ACCEPTED, SendStatus.NO_SUCH_ADDRESS
    assert found == [gone, gone, taken, gone, taken]
    assert server.counts()["connections"] == 1


def test_a_refused_address_counts_once_after_the_first(server: Sink) -> None:
    """Postfix counts the refused recipient and the refused DATA behind it, and hangs up after twenty errors."""
    server.tell(refuse("rcpt", 550, "5.1.1 unknown user", to="gone"), refuse("data", 554, "5.5.1 no valid recipients"))
    with Mailer() as mailer:
        for number in range(5):
            send(mailer, reader(f"gone{number}"))
    assert server.counts()["struck"] == {"refuse rcpt": 5}


@pytest.mark.parametrize("stage", ["mail", "rcpt", "data"])
def test_a_server_that_hangs_up_with_421_gets_the_mail_on_a_new_connection(server: Sink, stage: str) -> None:
    ada, ben = reader("ada"), reader("ben")
    with Mailer() as mailer:
        assert send(mailer, ada).status == SendStatus.ACCEPTED
        server.tell(refuse(stage, 421, "4.7.0 too many errors", next=1))
        assert send(mailer, ben).status == SendStatus.ACCEPTED
        server.tell(refuse(stage, 421, "4.7.0 too many errors"))
        found = send(mailer, ada)
    assert (found.status, found.detail) == (SendStatus.LATER, "421 4.7.0 too many errors")
    assert server.counts()["mails"] == 2


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


# --- every answer at every stage ---------------------------------------------------------------------------------------

TEMPORARY = (421, 432, 450, 451, 452, 454, 455, 499)
FINAL = (500, 501, 502, 503, 504, 521, 530, 534, 535, 538, 541, 550, 551, 552, 553, 554, 555, 556, 571, 599)
NONSENSE = (100, 199, 300, 334, 399, 600, 999)


def expected(stage: str, code: int) -> SendStatus:
    """What an answer without words may mean: nothing is accepted that was refused, and no address is dead."""
    if stage == "end" and code in NONSENSE:
        return SendStatus.UNKNOWN
    if (stage, code) == ("auth", 503):  # smtplib takes it for "already logged in", and here the server takes the mail
        return SendStatus.ACCEPTED
    if code in TEMPORARY or code in NONSENSE or stage in ("greeting", "ehlo", "auth", "mail"):
        return SendStatus.LATER
    return SendStatus.LATER if code in (530, 534, 535, 538) else SendStatus.FAILED


@pytest.mark.parametrize("stage", ["greeting", "ehlo", "auth", "mail", "rcpt", "data", "end"])
def test_every_reply_code_at_every_stage(settings: Any, tmp_path: Path, stage: str) -> None:
    people = iter(reader(f"reader{number}") for number in range(200))
    with sink("--offer", "AUTH PLAIN", log=tmp_path / "log") as server:
        use(settings, server)
        settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "digest", "secret"
        taken = []
        for code in (*TEMPORARY, *FINAL, *NONSENSE):
            with Mailer() as mailer:
                if stage not in ("greeting", "ehlo", "auth"):  # a connection that took a mail before
                    taken.append(next(people))
                    assert send(mailer, taken[-1]).status == SendStatus.ACCEPTED
                server.tell(refuse(stage, code, "no"), clear=True)
                person = next(people)
                assert (code, send(mailer, person).status) == (code, expected(stage, code))
                taken += [person] if expected(stage, code) == SendStatus.ACCEPTED else []
                server.tell(clear=True)
                taken.append(next(people))
                assert (code, send(mailer, taken[-1]).status) == (code, SendStatus.ACCEPTED)
    assert [mail.recipients for mail in read_log(tmp_path / "log")] == [[person.email] for person in taken]


@pytest.mark.parametrize("stage", ["greeting", "ehlo", "auth", "mail", "rcpt", "data", "content", "end"])
def test_a_hang_up_at_every_stage(settings: Any, tmp_path: Path, stage: str) -> None:
    with sink("--offer", "AUTH PLAIN", log=tmp_path / "log") as server:
        use(settings, server)
        settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "digest", "secret"
        server.tell(cut(stage, next=1, taken=False))
        ada, ben = reader("ada"), reader("ben")
        with Mailer() as mailer:
            found = send(mailer, ada).status
            assert send(mailer, ben).status == SendStatus.ACCEPTED
    assert found == (SendStatus.UNKNOWN if stage in ("content", "end") else SendStatus.LATER)
    assert [mail.recipients for mail in read_log(tmp_path / "log")] == [[ben.email]]


# --- the name in EHLO --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "host", "name"),
    [
        ("relay.example.net", "box", "relay.example.net"),
        ("", "host.example.com", "host.example.com"),
        ("", "box", "mail.example.org"),
        ("", "localhost.localdomain", "mail.example.org"),
    ],
)
def test_the_name_in_ehlo_has_a_dot(
    settings: Any, monkeypatch: pytest.MonkeyPatch, setting: str, host: str, name: str
) -> None:
    settings.EHLO_NAME, settings.DEFAULT_FROM_EMAIL = setting, "Broadsheet <digest@mail.example.org>"
    monkeypatch.setattr(smtp, "DNS_NAME", host)
    assert smtp.ehlo_name() == name
    assert smtp.Plain().local_hostname == name


def test_a_sender_in_another_script_gives_an_ascii_name(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.EHLO_NAME, settings.DEFAULT_FROM_EMAIL = "", "digest@bücher.example"
    monkeypatch.setattr(smtp, "DNS_NAME", "box")
    assert smtp.ehlo_name() == "xn--bcher-kva.example"
