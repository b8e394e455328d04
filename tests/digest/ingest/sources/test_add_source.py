"""A pasted address: what it shows before anything is kept, and a sentence for each way in which it can be wrong."""

from __future__ import annotations

import gzip
from datetime import timedelta
from typing import Any

import pytest

from digest.ingest.sources import add_source
from digest.ingest.sources.add_source import CannotAdd, address_of, look_at
from digest.models import Paper, Source
from tests.support.factories import NOON, rss, source
from tests.support.http_server import Answer, Server, serve

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _loopback(settings: Any) -> None:
    settings.FETCH_LOOPBACK = True


def refusal_of(body: bytes = b"", *, path: str = "/feed", **answer: Any) -> CannotAdd:
    with serve({"/feed": Answer(body, **answer)}) as web, pytest.raises(CannotAdd) as refused:
        look_at(web.url(path), now=NOON)
    assert not Source.objects.exists()
    return refused.value


def looked(web: Server) -> add_source.Look:
    return look_at(web.url("/feed"), now=NOON)


@pytest.mark.service
def test_what_a_feed_shows_is_cleaned_and_nothing_is_kept() -> None:
    with serve({"/feed": Answer(rss("On $\\alpha$ &amp;lt;b&amp;gt;care&amp;lt;/b&amp;gt;", "Two"))}) as web:
        found = looked(web)
    assert (found.kind, found.name, found.url) == ("journal", "Annals of Care", web.url("/feed"))
    assert [entry.title for entry in found.entries] == ["On α care", "Two"]
    assert found.entries[0].authors == ("Ada Okafor", "Ben Sample")
    assert not Source.objects.exists()
    assert not Paper.objects.exists()


@pytest.mark.service
def test_what_is_left_out_is_counted_with_its_reason() -> None:
    with serve({"/feed": Answer(rss("One", "", "Three"))}) as web:
        ((why, count, _),) = looked(web).left_out
    assert (why, count) == ("no title", 1)


def test_a_bare_category_is_arxivs_feed() -> None:
    assert address_of("cs.lg") == "https://rss.arxiv.org/rss/cs.LG"
    assert address_of(" math ") == "https://rss.arxiv.org/rss/math"
    assert address_of("cs.CY+cs.HC") == "https://rss.arxiv.org/rss/cs.CY+cs.HC"
    with pytest.raises(CannotAdd, match=r"no category cs\.xx"):
        address_of("cs.XX")


def test_an_address_without_a_scheme_is_asked_safely() -> None:
    assert address_of("example.org/feed.xml#top") == "https://example.org/feed.xml"


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("", "Paste the address"),
        ("file:///etc/passwd", "does not begin with http"),
        ("ftp://example.org/feed", "does not begin with http"),
        ("https://ada:secret@example.org/feed", "user name or a password"),
        ("https://example.org/" + "x" * 600, "longer than 500"),
        ("https://[::1", "not a web address"),
    ],
)
def test_what_is_no_address_gets_a_sentence(typed: str, sentence: str) -> None:
    with pytest.raises(CannotAdd, match=sentence):
        address_of(typed)


@pytest.mark.parametrize("host", ["127.0.0.1", "10.1.2.3", "192.168.0.1", "169.254.169.254", "[::1]", "[fd00::1]"])
def test_an_address_in_a_private_network_is_refused(host: str, settings: Any) -> None:
    settings.FETCH_LOOPBACK = False
    with pytest.raises(CannotAdd, match="private network"):
        look_at(f"http://{host}:1/feed", now=NOON)


def test_a_redirect_into_a_private_network_is_refused() -> None:
    refused = refusal_of(status=302, headers={"Location": "http://10.0.0.1/feed"})
    assert "private network" in str(refused)


@pytest.mark.slow
def test_a_feed_of_50_megabytes_is_refused() -> None:
    bomb = gzip.compress(b"<rss>" + b" " * (50 << 20))
    assert "too large: more than 32 MiB" in str(refusal_of(bomb, headers={"Content-Encoding": "gzip"}))
    assert "too large: more than 32 MiB" in str(refusal_of(bomb))  # a .gz file
    assert "too large: more than 32 MiB" in str(refusal_of(b" " * (50 << 20)))


