"""The copy of a digest on the web: the words of the mail, for whoever has its link, and nothing that is the reader's."""

from __future__ import annotations

import re
from array import array
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote

import pytest
from django.conf import settings
from django.core import mail
from django.test import Client
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from digest.compose import emails
from digest.compose.build import EMPTY_TEXTS, Reader
from digest.compose.size_limit import HTML_BYTES
from digest.delivery.plan import plan
from digest.delivery.send import deliver_all
from digest.editions.open_edition import open_edition
from digest.ingest import store
from digest.models import CuratorPick, Delivery, DeliveryContent, Edition, EditionLetter, EditionPaper, Paper, Verdict
from digest.reader_data.erase import erase
from subscriptions import consent
from subscriptions.models import ConsentEvent, LinkRequest, LoginToken, Preference, Subscriber
from subscriptions.tokens import FEEDBACK, PREFERENCES, UNSUBSCRIBE, WEB_COPY, digest_links, token_for
from tests.support.database_rows import every_row
from tests.support.emails import email_for
from tests.support.factories import NOON, change_record, delivery, entry, feed, reader, want

pytestmark = pytest.mark.django_db
DAY = NOON.date()
ADDRESS = "Ada.Okafor@example.org"
BLOCKS = {"td", "p", "h1", "h2", "h3", "h4", "div", "li"}
READERS_OWN = re.compile(r"/[a-z]/[\w-]{38,43}(/|$)")  # the path of a link that acts for its reader, or to the copy
SAID_OF_THEM = (
    " The links under each paper tune what comes next. Preferences and Unsubscribe are at the top and at the foot."
)


