"""Header lines as octets: what they may hold, where they may fold, and that every parser reads the same out of them."""

from __future__ import annotations

import re
from datetime import date, timedelta
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from typing import Any

import pytest
from hypothesis import given as generated
from hypothesis import strategies as st

from subscriptions.mail.encodings import JSON_STRING, QUOTED_PRINTABLE
from subscriptions.mail.headers import LONGEST, Headers, header_lines
from subscriptions.mail.message import EncodedMessage
from subscriptions.mail.rendering import RenderedEmail, one_line
from subscriptions.mail.template_cache import JoinedEmail
from subscriptions.models import Subscriber
from tests.support.factories import NOON

ADA = Subscriber(public_id="A" * 22, email="ada@example.org")
SENDER = "Broadsheet <digest@mail.example.org>"
EMAIL = RenderedEmail("2 Mar: Ünïcode", "Größe – “wie oft?”\n", "<p>Größe – “wie oft?”</p>\n")


def given(*, subject: str = "2 Mar: One", sender: str = SENDER, address: str = ADA.email) -> Headers:
    return Headers(ADA, subject, sender, address, "<d.abc@mail.example.org>", NOON, date(2026, 3, 2))


def headers(**values: str) -> list[tuple[str, str]]:
    return given(**values).fields()


def read(lines: bytes, name: str) -> str:
    """As a reader's program shows it."""
    return str(message_from_bytes(lines + b"\r\n", policy=policy.default)[name])


@pytest.mark.parametrize(
    "subject",
    [
        "2 Mar: Ordinary words",
        "2 Mar: " + "word " * 14 + "end",
        "2 Mar: " + "W" * 71,
        "2 Mar: " + "触覚と視覚の統合" * 8,
        "2 Mar: 🧪" + "é" * 60,
        "2 Mar: =?utf-8?q?not_encoded?=",
        "2 Mar: two  spaces",
    ],
)
def test_a_subject_is_read_as_it_was_meant_and_its_lines_are_short(subject: str) -> None:
    lines = header_lines([("Subject", subject)])
    assert read(lines, "Subject") == subject
    first, *others = lines.removesuffix(b"\r\n").split(b"\r\n")
    assert re.match(rb"Subject: \S", first)
    assert all(re.match(rb" \S", line) for line in others)
    assert all(len(line) <= 76 for line in (first, *others) if b"WWW" not in line)


@generated(st.text(min_size=1, max_size=200).map(lambda text: one_line(text).strip()))
def test_any_subject_comes_through(subject: str) -> None:
    lines = header_lines([("Subject", subject)])
    assert lines.isascii()
    assert not re.search(rb"\r(?!\n)|(?<!\r)\n|\n(?![ \t]|$)", lines)
    assert read(lines, "Subject") == subject


@pytest.mark.parametrize("value", ["a\r\nBcc: eve@example.org", "a\nb", "a\rb", "a\0b", "a\x1bb", "\ud800", "W" * 999])
@pytest.mark.parametrize("name", ["Subject", "List-Id"])
def test_what_would_break_a_line_is_refused(name: str, value: str) -> None:
    with pytest.raises(ValueError):
        header_lines([(name, value)])


def test_only_from_and_subject_are_folded(settings: Any) -> None:
    settings.SITE_URL = "https://a-rather-long-name-for-a-host.papers.example.org"
    lines = header_lines(headers(subject="2 Mar: " + "word " * 14, sender=f"{'Größe der Zeitung ' * 5}<d@example.org>"))
    folded = re.findall(rb"^([\w-]+):[^\r\n]*\r\n[ \t]", lines, re.M)
    assert folded == [b"From", b"Subject"]
    said = str(make_header(decode_header(message_from_bytes(lines)["From"])))
    assert said == f"{'Größe der Zeitung ' * 5}<d@example.org>"
    assert not re.search(rb"^[\w-]+:\s*\r\n", lines, re.M)


@pytest.mark.parametrize(
    ("address", "written"),
    [
        ("o'hara+papers@example.org", "o'hara+papers@example.org"),
        ('"ada, the first"@example.org', '"ada, the first"@example.org'),
        ("ada@bücher.example", "ada@xn--bcher-kva.example"),
    ],
)
def test_an_address_is_written_bare(address: str, written: str) -> None:
    assert dict(headers(address=address))["To"] == written


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ada",
        "ada@example.org\r\nBcc: eve@example.org",
        "ada@example.org, eve@example.org",
        "Ada, “the first” 🧪 <ada@example.org>",
        "ädä@example.org",
        "ada\0@example.org",
        "ada@example.org\ud800",
    ],
)
def test_an_address_that_no_header_can_hold_is_refused(address: str) -> None:
    with pytest.raises(ValueError):
        header_lines(headers(address=address))


@pytest.mark.parametrize(
    ("domain", "name"),
    [
        ("mail.example.org", "tmailexampleorg"),
        ("x.io", "digestxio"),
        ("a-very-long-name.papers.example.org", "apersexampleorg"),
    ],
)
def test_the_feedback_loop_knows_the_sender_by_5_to_15_characters(settings: Any, domain: str, name: str) -> None:
    settings.DEFAULT_FROM_EMAIL = f"Broadsheet <digest@{domain}>"
    assert dict(headers())["Feedback-ID"] == f"20260302:digest:bulk:{name}"
    assert 5 <= len(name) <= 15


