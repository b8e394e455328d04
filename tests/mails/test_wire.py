"""Real digests and link mails as the bytes that a mail server received (EMAIL.md a and b)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from django.utils import timezone

from digest import delivering, ingest, planning, publishing
from digest.models import CuratorPick, Delivery, Paper
from subscriptions import answering
from subscriptions.links import message_id
from subscriptions.models import LoginToken, MailRequest, Subscriber
from subscriptions.sending import Door, Purpose
from tests.factories import NOON, entry, feed, reader
from tests.services import free_port

pytestmark = pytest.mark.django_db
TITLES = {
    1: "Ordinary words",
    2: "触覚と視覚の統合 " * 30,
    3: "Title\r\nBcc: eve@example.org\r\n\r\n<script>alert(1)</script>",
    4: "Turned \u202eround\u202c, \x00 and \ud800 and \u200b too",
    5: "W" * 10_000,
    6: "نماذج لغوية صغيرة للترجمة",
}


class Sink:
    """Keeps each mail as it came."""

    def __init__(self) -> None:
        self.received: list[bytes] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.received.append(envelope.original_content)
        return "250 OK"


@pytest.fixture
def sink(settings: Any) -> Iterator[Sink]:
    handler, port = Sink(), free_port()
    controller = Controller(handler, hostname="127.0.0.1", port=port)
    controller.start()
    settings.EMAIL_BACKEND, settings.MAIL_PROVIDER = "django.core.mail.backends.smtp.EmailBackend", "smtp"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
    settings.DEFAULT_FROM_EMAIL = "Broadsheet <digest@mail.example.org>"
    settings.SITE_URL = "https://papers.example.org"
    yield handler
    controller.stop()


def planned(*readers: Subscriber, titles: dict[int, str] = TITLES) -> None:
    shown = feed(
        *(
            entry(number, title=title, abstract="Größe – “wie oft?” 佐藤 花子. " * 40, authors=("Élodie Châtel",) * 9)
            for number, title in titles.items()
        )
    )
    ingest.store(ingest.source_named_in(shown, "file.xml"), shown, now=NOON)
    publishing.open_edition(NOON.date(), now=NOON)
    pick = Paper.objects.order_by("pk").last()
    CuratorPick.objects.create(paper=pick, edition_date=NOON.date(), note="Read this, “at last”.\r\nX: y")
    planning.plan(NOON, [one.pk for one in readers], issue_date=NOON.date())


def sent(sink: Sink) -> list[bytes]:
    delivering.deliver_all(clock=lambda: NOON)
    return sink.received


@pytest.fixture
def digest(sink: Sink) -> bytes:
    """Ada's digest of a hostile morning."""
    planned(reader("ada", wants={"category": ["cs.LG"]}))
    (raw,) = sent(sink)
    return raw


@pytest.fixture
def link_mails(sink: Sink) -> list[bytes]:
    """One of each kind, to Grace."""
    before, grace = len(sink.received), reader("grace")
    with Door() as door:
        for name, link in answering.LINK.items():
            purpose = Purpose.SIGN_IN if link == LoginToken.Purpose.SIGN_IN else Purpose.CONFIRMATION
            mail = answering.compose(name, link=link, token="8fKx2LmQz1vTb0aYq7WcRd")
            door.send(grace, mail, purpose=purpose, message_id=message_id("link", name), dated_at=NOON)
    return sink.received[before:]


def parsed(raw: bytes) -> EmailMessage:
    return message_from_bytes(raw, policy=policy.default)


def parts(raw: bytes) -> tuple[str, str]:
    """The words of the text part and of the HTML part."""
    text, html = (part.get_content() for part in parsed(raw).iter_parts())
    return text, html


def header(raw: bytes, name: str) -> str:
    """As it was written, unfolded."""
    head = raw.partition(b"\r\n\r\n")[0].decode("ascii")
    (found,) = re.findall(rf"^{name}:([^\r\n]*(?:\r\n[ \t][^\r\n]*)*)", head, re.M | re.I)
    return re.sub(r"\r\n(?=[ \t])", "", found).strip()


# The message


def test_both_parts_are_there_text_first_with_the_same_papers_in_the_same_order(digest: bytes) -> None:
    text, html = parts(digest)
    assert [part.get_content_type() for part in parsed(digest).iter_parts()] == ["text/plain", "text/html"]
    papers = [re.findall(r"https://arxiv\.org/abs/[\d.]+", part) for part in (text, html)]
    assert papers[0] == papers[1]
    assert len(papers[0]) == len(set(papers[0])) == len(TITLES)


