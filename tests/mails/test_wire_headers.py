"""Real digests and link mails as the bytes that a mail server received: the headers."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from digest.delivery.plan import plan
from digest.delivery.send import deliver_all
from digest.editions.open_edition import open_edition
from digest.ingest import store
from digest.models import Delivery
from subscriptions import link_requests
from subscriptions.models import LinkRequest, Subscriber
from subscriptions.tokens import digest_links, message_id, unsubscribe_url
from tests.support.factories import NOON, entry, feed, reader
from tests.support.wire import Sink, domain_of, header, parsed, parts, planned, send_links, sent, sent_twice

pytestmark = pytest.mark.django_db
DAY = NOON.date()
SITE = "https://papers.example.org"


# Every mail


def test_each_header_of_a_letter_is_there_once(every_mail: dict[str, bytes]) -> None:
    for raw in every_mail.values():
        for name in ("From", "To", "Subject", "Date", "Message-ID", "MIME-Version"):
            assert len(parsed(raw).get_all(name, [])) == 1, name
            assert header(raw, name), name
        names = [name.lower() for name in parsed(raw)]
        assert len(names) == len(set(names))


def test_no_header_begins_with_an_empty_line(every_mail: dict[str, bytes]) -> None:
    for raw in every_mail.values():
        assert not re.search(rb"^[\w-]+: *\r\n", raw.partition(b"\r\n\r\n")[0], re.M)


def test_the_message_id_is_short_and_of_the_senders_domain(every_mail: dict[str, bytes]) -> None:
    names = set()
    for raw in every_mail.values():
        line = re.search(rb"^Message-ID: *<d\.([a-z2-7]{26})@([\w.-]+)>\r\n", raw, re.M | re.I)
        assert line
        assert len(line[0].rstrip()) <= 76
        assert line[2].decode() == domain_of(header(raw, "From"))
        names.add(line[1])
    assert len(names) == len(every_mail)


def test_a_second_try_bears_the_same_name_and_date(sink: Sink) -> None:
    first, second = sent_twice(sink)
    ada = Subscriber.objects.get()
    assert header(first, "Message-ID") == header(second, "Message-ID") == Delivery.objects.get().message_id
    assert header(first, "Message-ID") == message_id("digest", f"{ada.public_id}|{DAY}")
    assert header(first, "Date") == header(second, "Date") == "Mon, 02 Mar 2026 12:00:00 +0000"
    assert parts(first) == parts(second)


def test_the_envelope_is_of_the_senders_domain_and_for_the_reader_alone(
    every_mail: dict[str, bytes], sink: Sink
) -> None:
    """So that SPF holds for the domain that the reader sees."""
    assert len(sink.envelopes) == len(every_mail)
    for raw, (mail_from, to) in zip(sink.received, sink.envelopes, strict=True):
        assert domain_of(mail_from) == domain_of(header(raw, "From"))
        assert to == [header(raw, "To")]


# Digests


def test_the_way_to_leave_is_one_raw_short_https_address_for_one_click(nothing: bytes, digest: bytes) -> None:
    for raw in (nothing, digest):
        said = header(raw, "List-Unsubscribe")
        assert said == f"<{unsubscribe_url(Subscriber.objects.get(email=header(raw, 'To')))}>"
        assert re.fullmatch(r"<https://papers\.example\.org/u/[\w-]+>", said)
        assert len(said) <= 2 + 70
        assert f"\r\nList-Unsubscribe: {said}\r\n".encode() in raw, "on one line, as it is"
        assert b"\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in raw


def test_one_click_on_it_leaves(digest: bytes) -> None:
    path = header(digest, "List-Unsubscribe").strip("<>").removeprefix(SITE)
    said = header(digest, "List-Unsubscribe-Post")
    answer = Client().post(path, said, content_type="application/x-www-form-urlencoded")
    assert answer.status_code == 200
    assert Subscriber.objects.get().status == Subscriber.Status.UNSUBSCRIBED


def test_the_list_has_one_name_for_every_reader_and_day_and_whatever_the_installation_is_called(
    sink: Sink, settings: Any
) -> None:
    planned(reader("ada"), reader("grace", wants={"category": ["cs.LG"]}), note="")
    sent(sink)
    settings.DEFAULT_FROM_EMAIL = '"Another name, 🧪" <papers@mail.example.org>'
    settings.TRANSACTIONAL_FROM_EMAIL = ""
    settings.SITE_URL = "https://elsewhere.example.org"
    tomorrow = NOON + timedelta(days=1)
    later = feed(entry(9))
    store.store(store.source_named_in(later, "file.xml"), later, now=tomorrow)
    open_edition(tomorrow.date(), now=tomorrow)
    plan(tomorrow, [reader("zoe").pk], issue_date=tomorrow.date())
    deliver_all(clock=lambda: tomorrow)
    assert [header(raw, "List-Id") for raw in sink.received] == ["Broadsheet <digest.mail.example.org>"] * 3
    assert {header(raw, "From") for raw in sink.received} > {"Broadsheet <digest@mail.example.org>"}


def test_the_lists_name_keeps_to_255_octets_of_any_domain_that_mail_has(sink: Sink, settings: Any) -> None:
    """A whole domain name is of 253 octets at most; one of 248 is the longest that a list can be named after."""
    domain = ".".join(["d" * 61] * 3 + ["e" * 58, "org"])
    assert len(domain) == 248
    settings.DEFAULT_FROM_EMAIL = f"Broadsheet <a@{domain}>"
    planned(reader("ada"), titles={1: "One"})
    (raw,) = sent(sink)
    name = header(raw, "List-Id").removeprefix("Broadsheet <").removesuffix(">")
    assert name == f"digest.{domain}"
    assert len(name) <= 255


def test_no_machine_is_to_answer(nothing: bytes, digest: bytes, link_mails: dict[str, bytes]) -> None:
    for raw in (nothing, digest):
        assert header(raw, "Auto-Submitted") == "auto-generated"
        assert header(raw, "X-Auto-Response-Suppress") == "All"
        assert header(raw, "Precedence") == "bulk"
    assert {header(raw, "Auto-Submitted") for raw in link_mails.values()} == {"auto-generated"}


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("List-Help", r"<https://papers\.example\.org/>"),
        ("List-Owner", r"<mailto:digest@mail\.example\.org>"),
        ("List-Archive", r"<https://papers\.example\.org/d/[\w-]+>"),
        ("List-Post", "NO"),
        ("Feedback-ID", r"20260302:digest:bulk:tmailexampleorg"),
    ],
)
def test_the_list_says_where_help_owner_and_archive_are(nothing: bytes, digest: bytes, name: str, form: str) -> None:
    for raw in (nothing, digest):
        assert re.fullmatch(form, header(raw, name) if name in parsed(raw) else "")


def test_help_and_archive_are_pages_and_the_archive_is_the_copy_of_this_mail(digest: bytes) -> None:
    addresses = [header(digest, name).strip("<>") for name in ("List-Help", "List-Archive")]
    assert addresses[1] == digest_links(Subscriber.objects.get(), DAY).web_copy
    copy = [Client().get(address.removeprefix(SITE)) for address in addresses]
    assert [page.status_code for page in copy] == [200, 200]
    assert "Monday, 2 March 2026" in copy[1].content.decode()


# To whom


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
    assert to.display_name == "", "no name stands before an address: none can break the header"
    assert len(parsed(raw).get_all("To")) == 1
    assert f"\r\nTo: {address}\r\n".encode() in raw


@pytest.mark.parametrize(
    "address",
    [
        "ada@example.org\r\nBcc: eve@example.org",
        "ada@example.org, eve@example.org",
        "Ada <ada@example.org>",
        '"Ada, “the first” 🧪" <ada@example.org>',
        '"' + "A" * 321 + '" <ada@example.org>',
        "Ada\r\n <ada@example.org>",
        "a" * 1_000 + "@example.org",
    ],
    ids=["injected", "two", "named", "comma-quote-emoji", "long-name", "name-of-two-lines", "endless"],
)
def test_an_address_with_a_name_or_that_would_break_a_header_gets_nothing(sink: Sink, address: str) -> None:
    planned(reader("ada", email=address), titles={1: "One"})
    assert sent(sink) == []
    assert Delivery.objects.get().status == Delivery.Status.FAILED


# The mails that carry a link


def test_a_link_mail_is_no_list_mail(link_mails: dict[str, bytes]) -> None:
    assert len(link_mails) == len(link_requests.LINK)
    for raw in link_mails.values():
        assert not [name for name in parsed(raw) if name.lower().startswith(("list-", "feedback-", "precedence"))]


def test_a_link_mail_is_of_another_stream(digest: bytes, link_mails: dict[str, bytes]) -> None:
    assert header(digest, "From") == "Broadsheet <digest@mail.example.org>"
    assert {header(raw, "From") for raw in link_mails.values()} == {"Broadsheet <account@notice.example.org>"}


def test_where_there_is_no_other_stream_link_mails_come_from_where_digests_do(sink: Sink, settings: Any) -> None:
    settings.TRANSACTIONAL_FROM_EMAIL = ""
    for raw in send_links(sink, reader("grace")).values():
        assert header(raw, "From") == settings.DEFAULT_FROM_EMAIL
        assert domain_of(header(raw, "Message-ID")) == "mail.example.org"


def test_a_request_is_answered_by_one_such_mail(sink: Sink) -> None:
    ada, now = reader("ada"), timezone.now()
    LinkRequest.objects.create(kind=LinkRequest.Kind.SIGN_IN, email=ada.email, asked_at=now)
    link_requests.process_pending(now)
    (raw,) = sink.received
    assert parsed(raw)["To"] == ada.email
    assert "/s/" in parts(raw)[0]
