"""A mail that is announced behind the content of the one before: whatever the server answers at any place.

The server here follows a script by the number of the mail and the stage, so that it can strike at a mail in the middle.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from digest.delivery.journal import Journal
from subscriptions.mail.backends import smtp
from subscriptions.mail.mailer import Mailer, Pace, Purpose
from subscriptions.mail.outcomes import SendResult, SendStatus
from subscriptions.mail.rendering import RenderedEmail
from tests.support.factories import NOON, reader

pytestmark = pytest.mark.django_db
EMAIL = RenderedEmail("A subject", ".a line that begins with a dot\n", "<p>.</p>\n")
NAMES = ("ada", "ben", "cleo", "dora")
CLOSE, SILENCE = "close", "silence"
NORMAL = {
    "mail": "250 2.1.0 Ok",
    "rcpt": "250 2.1.5 Ok",
    "data": "354 go ahead",
    "end": "250 2.0.0 Ok",
}
S = SendStatus


class Scripted:
    """An SMTP server that answers MAIL, RCPT, DATA and the end of the n-th mail as its script says.

    ``split`` sends its answers octet by octet.
    """

    def __init__(self, *, split: bool = False) -> None:
        self.script: dict[tuple[int, str], str] = {}
        self.split = split
        self.mails = 0  # MAIL commands
        self.taken: list[str] = []
        self.connections = 0
        self.began_early: list[str] = []  # contents that came without 354
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                self.connections += 1
                Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _say(self, connection: socket.socket, answer: str) -> None:
        octets = answer.encode() + b"\r\n"
        for start in range(0, len(octets), 1 if self.split else len(octets)):
            connection.sendall(octets[start : start + (1 if self.split else len(octets))])

    def _talk(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        number, recipient = 0, ""
        with suppress(OSError), connection, connection.makefile("rb") as lines:
            self._say(connection, "220 scripted")
            for line in lines:
                verb = line[:4].decode(errors="replace").upper()
                if verb == "EHLO":
                    self._say(connection, "250-scripted\r\n250 PIPELINING")
                    continue
                if verb in ("RSET", "QUIT"):
                    self._say(connection, "250 Ok" if verb == "RSET" else "221 Bye")
                    continue
                stage = {"MAIL": "mail", "RCPT": "rcpt", "DATA": "data"}.get(verb)
                if stage is None:
                    self.began_early.append(repr(line))
                    return
                if stage == "mail":
                    number, self.mails, recipient = self.mails, self.mails + 1, ""
                answer = self.script.get((number, stage), NORMAL[stage])
                if stage == "rcpt" and answer.startswith("2"):
                    recipient = line.decode().partition("<")[2].partition("@")[0]
                if stage == "data" and not recipient and answer.startswith("3"):
                    answer = "554 5.5.1 no valid recipients"
                if answer == CLOSE:
                    return
                self._say(connection, answer)
                if answer.startswith("421"):
                    return
                if stage == "data" and answer.startswith("354"):
                    for content in lines:
                        if content == b".\r\n":
                            break
                    else:
                        return  # it ended before the dot
                    answer = self.script.get((number, "end"), NORMAL["end"])
                    if answer.startswith("2") or answer.endswith("(taken)"):
                        self.taken.append(recipient)
                    if answer.startswith(CLOSE):
                        return
                    if answer.startswith(SILENCE):  # and nothing that follows is answered
                        for _ in lines:
                            pass
                        return
                    self._say(connection, answer)
                    if answer.startswith("421"):
                        return


@pytest.fixture(params=["as they come", "octet by octet"])
def server(request: pytest.FixtureRequest, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scripted]:
    server = Scripted(split=request.param == "octet by octet")
    settings.MAIL_PROVIDER, settings.EMAIL_BACKEND = "smtp", "subscriptions.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
    settings.DEFAULT_FROM_EMAIL = "Broadsheet <digest@mail.example.org>"
    monkeypatch.setattr(smtp, "READ_SECONDS", 1)
    yield server
    server.listener.close()


def hand_over(names: tuple[str, ...] = NAMES, **options: Any) -> list[SendResult]:
    people = [reader(name) for name in names]
    with Mailer() as mailer:
        messages = [
            mailer.encode(one, EMAIL, purpose=Purpose.DIGEST, message_id=f"<d.{one.pk}@x>", dated_at=NOON)
            for one in people
        ]
        return mailer.send_batch(messages, **options)


def statuses(results: list[SendResult]) -> list[SendStatus]:
    return [result.status for result in results]


def test_a_mail_is_announced_behind_the_content_before(server: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    writes = []
    send = smtp.Plain.send

    def counted(self: smtp.Plain, octets: Any) -> None:
        writes.append(octets if isinstance(octets, bytes) else octets.encode())
        send(self, octets)

    monkeypatch.setattr(smtp.Plain, "send", counted)
    assert statuses(hand_over()) == [S.ACCEPTED] * 4
    assert (server.taken, server.connections) == (list(NAMES), 1)
    assert len([octets for octets in writes if b"\r\n.\r\nMAIL FROM" in octets]) == 3


@pytest.mark.parametrize("number", [0, 1, 3])
@pytest.mark.parametrize(
    ("stage", "answer", "expected"),
    [
        ("mail", "451 4.3.0 later", S.LATER),
        ("rcpt", "451 4.7.1 greylisted", S.LATER),
        ("rcpt", "550 5.1.1 no such user", S.NO_SUCH_ADDRESS),
        ("data", "451 4.3.0 later", S.LATER),
        ("data", "554 5.7.1 no", S.FAILED),
        ("end", "452 4.3.1 no space", S.LATER),
        ("end", "554 5.6.0 no", S.FAILED),
        ("end", "252 2.0.0 somehow", S.ACCEPTED),
        ("end", "300 what (taken)", S.UNKNOWN),
        ("end", f"{CLOSE}", S.UNKNOWN),
        ("end", f"{CLOSE} (taken)", S.UNKNOWN),
        ("end", f"{SILENCE} (taken)", S.UNKNOWN),
        ("end", "421 4.3.2 shutting down", S.LATER),
    ],
)
def test_an_answer_out_of_the_ordinary_is_about_its_own_mail(
    server: Scripted, number: int, stage: str, answer: str, expected: SendStatus
) -> None:
    server.script[number, stage] = answer
    results = hand_over()
    wanted = [S.ACCEPTED] * 4
    wanted[number] = expected
    assert statuses(results) == wanted
    others = [name for place, name in enumerate(NAMES) if place != number]
    assert [name for name in server.taken if name != NAMES[number]] == others
    assert server.taken.count(NAMES[number]) == int(answer.startswith("252") or answer.endswith("(taken)"))
    assert server.began_early == []


@pytest.mark.parametrize("number", [1, 3])
@pytest.mark.parametrize("stage", ["mail", "rcpt", "data"])
@pytest.mark.parametrize("answer", [CLOSE, "421 4.7.0 too many errors"])
def test_a_server_that_hangs_up_before_the_content_gets_the_mail_on_a_new_connection(
    server: Scripted, number: int, stage: str, answer: str
) -> None:
    server.script[number, stage] = answer
    assert statuses(hand_over()) == [S.ACCEPTED] * 4
    assert server.taken == list(NAMES)
    assert server.began_early == []


@pytest.mark.parametrize("mails", [2, 4])
def test_a_journal_has_each_answer_before_the_next_content_leaves_and_all_of_them_at_the_end(
    server: Scripted, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mails: int
) -> None:
    """The time is over behind ``mails``, and where there is one more, it is announced already."""
    settings.JOURNALS = tmp_path
    written: list[bytes] = []
    sendmail = smtp.Plain.sendmail

    def read_first(*arguments: Any, **options: Any) -> Any:
        written.append(lines_of(tmp_path))
        return sendmail(*arguments, **options)

    monkeypatch.setattr(smtp.Plain, "sendmail", read_first)
    calls = count()
    with Journal("a" * 32) as journal:
        hand_over(in_time=lambda: next(calls) < mails, journal=journal)
        written.append(lines_of(tmp_path))
    answered = [lines.count(b"\n= ") for lines in written]
    assert answered == list(range(mails + 1))


def lines_of(folder: Path) -> bytes:
    (journal,) = folder.glob("*.journal")
    return journal.read_bytes().rstrip(b"\0")


def test_what_was_announced_and_is_not_sent_is_never_half_sent(server: Scripted) -> None:
    """The time is over behind the first mail, and the next is announced already."""
    answers = iter([True, False, False, False])
    results = hand_over(in_time=lambda: next(answers))
    assert statuses(results) == [S.ACCEPTED, S.NOT_TRIED, S.NOT_TRIED, S.NOT_TRIED]
    assert (server.taken, server.began_early) == (["ada"], [])


def test_another_mail_than_the_one_that_was_announced_goes_over_a_new_connection(server: Scripted) -> None:
    people = [reader(name) for name in NAMES]
    with Mailer() as mailer:
        messages: list[Any] = [
            mailer.encode(one, EMAIL, purpose=Purpose.DIGEST, message_id=f"<d.{one.pk}@x>", dated_at=NOON)
            for one in people
        ]
        answers = iter([True, False])
        assert statuses(mailer.send_batch(messages[:2], in_time=lambda: next(answers))) == [S.ACCEPTED, S.NOT_TRIED]
        assert statuses(mailer.send_batch(messages[2:])) == [S.ACCEPTED] * 2
    assert (server.taken, server.connections, server.began_early) == (["ada", "cleo", "dora"], 2, [])


def test_no_mail_is_announced_where_it_has_to_wait_or_the_connection_ends(
    server: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smtp, "MAILS_A_CONNECTION", 2)
    assert statuses(hand_over()) == [S.ACCEPTED] * 4
    assert (server.connections, server.mails) == (2, 4)
    answers = iter([True, False])
    assert statuses(hand_over(("eve", "finn"), pace=Pace(gap=0.01), in_time=lambda: next(answers))) == [
        S.ACCEPTED,
        S.NOT_TRIED,
    ]
    assert server.mails == 5


def test_an_address_that_cannot_be_written_is_told_of_its_own_mail(server: Scripted) -> None:
    people = [reader(name) for name in ("ada", "ben")]
    with Mailer() as mailer:
        first, second = (
            mailer.encode(one, EMAIL, purpose=Purpose.DIGEST, message_id=f"<d.{one.pk}@x>", dated_at=NOON)
            for one in people
        )
        second.to = ["ben\r\nRSET@example.org"]
        results = mailer.send_batch([first, second])
    assert results[0].status == S.ACCEPTED
    assert results[1].status != S.ACCEPTED
    assert server.taken == ["ada"]
