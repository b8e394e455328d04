"""Digests through a real mail server that signs them: the signature holds, and covers what lets a reader leave."""

from __future__ import annotations

import re
from datetime import date
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import dkim
import pytest

from digest.delivery.plan import plan
from digest.delivery.send import deliver_all
from digest.editions.open_edition import open_edition
from digest.ingest import store
from digest.models import Delivery
from subscriptions.tokens import UNSUBSCRIBE, token_for
from tests.support.factories import NOON, entry, feed, reader
from tests.support.opensmtpd import SIGNED, SigningServer
from tests.support.services import ROOT

pytestmark = pytest.mark.django_db
TITLE = "触覚と視覚の統合: ∀ε∃δ, Ünïcode – “and more”"
LIST = {"list-id", "list-unsubscribe", "list-unsubscribe-post", "list-help", "list-owner", "list-archive", "list-post"}
LETTER = {"from", "to", "subject", "date", "message-id", "mime-version", "content-type"}
COVERED = LETTER | LIST | {"auto-submitted", "feedback-id"}


@pytest.fixture
def digests(signing_server: SigningServer, settings: Any) -> list[bytes]:
    """Those of Ada and Grace, as they lie in the mailbox."""
    settings.EMAIL_BACKEND, settings.MAIL_PROVIDER = "subscriptions.mail.backends.smtp.EmailBackend", "smtp"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", signing_server.port
    settings.DEFAULT_FROM_EMAIL = f"Broadsheet <digest@{signing_server.domain}>"
    settings.SITE_URL = "https://papers.example.org"
    people = [reader(name, wants={"category": ["cs.LG"]}) for name in ("ada", "grace")]
    shown = feed(entry(1, title=TITLE, abstract="Élodie Châtel und 佐藤 花子 zeigen es. " * 9), entry(2), entry(3))
    store.store(store.source_named_in(shown, "file.xml"), shown, now=NOON)
    open_edition(NOON.date(), now=NOON)
    plan(NOON, [one.pk for one in people], issue_date=NOON.date())
    assert deliver_all(clock=lambda: NOON).counts["accepted"] == 2
    return sorted(signing_server.mails(2), key=lambda raw: str(parsed(raw)["To"]))


def parsed(raw: bytes) -> EmailMessage:
    return message_from_bytes(raw, policy=policy.default)


def signature(raw: bytes) -> dict[str, str]:
    """The tags of its DKIM-Signature."""
    tags = re.sub(r"\s", "", parsed(raw)["DKIM-Signature"]).split(";")
    return dict(tag.split("=", 1) for tag in tags if tag)


def test_every_digest_bears_a_signature_that_holds(digests: list[bytes], signing_server: SigningServer) -> None:
    assert [parsed(raw)["To"] for raw in digests] == ["ada@example.org", "grace@example.org"]
    assert [dkim.verify(raw, dnsfunc=signing_server.dns) for raw in digests] == [True, True]


def test_a_change_in_the_body_or_in_how_to_leave_is_seen(digests: list[bytes], signing_server: SigningServer) -> None:
    raw = digests[0]
    token = token_for(UNSUBSCRIBE, Delivery.objects.get(subscriber__email="ada@example.org").subscriber).encode()
    changes = {
        "one click": (b"List-Unsubscribe=One-Click", b"List-Unsubscribe=Two-Click"),
        "where to leave": (token, token[:-1] + bytes([token[-1] ^ 1])),
        "list": (b"List-Id: Broadsheet", b"List-Id: Broadside"),
        "body": (b"careful measurement", b"careless measurement"),
        "sender": (b"From: Broadsheet", b"From: Broadshoot"),
        "feedback loop": (b":digest:bulk:", b":digest:bolk:"),
    }
    for what, (before, after) in changes.items():
        assert raw.count(before), what
        assert dkim.verify(raw.replace(before, after, 1), dnsfunc=signing_server.dns) is False, what


def test_the_signature_is_of_the_senders_domain_and_covers_every_header_that_counts(digests: list[bytes]) -> None:
    for raw in digests:
        tags = signature(raw)
        covered = set(tags["h"].lower().split(":"))
        there = {name.lower() for name in parsed(raw)}
        assert there >= COVERED
        assert covered >= COVERED
        assert parsed(raw)["From"].addresses[0].domain == tags["d"]
        assert parsed(raw)["Return-Path"].strip("<> ").endswith(f"@{tags['d']}")  # of the envelope, for SPF
        assert "l" not in tags  # it covers the whole body
        assert tags["c"] == "relaxed/relaxed"  # and survives a relay that folds headers anew


def test_the_operators_are_told_to_sign_the_same_headers() -> None:
    (told,) = re.findall(r"filter-dkimsign .* -h (\S+)\"", (ROOT / "docs" / "operators.md").read_text())
    assert told == SIGNED


def test_all_scripts_arrive_and_the_wire_was_seven_bit(digests: list[bytes]) -> None:
    for raw in digests:
        assert raw.isascii()
        mail = parsed(raw)
        assert mail["Subject"].strip().startswith(f"2 Mar, 3 papers: {TITLE}")
        for part in mail.iter_parts():
            words = " ".join(part.get_content().split())
            assert TITLE in words
            assert "Élodie Châtel und 佐藤 花子 zeigen es." in words
        assert mail["Date"].datetime.date() == date(2026, 3, 2)
