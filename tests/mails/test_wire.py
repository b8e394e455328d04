"""Real digests and link mails as the bytes that a mail server received: the message."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from digest.compose.size_limit import HTML_BYTES
from digest.models import Delivery, EditionPaper, Paper
from subscriptions.models import Subscriber
from subscriptions.tokens import digest_links, preferences_url, unsubscribe_url
from tests.support.factories import NOON, reader
from tests.support.mail_lint import FALL_BACKS, look_through
from tests.support.services import ROOT
from tests.support.wire import (
    POSTAL_ADDRESS,
    TITLES,
    TOKEN,
    Sink,
    header,
    links,
    ours,
    parsed,
    parts,
    planned,
    sent,
    sent_twice,
)

pytestmark = pytest.mark.django_db
DAY = NOON.date()


def urls(part: str) -> list[str]:
    return re.findall(r"https?://[^\"<\s]+", part)


def arxiv_links(part: str) -> list[str]:
    return re.findall(r"https://arxiv\.org/abs/[\d.]+", part)


# Two parts


def test_every_mail_is_of_two_parts_text_first_and_both_say_something(every_mail: dict[str, bytes]) -> None:
    for name, raw in every_mail.items():
        mail = parsed(raw)
        assert mail.get_content_type() == "multipart/alternative", name
        assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]
        assert all(len(re.findall(r"\w+", part)) > 30 for part in parts(raw))


def test_both_parts_have_the_same_papers_in_the_same_order(nothing: bytes, digest: bytes) -> None:
    papers = [arxiv_links(part) for part in parts(digest)]
    assert papers[0] == papers[1]
    assert len(papers[0]) == len(set(papers[0])) == len(TITLES)
    assert [arxiv_links(part) for part in parts(nothing)] == [[], []]


def test_the_text_part_is_written_for_reading(every_mail: dict[str, bytes]) -> None:
    for name, raw in every_mail.items():
        text, _ = parts(raw)
        assert len(re.findall("https://", text)) >= 2, name
        for line in text.splitlines():
            assert len(line) <= (80 if line.startswith("https://") else 78), line
            # whole, at the end of its line, behind at most two words
            assert "https://" not in line or re.fullmatch(r"(\w+(?: \([\w, ]+\))?: )?https://\S+", line), line
        assert not re.search(r"</?(p|td|tr|table|a|span|div|h[1-3])\b|&(amp|lt|nbsp|#\d+);", text)
        assert "\n\n\n\n" not in text.replace("\r", "")


def test_every_link_occurs_as_often_in_both_parts(every_mail: dict[str, bytes]) -> None:
    """For more, less and mute the text has one link to a page with the three."""
    for name, raw in every_mail.items():
        text, html = (urls(part) for part in parts(raw))
        in_text = [re.sub(r"/mute$", "", url) for url in html if not re.search(r"/f/.*/(more|less)$", url)]
        assert Counter(text) == Counter(in_text), name


def test_links_of_two_digit_papers_fit_80_columns_with_a_host_of_25_characters(sink: Sink, settings: Any) -> None:
    settings.SITE_URL = "https://digest.library.example.uk"
    text = parts(ordinary(sink, 25))[0]
    assert max(map(len, text.splitlines())) == 80
    assert len(re.findall(r"^\S+/f/\S+/25\r?$", text, re.M)) == 1


# MimeBytes


def test_no_line_is_too_long_and_no_line_end_stands_alone(every_mail: dict[str, bytes]) -> None:
    for raw in every_mail.values():
        assert max(len(line) for line in raw.split(b"\r\n")) <= 998
        assert not re.search(rb"\r(?!\n)|(?<!\r)\n", raw)
        for part in parsed(raw).iter_parts():
            decoded = part.get_payload(decode=True)
            assert max(len(line) for line in decoded.split(b"\n")) <= 998, "nor once it is decoded"


def test_every_octet_has_seven_bits_and_each_part_says_how(every_mail: dict[str, bytes]) -> None:
    for raw in every_mail.values():
        assert raw.isascii()
        assert b"\0" not in raw
        for part in parsed(raw).iter_parts():
            assert part["Content-Transfer-Encoding"] in ("quoted-printable", "base64", "7bit")
            assert part.get_content_charset() == "utf-8"
        _, *bodies, _ = raw.split(b"--" + parsed(raw).get_boundary().encode())
        assert len(bodies) == 2
        for body in bodies:
            assert all(len(line) <= 76 for line in body.split(b"\r\n"))


# HTML


def test_what_arrives_keeps_the_rules_of_a_mail_and_needs_nothing_that_is_not_shown(
    every_mail: dict[str, bytes],
) -> None:
    """Language, title, roles, headings, links with words, one small sheet in the head, nothing that is fetched."""
    for name, raw in every_mail.items():
        html = parts(raw)[1]
        found = look_through(html)
        assert found.broken == [], name
        assert found.unknown == set(), name
        assert found.short_of("n") | found.short_of("a") <= set(FALL_BACKS), name
        assert found.features["html-meta-color-scheme"] == "light dark"
        assert re.search(r"<title>([^<]*)</title>", html)[1].strip()


def test_a_papers_link_is_its_title_and_leads_to_the_paper_itself(digest: bytes) -> None:
    cards = [card for (card,) in EditionPaper.objects.values_list("card")]
    assert len(cards) == len(TITLES)
    shown = {href: words for href, words in links(digest) if "arxiv.org/abs" in href}
    assert shown == {card["url"]: card["title"] for card in cards}
    assert set(shown) == set(Paper.objects.values_list("url", flat=True))


def test_every_other_link_is_one_of_the_readers_own_as_it_is(digest: bytes, settings: object) -> None:
    ada = Subscriber.objects.get()
    say = {
        f"{digest_links(ada, DAY).feedback}/{n}/{wish}"
        for n in range(1, len(TITLES) + 1)
        for wish in ("more", "less", "mute")
    }
    own = {unsubscribe_url(ada), preferences_url(ada), digest_links(ada, DAY).web_copy, "https://papers.example.org"}
    pages = {f"https://papers.example.org/papers/2603.0000{n}" for n in range(1, len(TITLES) + 1)}
    others = {href for href, _ in links(digest) if "arxiv.org" not in href}
    assert others == say | own | pages == ours(digest)
    assert set(urls(parts(digest)[1])) == others | {href for href, _ in links(digest) if "arxiv.org" in href}


def test_hostile_papers_make_no_header_and_no_element(digest: bytes) -> None:
    text, html = parts(digest)
    assert parsed(digest)["Bcc"] is None
    assert parsed(digest)["X"] is None
    assert not re.search(r"<(script|b|i|img)\b", html)
    assert "x &lt; y &amp; y" in " ".join(html.split())
    assert "Title Bcc: eve@example.org" in dict(links(digest)).values()
    assert not re.search("[\0\u202a-\u202e\u2066-\u2069\ud800-\udfff]", text + html)
    assert html.count("<h3 ") == len(TITLES)
    assert len(html.encode()) < HTML_BYTES / 2, "a title of 10,000 characters is not shown whole"


# Size


@pytest.mark.slow
@pytest.mark.parametrize("letter", ['"', "🧪", "把", "& "])
def test_the_worst_digest_of_the_worst_reader_stays_under_gmails_limit_and_says_what_it_left_out(
    sink: Sink, letter: str
) -> None:
    wishes = {
        "category": ["cs.LG", "cs.AI", *(f"cs.{letter * 30}{n}" for n in range(40))],
        "keyword": [f"{letter * 60}{n}" for n in range(40)],
        "author": [f"{letter * 60}{n}" for n in range(40)],
    }
    worst = reader("a" * 64, email=f"{'a' * 64}@{'b' * 60}.{'c' * 60}.{'d' * 60}.org", wants=wishes, max_papers=25)
    planned(
        worst,
        titles={number: f"{number} {letter * 10_000}" for number in range(1, 31)},
        authors=tuple(f"{letter * 200}{n}" for n in range(300)),
        abstract=f"{letter * 500}. " * 20,
        categories=("cs.LG", "cs.AI", *(f"cs.{letter * 90}{n}" for n in range(9))),
        note=(letter * 500)[:500],
        votes=50,
    )
    (raw,) = sent(sink)
    text, html = parts(raw)
    assert "\r\n" in html
    assert len(html.encode()) <= HTML_BYTES == 90_000
    shown = html.count("<h3 ")
    assert 5 <= shown <= 25
    assert len(arxiv_links(text)) == len(arxiv_links(html)) == shown
    left_out = f"{len(Delivery.objects.get().paper_ids) - shown} more on the web"
    assert (left_out in text) == (left_out in html) == (shown < len(Delivery.objects.get().paper_ids))
    assert look_through(html).broken == []
    assert way_out(raw)[0] <= 3_500


# The way to leave


ORDINARY = (
    "We ask how much of the skill of a gripper lies in the hand and how much in the table under it. Over 14,000 trials "
    "with eleven hands we find that placing is the harder half. A simple rule that looks at the free space first, and "
    "at the object second, halves the failures. Code and data are available."
)


def way_out(raw: bytes) -> tuple[int, int]:
    """The octets of HTML up to the end of the first visible link to leave, and of all of it."""
    html = parts(raw)[1]
    leave = re.escape(header(raw, "List-Unsubscribe").strip("<>"))
    found = re.search(rf'<a [^>]*\bhref="{leave}">Unsubscribe</a>', html)
    assert found
    return len(html[: found.end()].encode()), len(html.encode())


def ordinary(sink: Sink, papers: int, **values: object) -> bytes:
    titles = {
        number: f"Paper {number}: Everything in Its Place in Household Manipulation" for number in range(1, papers + 1)
    }
    planned(
        reader(
            "ada",
            wants={"category": ["cs.LG"]},
            max_papers=25,
            last_digest_at=NOON - timedelta(1),
            last_issue_date=DAY - timedelta(1),
        ),
        titles=titles,
        note="",
        **{"authors": ("Ingrid Solheim-Vargas", "Tomas Brandl"), "abstract": ORDINARY, **values},
    )
    (raw,) = sent(sink)
    assert len(arxiv_links(parts(raw)[1])) == papers
    return raw


@pytest.mark.parametrize("papers", [4, 10, 25])
def test_in_the_first_fifth_of_a_digest_of_four_papers_or_more(sink: Sink, papers: int) -> None:
    before, all_of_it = way_out(ordinary(sink, papers))
    assert before <= all_of_it / 5


@pytest.mark.parametrize("papers", [1, 2, 3])
def test_in_the_first_third_where_fewer_matched(sink: Sink, papers: int) -> None:
    before, all_of_it = way_out(ordinary(sink, papers))
    assert before <= all_of_it / 3
    assert before <= 2_200


def test_in_the_first_2200_octets_of_a_paper_without_an_abstract(sink: Sink) -> None:
    """A mail of some 5,000 octets is hardly longer than what a mail is framed with: a share says nothing of it."""
    assert way_out(ordinary(sink, 1, abstract="", authors=()))[0] <= 2_200


def test_in_the_first_2200_octets_where_there_is_nothing(nothing: bytes) -> None:
    assert way_out(nothing)[0] <= 2_200


def test_every_list_mail_says_how_to_leave_at_the_top_and_at_the_foot(nothing: bytes, digest: bytes) -> None:
    for raw in (digest, nothing):
        leave = header(raw, "List-Unsubscribe").strip("<>")
        words = [said for href, said in links(raw) if href == leave]
        assert words == ["Unsubscribe", "Unsubscribe from these e-mails"]
        assert parts(raw)[0].count(leave) == 2


# Subject and footer


@pytest.mark.parametrize("title", TITLES.values(), ids=["plain", "wide", "injected", "turned", "long", "arabic"])
def test_the_subject_is_one_line_of_78_characters_with_the_date(sink: Sink, title: str) -> None:
    planned(reader("ada", wants={"category": ["cs.LG"]}), titles={1: title})
    (raw,) = sent(sink)
    subject = parsed(raw)["Subject"].strip()
    assert subject.startswith("2 Mar, 1 paper: ")
    assert 10 < len(subject) <= 78
    assert subject.isprintable()
    assert header(raw, "Subject").isascii()
    assert "=?" not in header(raw, "Subject") or re.fullmatch(r"(=\?utf-8\?[qb]\?\S+\?=\s*)+", header(raw, "Subject"))


def test_the_foot_says_who_sends_from_where_to_whom_why_and_how_to_change_it(nothing: bytes, digest: bytes) -> None:
    for raw in (digest, nothing):
        whom = Subscriber.objects.get(email=header(raw, "To"))
        asked_for = {"ada": "cs.LG", "ben": "“volcanoes”"}[whom.email.partition("@")[0]]
        for part in parts(raw):
            words = " ".join(part.split())
            assert f"Sent to {whom.email}, confirmed on 2 March 2026." in words
            assert f"You asked for {asked_for}." in words
            foot = part[part.index("Sent to") :]
            assert " ".join(foot.split()).count(POSTAL_ADDRESS) == 1
            assert "Broadsheet" in foot
            assert {preferences_url(whom), unsubscribe_url(whom), digest_links(whom, DAY).web_copy} <= set(urls(foot))
        said = {href: words for href, words in links(raw) if href in parts(raw)[1][parts(raw)[1].index("Sent to") :]}
        assert said[digest_links(whom, DAY).web_copy] == "Read on the web"


# The same again


def test_a_second_try_is_the_same_mail_to_the_byte(sink: Sink) -> None:
    first, second = sent_twice(sink)
    assert first == second


@pytest.mark.service
def test_another_process_makes_the_same_mail() -> None:
    """Nothing of a mail hangs on the order of a set, which differs from process to process."""
    sums = {
        subprocess.run(
            [sys.executable, "-c", SUM_OF_EVERY_MAIL],
            env=os.environ | {"PYTHONHASHSEED": seed},
            cwd=ROOT,
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(sums) == 1
    assert re.fullmatch(r"[0-9a-f]{64}\n", sums.pop())


SUM_OF_EVERY_MAIL = """
import hashlib, random
import django
django.setup()
from subscriptions.mail.headers import Headers
from subscriptions.mail.message import EncodedMessage
from subscriptions.models import Subscriber
from tests.support.factories import NOON
from tests.support.sample_mails import mails
ada = Subscriber(public_id="A" * 22, email="ada@example.org")
sender, summed = "Broadsheet <digest@mail.example.org>", hashlib.sha256()
for mail in mails().values():
    headers = Headers(ada, mail.subject, sender, ada.email, "<d.a@mail.example.org>", NOON, NOON.date())
    summed.update(EncodedMessage(mail, headers).message().as_bytes())
print(summed.hexdigest())
"""


# The mails that carry a link


def test_a_link_mail_holds_its_link_in_both_parts_and_promotes_nothing(link_mails: dict[str, bytes]) -> None:
    for name, raw in link_mails.items():
        assert all(TOKEN in part for part in parts(raw)), name
        (link,) = {href for href, _ in links(raw) if TOKEN in href}
        assert {href for href, _ in links(raw)} == {link, "https://papers.example.org"} == ours(raw)
        assert set(re.findall(r"https://\S+", parts(raw)[0])) == {link, "https://papers.example.org"}
        assert POSTAL_ADDRESS in " ".join(parts(raw)[1].split())