def test_the_text_part_is_written_for_reading(digest: bytes) -> None:
    text, _ = parts(digest)
    for line in text.splitlines():
        assert len(line) <= 78 or line.strip().startswith("https://"), line
        assert "https://" not in line or re.fullmatch(r" *https://\S+", line), line  # a link stands alone, whole
    assert not re.search(r"</?(p|td|tr|table|a|span|div|h[1-3])\b|&(amp|lt|nbsp|#\d+);", text)
    assert "\n\n\n\n" not in text


def test_no_line_is_too_long_and_no_line_end_stands_alone(digest: bytes, link_mails: list[bytes]) -> None:
    for raw in [digest, *link_mails]:
        assert max(len(line) for line in raw.split(b"\r\n")) <= 998
        assert not re.search(rb"\r(?!\n)|(?<!\r)\n", raw)
        for part in parsed(raw).iter_parts():
            decoded = part.get_payload(decode=True)
            assert max(len(line) for line in decoded.split(b"\n")) <= 998, "nor once it is decoded"


def test_every_octet_has_seven_bits_and_each_part_says_how(digest: bytes, link_mails: list[bytes]) -> None:
    for raw in [digest, *link_mails]:
        assert raw.isascii()
        assert b"\0" not in raw
        for part in parsed(raw).iter_parts():
            assert part["Content-Transfer-Encoding"] in ("quoted-printable", "base64", "7bit")
            assert part.get_content_charset() == "utf-8"
        _, *bodies, _ = raw.split(b"--" + parsed(raw).get_boundary().encode())
        assert len(bodies) == 2
        for body in bodies:
            assert all(len(line) <= 76 for line in body.split(b"\r\n"))


def test_hostile_papers_make_no_header_and_no_element(digest: bytes) -> None:
    text, html = parts(digest)
    assert parsed(digest)["Bcc"] is None
    assert parsed(digest)["X"] is None
    assert "<script" not in html
    assert not re.search("[\0\u202a-\u202e\u2066-\u2069\ud800-\udfff]", text + html)
    assert len(html.encode()) <= 90_000


@pytest.mark.parametrize("title", TITLES.values(), ids=["plain", "wide", "injected", "turned", "long", "arabic"])
def test_the_subject_is_one_line_of_78_characters_with_the_date(sink: Sink, title: str) -> None:
    planned(reader("ada", wants={"category": ["cs.LG"]}), titles={1: title})
    (raw,) = sent(sink)
    subject = parsed(raw)["Subject"].strip()
    assert subject.startswith("2 Mar: ")
    assert 10 < len(subject) <= 78
    assert subject.isprintable()
    assert header(raw, "Subject").isascii()
    assert "=?" not in header(raw, "Subject") or re.fullmatch(r"(=\?utf-8\?[qb]\?\S+\?=\s*)+", header(raw, "Subject"))


def test_no_header_begins_with_an_empty_line(digest: bytes) -> None:
    assert not re.search(rb"^[\w-]+: *\r\n", digest.partition(b"\r\n\r\n")[0], re.M)


def test_a_second_try_is_the_same_mail_to_the_byte(sink: Sink) -> None:
    planned(reader("ada", wants={"category": ["cs.LG"]}))
    sent(sink)
    Delivery.objects.update(status=Delivery.Status.RETRY_WAIT, not_before=None)
    delivering.sweep(NOON + timedelta(minutes=1))
    first, second = sent(sink)
    assert first == second


# Its headers


def test_a_second_try_bears_the_same_name_and_date(sink: Sink) -> None:
    planned(reader("ada", wants={"category": ["cs.LG"]}))
    sent(sink)
    Delivery.objects.update(status=Delivery.Status.RETRY_WAIT, not_before=None)
    delivering.sweep(NOON + timedelta(minutes=1))
    first, second = sent(sink)
    assert header(first, "Message-ID") == header(second, "Message-ID") == Delivery.objects.get().message_id
    assert header(first, "Date") == header(second, "Date")
    assert parts(first) == parts(second)