class Blocks(HTMLParser):
    """The words of a page by its blocks, but for those of its reader's own links; all addresses, and the tags."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.said: list[str] = []
        self.links: list[str] = []
        self.tags: list[str] = []
        self._words: list[str] = []
        self._is_quiet = False
        self.feed(html)
        self._end()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = [value or "" for name, value in attrs if name in ("href", "src", "action")]
        self.tags.append(tag)
        self.links += found
        self._is_quiet = tag == "style" or (tag == "a" and any(map(READERS_OWN.search, found)))
        if tag in BLOCKS:
            self._end()

    def handle_endtag(self, tag: str) -> None:
        self._is_quiet = False
        if tag in BLOCKS:
            self._end()

    def handle_data(self, data: str) -> None:
        if not self._is_quiet:
            self._words.append(data)

    def _end(self) -> None:
        if said := " ".join("".join(self._words).split()).strip("· "):
            self.said.append(said)
        self._words = []


def sent(*readers: Subscriber, papers: int = 3, abstract: str = "", deliver: bool = True) -> list[Delivery]:
    """A digest of these papers, the second picked by an editor, was sent to each reader."""
    long = {"abstract": abstract} if abstract else {}
    shown = feed(*(entry(number, **long) for number in range(1, papers + 1)))
    store.store(store.source_named_in(shown, "file.xml"), shown, now=NOON)
    picked = Paper.objects.get(identifier="arxiv:2603.00002")
    CuratorPick.objects.create(paper=picked, edition_date=DAY, verdict="pick", note="Read the appendix first.")
    open_edition(DAY, now=NOON)
    plan(NOON, [one.pk for one in readers], issue_date=DAY)
    if deliver:
        deliver_all(clock=lambda: NOON)
    return list(Delivery.objects.order_by("pk"))


def ada(**values: Any) -> Subscriber:
    return reader("ada", email=ADDRESS, wants={"category": ["cs.LG"]}, **values)


def copy_of(row: Subscriber, **values: Any) -> str:
    return digest_links(row, values.get("day", DAY)).web_copy.removeprefix(settings.SITE_URL)


def page(row: Subscriber) -> str:
    answer = Client().get(copy_of(row))
    assert answer.status_code == 200, answer.status_code
    return answer.content.decode()


def signed_in(row: Subscriber) -> Client:
    client = Client()
    session = client.session
    session["reader"], session["reader_key_version"] = row.public_id, row.key_version
    session.save()
    return client


def mailed() -> str:
    (message,) = mail.outbox
    return message.alternatives[0][0]


def numbers(html: str) -> list[str]:
    """Which papers are shown, in their order."""
    return re.findall(r"<h3.*?Paper number (\d+).*?</h3>", html, re.DOTALL)


# What it says


def test_it_says_what_the_mail_said() -> None:
    sent(row := ada())
    the_mail, the_copy = Blocks(mailed()), Blocks(page(row))
    same = [said.replace(ADDRESS, "A…@example.org").replace(SAID_OF_THEM, "") for said in the_mail.said]
    assert the_copy.said == same
    assert same != the_mail.said
    for title in ("Paper number 2", "Read the appendix first.", "Category: cs.LG", "You asked for"):
        assert any(title in said for said in the_copy.said), title


def test_papers_reasons_and_their_order_are_those_of_the_row() -> None:
    (row,) = sent(subscriber := ada(), papers=5)
    html = page(subscriber)
    titles = Paper.objects.in_bulk(row.paper_ids)
    assert numbers(html) == [titles[paper].title.split()[2] for paper in row.paper_ids]
    assert numbers(html)[0] == "2"
    links = [link for link in Blocks(html).links if "arxiv.org/abs" in link]
    assert links == [titles[paper].url for paper in row.paper_ids]


def test_its_head_is_the_mails() -> None:
    (row,) = sent(subscriber := ada())
    html = page(subscriber)
    assert f"<title>{row.subject}</title>" in html
    assert '<html lang="en" dir="ltr">' in html
    assert html.count('<div role="main" lang="en" dir="ltr" ') == 1


def test_what_did_not_fit_into_the_mail_is_here() -> None:
    """Sixty papers of 900 characters each are beyond what a mail may hold."""
    (row,) = sent(subscriber := ada(max_papers=25), papers=60, abstract="Ünïcödé “wörds” & <signs> of length. " * 60)
    ids = list(Paper.objects.order_by("pk").values_list("pk", flat=True))  # more than a reader may ask for today
    change_record(row, reasons=["category cs.LG" for _ in ids], terms=array("f", [1.0 for _ in ids]).tobytes())
    DeliveryContent.objects.update(paper_ids=ids)
    EditionPaper.objects.update(
        card={**EditionPaper.objects.first().card, "sentence": "Ünïcödé “wörds” & <signs>. " * 99}
    )
    delivery = Delivery.objects.select_related("subscriber", "edition").get()
    mailed_html = email_for(delivery).html
    html = page(subscriber)
    assert len(mailed_html.encode()) <= HTML_BYTES < len(html.encode())
    assert html.count("<h3") == 60
    assert html.count("&lt;signs&gt;") == 60 * 99
    assert "more did not fit into this e-mail" not in html


def test_a_paper_hidden_or_withdrawn_since_stays_as_it_was_mailed() -> None:
    sent(row := ada())
    before = page(row)
    Paper.objects.update(withdrawn_at=NOON, title="Withdrawn", abstract="")
    CuratorPick.objects.update(verdict="hide", note="")
    assert page(row) == before


def test_what_a_reader_chose_since_changes_nothing_of_it() -> None:
    sent(row := ada())
    before = page(row)
    want(row, "keyword", "kelp forests")
    want(row, "category", "cs.AI", stance="mute")
    consent.unsubscribe(row.public_id, now=NOON)
    assert page(row) == before


def test_titles_of_any_kind_are_words_and_nothing_else() -> None:
    sent(row := ada())
    first = EditionPaper.objects.order_by("pk").first()
    first.card = {**first.card, "title": "<script>alert(1)</script>\u202e</style><img src=//evil.example>", "url": ""}
    first.save()
    html = page(row)
    assert "&lt;script&gt;alert(1)" in html
    assert not {"script", "img", "form", "iframe", "link"} & set(Blocks(html).tags)
    assert "\u202e" not in html


def test_another_days_digest_has_its_own_copy() -> None:
    sent(row := ada())
    tomorrow = NOON + timedelta(days=1)
    later = feed(entry(9))
    store.store(store.source_named_in(later, "file.xml"), later, now=tomorrow)
    open_edition(tomorrow.date(), now=tomorrow)
    plan(tomorrow, [row.pk], issue_date=tomorrow.date())
    deliver_all(clock=lambda: tomorrow)
    assert "Monday, 2 March 2026" in page(row)
    html = Client().get(copy_of(row, day=tomorrow.date())).content.decode()
    assert "Tuesday, 3 March 2026" in html
    assert numbers(html) == ["9"]


def test_a_digest_that_catches_up_says_so_and_what_else_is_trending_is_there_too() -> None:
    (row,) = sent(subscriber := ada(), papers=30)
    others = list(Paper.objects.exclude(pk__in=row.paper_ids).order_by("pk")[:3])
    change_record(row, occasion="catch_up", since="2026-02-20", also=[paper.pk for paper in others])
    html = page(subscriber)
    assert "since Friday, 20 February" in " ".join(html.split())
    assert [paper.title in html for paper in others] == [True, True, True]
    others[0].delete()
    html = page(subscriber)
    assert [paper.title in html for paper in others] == [False, True, True]


def test_a_mail_that_said_that_there_is_nothing_has_a_copy_too() -> None:
    row = reader("ada", email=ADDRESS, wants={"keyword": ["volcanoes"]}, quiet_days=True)
    shown = feed(entry(1), entry(2))
    store.store(store.source_named_in(shown, "file.xml"), shown, now=NOON)
    open_edition(DAY, now=NOON)
    plan(NOON, [row.pk], issue_date=DAY)
    deliver_all(clock=lambda: NOON)
    html = page(row)
    assert Blocks(html).said == [said.replace(ADDRESS, "A…@example.org") for said in Blocks(mailed()).said]
    assert any(EMPTY_TEXTS["nothing_matched"] in said for said in Blocks(html).said)
    assert "okafor" not in html.lower()
    assert [link for link in Blocks(html).links if link.startswith(settings.SITE_URL)] == [settings.SITE_URL]
    assert copy_of(row) in signed_in(row).get("/preferences/receipts").content.decode()


# What it does not say


def test_no_address_and_no_link_of_the_readers_own_is_in_it() -> None:
    sent(row := ada())
    html = page(row)
    assert "Sent to A…@example.org, confirmed on" in " ".join(html.split())
    assert "okafor" not in html.lower()
    assert row.public_id not in html
    ours = [link for link in Blocks(html).links if link.startswith(settings.SITE_URL)]
    assert [link for link in ours if "/papers/2603.0000" not in link] == [settings.SITE_URL]
    for own in ("nsubscribe", "references", "like this", "Mute", "web copy", "on the web"):
        assert own not in html, own


def test_every_link_of_a_reader_is_left_out_whatever_the_mail_comes_to_have(monkeypatch: pytest.MonkeyPatch) -> None:
    composed_for: list[Reader] = []
    make = emails.digest_of
    monkeypatch.setattr(
        emails,
        "digest_of",
        lambda row, cards, whom, **more: composed_for.append(whom) or make(row, cards, whom, **more),
    )
    sent(row := ada())
    page(row)
    for_the_mail, for_the_copy = composed_for
    links = {name for name in Reader.__dataclass_fields__ if "url" in name}
    assert all(getattr(for_the_mail, name) for name in links)
    assert not any(getattr(for_the_copy, name) for name in links)


def test_it_is_neither_kept_nor_indexed_nor_passed_on_and_asks_nobody_for_anything() -> None:
    sent(row := ada())
    answer = Client().get(copy_of(row))
    said = answer.headers
    assert (said["Referrer-Policy"], said["Cache-Control"], said["X-Robots-Tag"]) == (
        "no-referrer",
        "no-store",
        "noindex",
    )
    assert said["Content-Security-Policy"] == (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
    )
    assert said["Content-Type"] == "text/html; charset=utf-8"
    assert not answer.cookies
    assert "X-Content-Type-Options" in said


def test_the_page_for_a_bad_link_keeps_the_strict_policy() -> None:
    answer = Client().get("/d/nonsense")
    assert answer.status_code == 404
    assert answer["Content-Security-Policy"].startswith("default-src 'none'; style-src 'self'; img-src 'self'")
    assert (answer["Referrer-Policy"], answer["X-Robots-Tag"]) == ("no-referrer", "noindex")


# For whom there is none


@pytest.mark.parametrize("status", Delivery.Status.values)
def test_only_what_left_or_may_have_left_has_a_copy(status: str) -> None:
    sent(row := ada())
    Delivery.objects.update(status=status)
    shown = {"accepted", "delivered", "bounced", "complained", "unknown", "handing_off"}
    assert Client().get(copy_of(row)).status_code == (200 if status in shown else 404)


def test_a_day_that_was_skipped_has_none() -> None:
    ben = reader("ben", wants={"keyword": ["volcanoes"]})
    (row,) = sent(ben)
    CuratorPick.objects.all().delete()
    Delivery.objects.filter(pk=row.pk).update(status="skipped", edition=None)
    assert Client().get(copy_of(ben)).status_code == 404


def test_an_erased_readers_link_leads_nowhere_and_nobody_elses_is_touched() -> None:
    cleo, row = reader("cleo"), ada()
    sent(cleo, row)
    old = copy_of(cleo)
    assert Client().get(old).status_code == 200
    erase(cleo, now=NOON)
    assert Client().get(old).status_code == 404
    assert Client().get(copy_of(row)).status_code == 200


def test_a_link_of_another_purpose_reader_or_day_leads_nowhere_and_shows_what_any_bad_link_shows() -> None:
    row, ben = ada(), reader("ben")
    sent(row)
    good = token_for(WEB_COPY, row, day=DAY)
    bad = [
        *(token_for(purpose, row, day=DAY) for purpose in (FEEDBACK, UNSUBSCRIBE, PREFERENCES)),
        *(token_for(purpose, row) for purpose in (WEB_COPY, FEEDBACK, UNSUBSCRIBE, PREFERENCES)),
        token_for(WEB_COPY, ben, day=DAY),
        token_for(WEB_COPY, row, day=DAY + timedelta(days=1)),
        good[:-1],
        good[:-1] + ("A" if good[-1] != "A" else "B"),
        good + "A",
        ben.public_id + good[22:],
        good[:22] + f"{(DAY + timedelta(days=1)).toordinal():05x}" + good[27:],
        good[:22] + "fffff" + good[27:],
    ]
    shown = {(answer := Client().get(f"/d/{token}")).content for token in bad if token}
    assert len(shown) == 1
    assert answer.status_code == 404
    assert "This link does not work" in answer.content.decode()


def test_a_copys_link_is_good_for_nothing_else() -> None:
    sent(row := ada())
    token = token_for(WEB_COPY, row, day=DAY)
    kept = Subscriber, Preference, Verdict, ConsentEvent, LinkRequest, LoginToken
    before = [list(model.objects.values()) for model in kept]
    for path in (f"/f/{token}/1/more", f"/f/{token}/1/mute", *(f"/{kind}/{token}" for kind in "upcsa")):
        assert Client().get(path).status_code == 404, path
        assert Client().post(path, {"do": "more", "List-Unsubscribe": "One-Click"}).status_code == 400, path
    assert [list(model.objects.values()) for model in kept] == before


@pytest.mark.parametrize(
    "token",
    ["", "%00", "é", "%ED%A0%80", "x" * 10_000, "%0D%0ASet-Cookie:a=b", "..%2f..", "%E2%80%AE", "'--", "{{7*7}}"],
)
def test_a_broken_link_is_a_404(token: str) -> None:
    answer = Client().get(f"/d/{token}")
    assert answer.status_code == 404
    assert "Set-Cookie" not in answer.headers


class ATokenOfAnyKind(TestCase):
    @hypothesis_settings(max_examples=60, deadline=None)
    @given(st.text(max_size=80).filter(lambda text: text not in (".", "..")))
    def test_is_refused_and_never_breaks_the_page(self, token: str) -> None:
        assert Client().get(f"/d/{quote(token.encode('utf-8', 'surrogatepass'), safe='')}").status_code == 404


# Long after


@pytest.mark.parametrize("cleared", [{}, {"version": 2}, {"version": 99, "arrived": 3}, [], "nonsense"])
def test_a_digest_whose_record_was_cleared_still_shows_its_papers_and_claims_nothing(cleared: Any) -> None:
    (row,) = sent(subscriber := ada())
    DeliveryContent.objects.update(record=cleared)
    html = page(subscriber)
    titles = Paper.objects.in_bulk(row.paper_ids)
    assert numbers(html) == [titles[paper].title.split()[2] for paper in row.paper_ids]
    words = " ".join(Blocks(html).said)
    assert "Category: " not in words
    for claim in ("0 new papers", "none matches", "asked for nothing", "Trending", "trending", "chosen for you"):
        assert claim not in words
    assert "The reasons for each paper are no longer stored." in words
    assert "Sent to A…@example.org." in words


def test_counts_that_are_kept_are_shown_when_the_reasons_are_gone() -> None:
    (row,) = sent(subscriber := ada())
    change_record(row, reasons=(), terms=b"")
    words = " ".join(Blocks(page(subscriber)).said)
    assert "3 new papers came in" in words
    assert "You asked for" in words
    assert "Matches your" not in words


def test_a_paper_that_an_operator_deleted_is_missing_and_the_others_are_there() -> None:
    (row,) = sent(subscriber := ada())
    Paper.objects.filter(pk=row.paper_ids[1]).delete()
    assert page(subscriber).count("<h3") == 2
    Paper.objects.all().delete()
    assert Client().get(copy_of(subscriber)).status_code == 404


def test_a_copy_outlives_a_change_of_address_and_masks_the_new_one() -> None:
    sent(row := ada())
    Subscriber.objects.update(email="grace@elsewhere.example")
    assert "Sent to g…@elsewhere.example" in " ".join(page(row).split())


def test_a_copy_outlives_a_change_of_key(settings: Any) -> None:
    sent(row := ada())
    path = copy_of(row)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another"
    assert Client().get(path).status_code == 200


# The letter


def test_the_letter_of_the_day_is_in_the_copy_as_in_the_mail() -> None:
    EditionLetter.objects.create(edition_date=DAY, text="# Hello\n\nRead *it*, and [this](https://a.example/?b&c).")
    (delivery,) = sent(row := ada())
    (letter,) = re.findall(r'<td[^>]*class="chip ink".*?</td>', page(row), re.S)
    assert "Read <em>it</em>" in letter
    assert letter in email_for(delivery).html


# What it costs and changes


@pytest.mark.parametrize("papers", [3, 40])
def test_it_takes_three_queries_whatever_it_shows(papers: int, django_assert_num_queries: Any) -> None:
    sent(row := ada(max_papers=25), papers=papers)
    path = copy_of(row)
    with django_assert_num_queries(3):  # the delivery, its letter, the cards
        Client().get(path)


@pytest.mark.parametrize("method", ["get", "head", "options", "post", "put", "patch", "delete"])
def test_looking_changes_nothing_and_nothing_else_is_taken(method: str) -> None:
    sent(row := ada())
    before, sent_before = list(every_row()), len(mail.outbox)
    answer = getattr(Client(enforce_csrf_checks=True), method)(copy_of(row))
    assert answer.status_code == (200 if method in ("get", "head") else 405)
    assert (list(every_row()), len(mail.outbox)) == (before, sent_before)


def test_another_sites_form_is_refused() -> None:
    sent(row := ada())
    assert Client().post(copy_of(row), headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403


def test_its_address_is_short_enough_for_a_header_and_absolute() -> None:
    address = digest_links(ada(), DAY).web_copy
    assert address.startswith(settings.SITE_URL + "/d/")
    own = address.removeprefix(settings.SITE_URL)
    assert len(f" <https://digest.example.org{own}>") <= 76  # on a line of its own, where it needs no encoding


# The ways to it


def test_the_receipts_lead_to_the_copy_of_what_was_sent_and_to_no_other() -> None:
    sent(row := ada())
    for days, status in enumerate(["skipped", "failed", "expired", "ready"], 1):
        delivery(row, issue_date=DAY + timedelta(days=days), status=status, subject="Later", message_id=f"<{days}@x>")
    Delivery.objects.create(subscriber=row, issue_date=DAY - timedelta(days=1), status="accepted")  # paperless
    found = re.findall(r'href="(/d/[^"]+)"', signed_in(row).get("/preferences/receipts").content.decode())
    assert found == [copy_of(row)]
    assert Client().get(found[0]).status_code == 200


def test_the_receipts_take_no_query_for_their_links(django_assert_num_queries: Any) -> None:
    sent(row := ada())
    for days in range(1, 20):
        older = DAY - timedelta(days=days)
        delivery(row, edition=Edition.objects.get(), issue_date=older, paper_ids=[1], message_id=f"<{days}@x>")
    client = signed_in(row)
    with django_assert_num_queries(4):  # session, reader, count, rows
        assert client.get("/preferences/receipts").content.decode().count("/d/") == 20
