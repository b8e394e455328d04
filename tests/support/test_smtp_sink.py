"""The mail server that the tests of sending count on: it takes, counts, and misbehaves exactly as told."""

from __future__ import annotations

import smtplib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.smtp_sink import Sink, cut, read_log, refuse, sink, stall

pytestmark = pytest.mark.service
MAIL = "From: digest@mail.example.org\r\nMessage-ID: <{0}@mail.example.org>\r\n\r\n.{0}\r\n..\r\n"


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Sink]:
    with sink(log=tmp_path / "log", keep=tmp_path / "mails") as running:
        yield running


def send(one: Sink, number: int = 1) -> None:
    with smtplib.SMTP("127.0.0.1", one.port, timeout=30) as client:
        client.sendmail("digest@mail.example.org", [f"r{number}@example.org"], MAIL.format(number))


def test_every_mail_is_counted_logged_and_kept_as_it_was_written(one: Sink, tmp_path: Path) -> None:
    for number in (1, 2, 2):
        send(one, number)
    counts = one.counts()
    assert (counts["mails"], counts["message_ids"], counts["recipients"]) == (3, 2, 2)
    assert counts["ids_twice"] == ["<2@mail.example.org>"]
    assert counts["recipients_twice"] == ["r2@example.org"]
    assert [(mail.message_id, mail.recipients) for mail in read_log(tmp_path / "log")] == [
        (f"<{number}@mail.example.org>", [f"r{number}@example.org"]) for number in (1, 2, 2)
    ]
    assert (tmp_path / "mails" / "0000002").read_bytes() == MAIL.format(2).encode()


def test_dots_that_were_not_doubled_are_noticed(one: Sink, tmp_path: Path) -> None:
    send(one)
    assert (one.counts()["stuffed_lines"], one.counts()["bare_dots"]) == (2, 0)
    with socket.create_connection(("127.0.0.1", one.port), timeout=30) as client, client.makefile("rb") as answers:
        client.sendall(b"HELO me\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n")
        client.sendall(b".first\r\n..second\r\n.third\r\n.\r\nQUIT\r\n")
        assert answers.read().endswith(b"221 2.0.0 Bye\r\n")
    assert (one.counts()["stuffed_lines"], one.counts()["bare_dots"]) == (3, 2)
    assert (tmp_path / "mails" / "0000002").read_bytes() == b"first\r\n.second\r\nthird\r\n"


def test_the_log_outlives_the_server(one: Sink, tmp_path: Path) -> None:
    send(one)
    one.process.kill()
    one.process.wait()
    assert len(read_log(tmp_path / "log")) == 1


def test_commands_of_one_breath_are_answered_in_their_order(one: Sink) -> None:
    with socket.create_connection(("127.0.0.1", one.port), timeout=30) as client, client.makefile("rb") as answers:
        client.sendall(b"EHLO me\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n")
        said = [answers.readline()[:4] for _ in range(9)]
        assert said == [b"220 ", *[b"250-"] * 4, b"250 ", b"250 ", b"250 ", b"354 "]
        client.sendall(b"Message-ID:\r\n <folded@b.example>\r\n\r\nA\r\n.\r\nMAIL FROM:<a@b.example>\r\nQUIT\r\n")
        assert [answers.readline()[:3] for _ in range(3)] == [b"250", b"250", b"221"]
    assert one.counts()["message_ids"] == 1


@pytest.mark.parametrize(
    ("at", "error"),
    [
        ("greeting", smtplib.SMTPConnectError),
        ("mail", smtplib.SMTPSenderRefused),
        ("rcpt", smtplib.SMTPRecipientsRefused),
        ("data", smtplib.SMTPDataError),
        ("end", smtplib.SMTPDataError),
    ],
)
def test_it_refuses_as_often_as_told_and_takes_what_comes_next(one: Sink, at: str, error: type[Exception]) -> None:
    one.tell(refuse(at, 452, "4.2.2 full", next=1))
    with pytest.raises(error, match="452"):
        send(one)
    assert one.counts()["mails"] == 0
    send(one)
    assert one.counts()["mails"] == 1


@pytest.mark.parametrize("at", ["greeting", "ehlo", "mail", "rcpt", "data", "content", "end"])
def test_it_cuts_the_connection_where_told(one: Sink, at: str) -> None:
    one.tell(cut(at, next=1, taken=False))
    with pytest.raises((smtplib.SMTPServerDisconnected, OSError)):
        send(one)
    assert one.counts()["mails"] == 0
    one.tell(cut("end", next=1))
    with pytest.raises(smtplib.SMTPServerDisconnected):
        send(one)
    assert one.counts()["mails"] == 1  # it was taken, and nobody was told


@pytest.mark.parametrize("at", ["greeting", "ehlo", "mail", "rcpt", "data", "content", "end"])
def test_it_keeps_a_client_waiting_until_it_is_released(one: Sink, at: str) -> None:
    one.tell(stall(at))
    client = threading.Thread(target=send, args=[one])
    client.start()
    wait_until(lambda: one.counts()["stalled"] == {at: 1})
    assert client.is_alive()
    assert one.counts()["mails"] == (at == "end")
    one.tell(clear=True, release=True)
    client.join()
    assert one.counts()["mails"] == 1


def test_a_stall_has_an_end_and_a_client_that_leaves_is_kept_waiting_no_more(one: Sink) -> None:
    one.tell(stall("rcpt", 0.2, next=1))
    send(one)
    one.tell(stall("greeting"))
    with socket.create_connection(("127.0.0.1", one.port)):
        wait_until(lambda: one.counts()["stalled"] == {"greeting": 1})
    wait_until(lambda: one.counts()["stalled"] == {})


def test_a_share_is_drawn_by_its_seed_and_a_rule_may_name_a_recipient(one: Sink) -> None:
    one.tell(refuse("rcpt", 550, "5.1.1 nobody", share=0.5, seed=3))
    assert 5 < sum(refused(one, number) for number in range(40)) < 35
    one.tell(refuse("rcpt", 550, "5.1.1 nobody", to="r7@"), clear=True)
    assert [number for number in range(10) if refused(one, number)] == [7]
    with pytest.raises(ValueError, match="no server can refuse at noon"):
        one.tell(refuse("noon", 550, "5.1.1 nobody"))


def refused(one: Sink, number: int) -> bool:
    try:
        send(one, number)
    except smtplib.SMTPRecipientsRefused:
        return True
    return False


def wait_until(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.01)