def test_each_header_of_a_letter_is_there_once(digest: bytes, link_mails: list[bytes]) -> None:
    for raw in [digest, *link_mails]:
        for name in ("From", "To", "Subject", "Date", "Message-ID", "MIME-Version"):
            assert len(parsed(raw).get_all(name, [])) == 1, name
        names = [name.lower() for name in parsed(raw)]
        assert len(names) == len(set(names))


def test_the_way_to_leave_is_one_raw_short_https_address_for_one_click(digest: bytes) -> None:
    said = header(digest, "List-Unsubscribe")
    assert re.fullmatch(r"<https://papers\.example\.org/u/[\w-]+>", said)
    assert len(said) <= 2 + 70
    assert header(digest, "List-Unsubscribe-Post") == "List-Unsubscribe=One-Click"


def test_the_list_has_one_name_for_every_reader_and_day(sink: Sink) -> None:
    planned(reader("ada"), reader("grace", wants={"category": ["cs.LG"]}))
    names = {header(raw, "List-Id") for raw in sent(sink)}
    assert names == {"Broadsheet <digest.mail.example.org>"}


def test_no_machine_is_to_answer_a_digest(digest: bytes, link_mails: list[bytes]) -> None:
    assert header(digest, "Auto-Submitted") == "auto-generated"
    assert header(digest, "X-Auto-Response-Suppress") == "All"
    assert header(digest, "Precedence") == "bulk"
    assert {header(raw, "Auto-Submitted") for raw in link_mails} == {"auto-generated"}


def test_the_message_id_is_short_and_of_the_senders_domain(digest: bytes, link_mails: list[bytes]) -> None:
    for raw in [digest, *link_mails]:
        line = re.search(rb"^Message-ID: *<[\w.+-]+@mail\.example\.org>\r\n", raw, re.M | re.I)
        assert line
        assert len(line[0].rstrip()) <= 76


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("List-Help", r"<https://papers\.example\.org/\S*>"),
        ("List-Owner", r"<mailto:[^@\s]+@\S+>"),
        ("List-Archive", r"<https://papers\.example\.org/\S*>"),
        ("List-Post", "NO"),
        ("Feedback-ID", r"[\w.-]+:digest:bulk:[\w.-]{5,15}"),
    ],
)
def test_the_list_says_where_help_owner_and_archive_are(digest: bytes, name: str, form: str) -> None:
    assert re.fullmatch(form, header(digest, name) if name in parsed(digest) else "")


@pytest.mark.parametrize(
    "address",
    [
        "ada@example.org",
        '"ada, the first"@example.org',
        "o'hara+papers@example.org",
        "ada@xn--bcher-kva.example",
        "a" * 64 + "@" + "b" * 60 + ".example.org",
    ],
)
def test_an_odd_address_gets_its_mail_and_breaks_no_header(sink: Sink, address: str) -> None:
    planned(reader("ada", email=address), titles={1: "One"})
    (raw,) = sent(sink)
    (to,) = parsed(raw)["To"].addresses
    assert to.addr_spec == address
    assert to.display_name == ""
    assert len(parsed(raw).get_all("To")) == 1
    assert all(len(line) <= 998 for line in raw.split(b"\r\n"))


@pytest.mark.parametrize("address", ["ada@example.org\r\nBcc: eve@example.org", "ada@example.org, eve@example.org"])
def test_an_address_that_would_break_a_header_gets_nothing(sink: Sink, address: str) -> None:
    planned(reader("ada", email=address), titles={1: "One"})
    assert sent(sink) == []
    assert Delivery.objects.get().status == Delivery.Status.FAILED


# The mails that carry a link


def test_a_link_mail_is_no_list_mail_and_holds_its_link_in_both_parts(link_mails: list[bytes]) -> None:
    assert len(link_mails) == len(answering.LINK)
    for raw in link_mails:
        assert not [name for name in parsed(raw) if name.lower().startswith(("list-", "feedback-", "precedence"))]
        assert all("8fKx2LmQz1vTb0aYq7WcRd" in part for part in parts(raw))
        assert "arxiv.org" not in "".join(parts(raw))


def test_a_request_is_answered_by_one_such_mail(sink: Sink) -> None:
    ada, now = reader("ada"), timezone.now()
    MailRequest.objects.create(kind=MailRequest.Kind.SIGN_IN, email=ada.email, asked_at=now)
    answering.answer_all(now)
    (raw,) = sink.received
    assert parsed(raw)["To"] == ada.email
    assert "/s/" in parts(raw)[0]