@pytest.mark.service
def test_a_page_that_names_feeds_offers_them() -> None:
    page = b"""<!doctype html><html><head><link rel="alternate" type="application/rss+xml" href="/rss?a=1&amp;b=2" title="News">
    <link rel=alternate type=application/atom+xml href=javascript:alert(1)><link rel="stylesheet" href="/x.css"></head></html>"""
    with serve({"/feed": Answer(page)}) as web, pytest.raises(CannotAdd, match="web page, not a feed") as refused:
        looked(web)
    assert refused.value.feeds == ((web.url("/rss?a=1&b=2"), "News"),)


@pytest.mark.service
def test_a_page_without_feeds_says_what_to_look_for() -> None:
    refused = refusal_of(b"<!doctype html><html><body>Hello</body></html>")
    assert "RSS or Atom" in str(refused)
    assert refused.feeds == ()


@pytest.mark.service
def test_a_feed_without_entries_is_refused() -> None:
    assert "no paper in it now" in str(refusal_of(rss()))


@pytest.mark.service
def test_an_arxiv_feed_is_rightly_empty_on_a_day_without_announcement() -> None:
    head = "<rss version='2.0'><channel><title>cs.LG updates on arXiv.org</title><link>http://rss.arxiv.org/rss/cs.LG</link>"
    with serve({"/feed": Answer(f"{head}</channel></rss>".encode())}) as web:
        sunday = look_at(web.url("/feed"), now=NOON - timedelta(days=1))
        with pytest.raises(CannotAdd, match="no paper in it now"):
            looked(web)  # on a Monday
    assert (sunday.kind, sunday.entries) == ("arxiv_rss", ())
    assert sunday.why_none


@pytest.mark.service
def test_a_feed_of_which_nothing_can_be_used_says_why() -> None:
    assert "None of its entries can be used: no title" in str(refusal_of(rss("", "")))


def test_a_missing_page_is_told() -> None:
    assert "answered 404" in str(refusal_of(path="/gone"))


def test_a_host_that_is_too_slow_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(add_source, "PATIENCE", add_source.http.Limits(connect=1, read=0.2, total=0.4))
    assert "sent nothing" in str(refusal_of(rss("One"), after=5))


def test_what_is_there_already_is_named_however_it_is_written() -> None:
    source("Annals", "https://example.org/feed")
    for typed in ("https://EXAMPLE.org/feed/", "http://example.org/feed", "example.org/feed#x"):
        with pytest.raises(CannotAdd, match="here already, as “Annals”"):
            look_at(typed, now=NOON)


def test_a_feed_that_says_it_is_one_we_have_is_not_added_twice() -> None:
    source("arXiv cs.LG", "https://rss.arxiv.org/rss/cs.LG", active=False)
    with pytest.raises(CannotAdd, match="switched off: switch it on"):
        look_at("cs.LG", now=NOON)


def test_a_source_is_added_once() -> None:
    made = add_source.add(url="https://example.org/feed", kind="journal", name="  Annals \n of Care ")
    assert (made.name, made.active, made.next_check_at) == ("Annals of Care", True, None)
    with pytest.raises(CannotAdd, match="here already"):
        add_source.add(url="https://example.org/feed", kind="journal", name="Another")
    with pytest.raises(CannotAdd, match="called “annals of care” already"):
        add_source.add(url="https://example.org/other", kind="journal", name="annals of care")
    with pytest.raises(CannotAdd, match="Give it a name"):
        add_source.add(url="https://example.org/other", kind="journal", name=" ")
    assert Source.objects.count() == 1


def test_days_are_taken_out_of_addresses_that_are_asked_by_day() -> None:
    assert add_source.address_to_store("https://huggingface.co/api/daily_papers?date=2026-03-01", "hugging_face") == (
        "https://huggingface.co/api/daily_papers"
    )
    asked = "https://api.biorxiv.org/details/medrxiv/2026-03-01/2026-03-02/0/json"
    assert add_source.address_to_store(asked, "biorxiv_api") == "https://api.biorxiv.org/details/medrxiv"


def test_a_source_that_showed_papers_is_not_removed() -> None:
    used, unused = source(), source("Unused", "https://example.org/unused")
    paper = Paper.objects.create(identifier="arxiv:2603.00001", title="One", first_seen_at=NOON)
    used.sightings.create(paper=paper, seen_at=NOON)
    with pytest.raises(CannotAdd, match="switch it off"):
        add_source.remove(used)
    add_source.remove(unused)
    assert list(Source.objects.all()) == [used]
