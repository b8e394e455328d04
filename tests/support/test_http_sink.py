"""The stand-in for mail providers that the tests of sending count on, asked as Anymail asks it."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.smtp_sink import Sink, cut, read_log, refuse, sink, stall

pytestmark = pytest.mark.service
FRESH = {"Message-ID": "<1@mail.example.org>", "X-Metadata": '{"reference": "1"}'}
RESEND = {"from": "a@mail.example.org", "to": ["Ada <ada@example.org>"], "headers": FRESH}
POSTMARK = {
    "From": "a@mail.example.org",
    "To": "Ada <ada@example.org>",
    "Headers": [{"Name": "Message-ID", "Value": "<1@mail.example.org>"}],
    "Metadata": {"reference": "1"},
}
ASKED = pytest.mark.parametrize(("path", "mail"), [("/email", POSTMARK), ("/emails", RESEND)])


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Sink]:
    with sink(log=tmp_path / "log", keep=tmp_path / "mails", module="tests.support.http_sink") as running:
        yield running


def ask(one: Sink, path: str, mail: Any, **headers: str) -> tuple[int, Any, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", one.port, timeout=30)
    try:
        connection.request("POST", path, json.dumps(mail), headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read()), answer.headers
    finally:
        connection.close()


@ASKED
def test_a_mail_is_counted_under_the_message_id_that_was_asked_for(
    one: Sink, tmp_path: Path, path: str, mail: dict[str, Any]
) -> None:
    status, said, _ = ask(one, path, mail)
    assert status == 200
    assert said.get("MessageID", said.get("id"))
    (taken,) = read_log(tmp_path / "log")
    assert (taken.message_id, taken.recipients) == ("<1@mail.example.org>", ["ada@example.org"])
    assert json.loads((tmp_path / "mails" / "0000001").read_text()) == mail
    ask(one, path, mail)
    assert one.counts()["recipients_twice"] == ["ada@example.org"]


def test_an_idempotency_key_gives_the_first_answer_again_and_takes_no_second_mail(one: Sink) -> None:
    key = {"Idempotency-Key": "digest/1"}
    first = ask(one, "/emails", RESEND, **key)
    assert ask(one, "/emails", RESEND, **key)[:2] == first[:2]
    assert ask(one, "/emails", {**RESEND, "subject": "other"}, **key)[0] == 409
    counts = one.counts()
    assert (counts["mails"], counts["repeats"]) == (1, {"same": 1, "other": 1})
    one.tell(refuse("end", 500, "oh", taken=True, next=1))
    ask(one, "/emails", RESEND, **{"Idempotency-Key": "digest/2"})
    status, said, _ = ask(one, "/emails", RESEND, **{"Idempotency-Key": "digest/2"})
    assert (status, list(said), one.counts()["mails"]) == (200, ["id"], 2)


@ASKED
def test_it_answers_429_with_its_header_and_500_after_it_took_the_mail(
    one: Sink, path: str, mail: dict[str, Any]
) -> None:
    one.tell(refuse("end", 429, "slowly", headers={"Retry-After": "2"}, next=1))
    status, said, headers = ask(one, path, mail)
    assert (status, headers["Retry-After"], said["message"]) == (429, "2", "slowly")
    assert one.counts()["mails"] == 0
    one.tell(refuse("end", 500, "oh", taken=True, next=1))
    assert ask(one, path, mail)[0] == 500
    assert one.counts()["mails"] == 1
    one.tell(refuse("end", 200, '{"ErrorCode": 406, "Message": "inactive"}', next=1))
    assert ask(one, path, mail)[:2] == (200, {"ErrorCode": 406, "Message": "inactive"})
    assert one.counts()["mails"] == 1


def test_postmark_judges_each_mail_of_a_batch_and_resend_all_at_once(one: Sink) -> None:
    ben = {**POSTMARK, "To": "ben@example.org"}
    one.tell(refuse("end", 200, '{"ErrorCode": 406, "Message": "inactive"}', to="ben@"))
    status, (first, second), _ = ask(one, "/email/batch", [POSTMARK, ben])
    assert (status, first["ErrorCode"], second["ErrorCode"]) == (200, 0, 406)
    assert one.counts()["mails"] == 1
    status, said, _ = ask(one, "/emails/batch", [RESEND, RESEND])
    assert (status, len(said["data"])) == (200, 2)
    one.tell(refuse("end", 429, "slowly"), clear=True)
    assert ask(one, "/emails/batch", [RESEND, RESEND])[0] == 429
    assert one.counts()["mails"] == 3


@pytest.mark.parametrize("at", ["greeting", "content", "end"])
def test_it_hangs_and_cuts_where_told(one: Sink, at: str) -> None:
    one.tell(cut(at, next=1))
    with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
        ask(one, "/email", POSTMARK)
    assert one.counts()["mails"] == (at == "end")
    one.tell(stall(at))
    client = threading.Thread(target=ask, args=[one, "/email", POSTMARK])
    client.start()
    deadline = time.monotonic() + 60
    while one.counts()["stalled"] != {at: 1}:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    one.tell(clear=True, release=True)
    client.join()
    assert one.counts()["mails"] == 1 + (at == "end")
