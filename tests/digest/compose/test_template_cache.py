"""A mail that is joined is what a full render makes: the same words, for every reader, from pieces that were made once."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from digest.compose import emails, template_cache
from digest.compose.build import Digest, Reader, Sender, compose
from digest.compose.card import Card, Fact, card_for
from digest.compose.completeness import SourceCount, completeness_in_words
from digest.compose.letter import read_letter
from digest.compose.reasons import Reason
from digest.compose.size_limit import HTML_BYTES, fit, size_of
from digest.compose.template_cache import TemplateCache
from digest.models import Delivery
from subscriptions.mail.encodings import JSON_STRING, QUOTED_PRINTABLE, Encoding
from subscriptions.mail.template_cache import JoinedEmail
from tests.support.digests import with_texts

CARDS = [
    card_for(
        identifier=f"arxiv:2603.{number:05}",
        title=title,
        authors=[f"Ada {letter}" for letter in "ABCDEF"],
        url=f"https://arxiv.org/abs/2603.{number:05}?100%=1&x=<y>",
        abstract="We measure. " * 50,
        source="arXiv",
        category="cs.LG",
        category_name="Machine Learning",
        facts=[Fact(73, "upvote", "Hugging Face")],
    )
    for number, title in enumerate(
        [
            "Ünï <b>cödé</b> & 100 % of it",
            "\ue000why\ue001 a mark",
            "{{ 7*7 }} %s %b",
            "日本語 🎉 " * 20,
            "=?utf-8?q?x?=",
        ],
        1,
    )
]


LETTER = "# 100 % \ue000why\ue001 %s %b {{ 7*7 }}\n\n*日本語* & <b> [x](https://a.example/?a=1&b=%20)\n\n- " + "é" * 90


def a_digest(
    name: str,
    *,
    picks: int = 1,
    cards: list[Card] = CARDS,
    occasion: str = "",
    links: bool = True,
    letter: str = "",
) -> Digest:
    token = "".join(letter for letter in name if letter.isalnum())
    urls = {part: f"https://x.example/{part[0]}/{token}{part[0] * 38}" for part in ("feedback_url", "web_url")}
    reader = Reader(
        address=f"{name}@example.org",
        unsubscribe_url=f"https://x.example/u/{token}",
        preferences_url=f"https://x.example/p/{token}" if links else "",
        asked_for=(f"topic of {name}", "“50 % <i>”") if picks else (),
        confirmed_on=date(2026, 1, 1),
        **(urls if links else {}),
    )
    reasons = [
        [Reason("pick", "A note, 5 % é", 2000.0)] if place < picks else [Reason("topic", f"{name} & <co>", 1.0)]
        for place in range(len(cards))
    ]
    return compose(
        with_texts(zip(cards, reasons, strict=True)),
        reader,
        issue_date=date(2026, 3, 2),
        sender=Sender(name="Broadsheet", site_url="https://x.example", postal_address="1 Reading Lane"),
        arrived=412,
        matched=9,
        completeness=completeness_in_words([SourceCount("arXiv cs.LG", 40, 41)]),
        also=cards[:2],
        occasion=occasion,
        letter=read_letter(letter) if letter else None,
    )


@pytest.mark.parametrize("picks", [0, 1, 5])
@pytest.mark.parametrize("occasion", ["", "first"])
@pytest.mark.parametrize("links", [True, False])
@pytest.mark.parametrize("letter", ["", LETTER])
def test_a_joined_mail_has_the_words_of_a_full_render(picks: int, occasion: str, links: bool, letter: str) -> None:
    cache, of_provider = TemplateCache(QUOTED_PRINTABLE), TemplateCache(JSON_STRING)
    for name in ("ada", "ben", "Zoë & <i> 5 %"):
        digest = a_digest(name, picks=picks, occasion=occasion, links=links, letter=letter)
        joined, in_json, full = cache.join(digest), of_provider.join(digest), fit(digest)[1]
        assert joined is not None
        assert in_json is not None
        assert joined.subject == in_json.subject == full.subject
        assert joined.text == in_json.text == full.text
        assert joined.html == in_json.html == full.html
        assert max(map(len, joined.encoded_html.split(b"\r\n"))) <= 76
        assert max(map(len, joined.encoded_text.split(b"\r\n"))) <= 76
        assert joined.encoded_html.isascii()
        assert b'"%b"' % in_json.encoded_html == json.dumps(full.html).encode()


def test_the_letters_of_two_days_are_not_mixed_up() -> None:
    cache = TemplateCache(QUOTED_PRINTABLE)
    for letter in ("Otters", "", "Herons"):
        joined = cache.join(a_digest("ada", letter=letter))
        assert joined is not None
        assert {word for word in ("Otters", "Herons") if word in joined.html + joined.text} == {letter} - {""}


def test_no_reader_finds_anything_of_another_in_their_mail() -> None:
    cache = TemplateCache(QUOTED_PRINTABLE)
    cache.join(a_digest("adelheid"))
    joined = cache.join(a_digest("ben"))
    assert joined is not None
    assert "adelheid" not in joined.text + joined.html


def test_a_full_cache_of_entries_begins_anew_and_joins_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(template_cache, "MOST_ENTRIES", 2)
    cache = TemplateCache(QUOTED_PRINTABLE)
    for name in ("ada", "ben", "ada"):
        digest = a_digest(name, picks=2)
        joined, full = cache.join(digest), fit(digest)[1]
        assert joined is not None
        assert (joined.text, joined.html) == (full.text, full.html)


def test_two_cards_of_one_paper_are_not_mixed_up() -> None:
    """As two editions have them, or one with a summary and without."""
    cache = TemplateCache(QUOTED_PRINTABLE)
    for title in ("Before", "After"):
        digest = a_digest("ada", cards=[replace(CARDS[0], title=title)], picks=0)
        joined = cache.join(digest)
        assert joined is not None
        assert [item.card.title for item in digest.papers] == [title]
        assert {word for word in ("Before", "After") if word in joined.html + joined.text} == {title}


def test_an_address_that_html_writes_in_another_way_is_left_to_the_full_render() -> None:
    digest = a_digest("ada")
    for link in ("unsubscribe_url", "feedback_url"):
        other = replace(digest, reader=replace(digest.reader, **{link: "https://x.example/?a=1&b=2"}))
        assert TemplateCache(QUOTED_PRINTABLE).join(other) is None


@pytest.mark.parametrize("encoding", [QUOTED_PRINTABLE, JSON_STRING])
def test_what_is_too_large_is_left_to_be_made_lighter(encoding: Encoding) -> None:
    many = [
        card_for(identifier=f"title:{n}", title="日" * 290, authors=[], url="", abstract="本語。" * 150, source="S")
        for n in range(65)
    ]
    digest = a_digest("ada", cards=many, picks=0)
    assert TemplateCache(encoding).join(digest) is None
    assert len(fit(digest)[1].html.encode()) <= HTML_BYTES


@pytest.mark.parametrize("encoding", [QUOTED_PRINTABLE, JSON_STRING])
def test_what_is_joined_is_no_larger_than_what_is_rendered_may_be(encoding: Encoding) -> None:
    """Each line end counts as two octets, as on the wire, so that the same mails are made lighter."""
    found = set()
    for words in range(10, 60):
        cards = [replace(CARDS[0], identifier=f"title:{n}", abstract="Words of a text. " * words) for n in range(40)]
        digest = a_digest("ada", cards=cards, picks=0)
        digest = replace(digest, look=digest.look._replace(full=True))
        full, joined = fit(digest, limit=10**9)[1], TemplateCache(encoding).join(digest)
        assert (joined is None) == (size_of(full.html) > HTML_BYTES)
        found.add((joined is None, len(full.html.encode()) > HTML_BYTES))
    assert (True, False) in found  # too large by its line ends alone


@pytest.mark.service
@pytest.mark.django_db
def test_on_a_real_day_each_joined_mail_is_the_full_render(data: Path, settings: Any, tmp_path: Path) -> None:
    settings.OUTBOX, settings.MODE = tmp_path, "rehearsal"
    files = sorted(str(file) for file in (data / "feeds").glob("*2026-01-30*"))
    call_command("digest", "--from", *files, "--date", "2026-01-30")
    rows = list(Delivery.objects.exclude(paper_count=0).select_related("subscriber", "edition", "content"))
    assert rows
    at_hand = emails.Mails()
    at_hand.read_cards(rows)
    for row in rows:
        joined = at_hand.email_for(row)
        full = fit(emails.digest_of(row, at_hand.cards_of(row), emails.reader_of(row)))[1]
        assert isinstance(joined, JoinedEmail)
        assert (joined.subject, joined.text, joined.html) == (full.subject, full.text, full.html)