@pytest.mark.parametrize(
    ("contact", "owner"),
    [
        ("", "<mailto:digest@mail.example.org>"),
        ("Editor <editor@example.org>", "<mailto:editor@example.org>"),
        ("https://example.org/@editor", "<mailto:digest@mail.example.org>"),
        ("a@b.org>\r\nBcc: eve@example.org", "<mailto:digest@mail.example.org>"),
    ],
)
def test_the_owner_is_whom_to_contact(settings: Any, contact: str, owner: str) -> None:
    settings.CONTACT = contact
    assert dict(headers())["List-Owner"] == owner


def plain(one: Headers) -> bytes:
    return header_lines([*one.fields(), ("Content-Type", 'multipart/alternative; boundary="=_abc"')])


@pytest.mark.parametrize("site", ["https://papers.example.org", "https://papers.example.org/100%25 %s"])
@pytest.mark.parametrize("sender", [SENDER, f"{'100 % %s of it ' * 6}<d@example.org>", "Größe 5 % <d@example.org>"])
@pytest.mark.parametrize(
    "subject", ["2 Mar: One", "2 Mar: 100 % %s " + "word " * 14, "2 Mar: " + "触覚と視覚の統合" * 8]
)
@pytest.mark.parametrize("address", ["ada@example.org", "ada%s@bücher.example", '"ada, 5 %s"@example.org'])
def test_the_head_of_a_day_filled_in_is_the_lines_of_all_fields(
    settings: Any, site: str, sender: str, subject: str, address: str
) -> None:
    settings.SITE_URL, settings.DEFAULT_FROM_EMAIL = site, sender
    one = given(subject=subject, sender=sender, address=address)
    assert one.octets("=_abc") == plain(one)
    settings.CONTACT = "Editor <editor@example.org>"
    other = one._replace(subscriber=Subscriber(public_id="B" * 22), dated_at=NOON + timedelta(days=1))
    assert other.octets("=_abc") == plain(other)
    for kind in ({"issue_date": None}, {"issue_date": None, "announcement": 7}, {"issue_date": date(2026, 3, 3)}):
        assert one._replace(**kind).octets("=_abc") == plain(one._replace(**kind))


@pytest.mark.parametrize(
    "values",
    [
        {"address": "ada@example.org\r\nBcc: eve@example.org"},
        {"message_id": "<d.a\r\nBcc: eve@example.org>"},
        {"message_id": "<d.ä@mail.example.org>"},
        {"message_id": f"<d.{'a' * LONGEST}@mail.example.org>"},
        {"subject": "a\r\nBcc: eve@example.org"},
        {"subscriber": Subscriber(public_id="A\r\nBcc: eve@example.org")},
    ],
)
def test_what_would_break_a_line_is_refused_in_the_head_of_a_day_too(values: Any) -> None:
    with pytest.raises(ValueError):
        given()._replace(**values).octets("=_abc")


@pytest.mark.parametrize("length", [LONGEST - 200, LONGEST - len("Message-ID: "), LONGEST])
def test_a_long_value_has_a_line_of_its_own_or_is_refused(length: int) -> None:
    one = given()._replace(message_id=f"<{'a' * (length - 2)}>")
    if length < LONGEST:
        assert one.octets("=_abc") == plain(one)
    else:
        with pytest.raises(ValueError):
            one.octets("=_abc")


def test_a_letter_is_the_same_octets_each_time_however_its_parts_were_made() -> None:
    joined = [
        JoinedEmail(EMAIL.subject, [way.encode(EMAIL.text)], [way.encode(EMAIL.html)], way)
        for way in (QUOTED_PRINTABLE, JSON_STRING)
    ]
    first, *others = (
        EncodedMessage(email, given(subject=email.subject)).message().as_bytes() for email in (EMAIL, EMAIL, *joined)
    )
    assert others == [first] * 3
    text, html = message_from_bytes(first, policy=policy.default).iter_parts()
    assert (text.get_content().replace("\r\n", "\n"), html.get_content().replace("\r\n", "\n")) == (
        EMAIL.text,
        EMAIL.html,
    )


def test_no_part_can_hold_the_boundary_between_them() -> None:
    boundary = "--=_abc"
    email = RenderedEmail("2 Mar: One", f"{boundary}\n{boundary}--\n", f"<p>\n{boundary}\n</p>\n")
    raw = EncodedMessage(email, given()).message().as_bytes()
    mail = message_from_bytes(raw, policy=policy.default)
    assert mail.get_boundary() == "=_abc"
    assert [part.get_content().replace("\r\n", "\n") for part in mail.iter_parts()] == [email.text, email.html]
    assert max(len(line) for line in raw.partition(b"\r\n\r\n")[2].split(b"\r\n")) <= 76


def test_a_word_that_no_octets_can_hold_is_refused_before_anything_leaves() -> None:
    with pytest.raises(ValueError):
        EncodedMessage(RenderedEmail("One", "\ud800\n", "<p>x</p>\n"), given())
