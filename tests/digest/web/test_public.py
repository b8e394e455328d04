"""What a visitor sees: the day's papers, older days, and a search."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from digest.editions.open_edition import open_edition
from digest.ingest import store
from digest.ingest.entry import Entry
from digest.models import CuratorPick, Edition, EditionLetter, Paper
from digest.search import index
from digest.web.papers.cards import why_trending
from tests.support.database_rows import every_row
from tests.support.factories import NOON, entry, feed

pytestmark = pytest.mark.django_db
VOTES = {"kind": "hugging_face", "name": "Hugging Face daily papers", "url": "https://huggingface.co/api/daily_papers"}
LONG = "We measure the tides. " * 40


def publish(*entries: Entry, at: datetime = NOON, **values: Any) -> Edition:
    shown = feed(*entries, **values)
    store.store(store.source_named_in(shown, "file.xml"), shown, now=at - timedelta(hours=9))
    return open_edition(at.date(), now=at)[0]


def page(path: str, status: int = 200) -> str:
    answer = Client().get(path)
    assert answer.status_code == status
    return answer.content.decode()


def headings(html: str) -> list[str]:
    return [" ".join(re.sub("<[^>]+>", "", found).split()) for found in re.findall(r"<h3[^>]*>(.*?)</h3>", html, re.S)]


# Home


def test_home_has_the_latest_papers_most_trending_first_under_a_way_in() -> None:
    publish(entry(1, title="Quiet tides"), entry(2, title="Loud tides", points=73, announced=""), **VOTES)
    publish(entry(3, points=5), entry(4, points=80), at=NOON + timedelta(days=1), **VOTES)
    html = page("/")
    assert headings(html) == [f"Paper number {number} on careful measurement" for number in (4, 3)]
    assert html.index("Get trending papers in your inbox once a day") < html.index('type="email"') < html.index("<h3")
    assert 'href="/2026-03-02"' in html


def test_a_paper_says_who_wrote_it_where_it_appeared_and_why_it_is_trending() -> None:
    publish(
        entry(1, points=73, comments=12, stars=1340, announced="", categories=("cs.LG", "stat.ML")),
        at=datetime(2026, 3, 3, 12, tzinfo=UTC),
        **VOTES,
    )
    words = " ".join(re.sub("<[^>]+>", " ", page("/")).split())
    assert "Ada Example, Ben Sample" in words
    assert "Trending 36.0 : 73 upvotes on Hugging Face in 9 hours · 12 comments · 1,340 stars on GitHub" in words
    assert "cs.LG" in words
    assert "Machine Learning" in words
    assert "stat.ML" in words
    # a line breaks nowhere in the brackets
    assert "score = (upvotes&nbsp;+&nbsp;1) ÷&nbsp;(hours&nbsp;+&nbsp;2) 0.3" in words
    assert pytest.approx(36.0, abs=0.05) == (73 + 1) / (9 + 2) ** 0.3


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({}, ""),
        ({"points": None}, ""),
        ({"points": 1, "hours": 0.4, "source": "Hugging Face daily papers"}, "1 upvote on Hugging Face in less than an hour"),
        ({"points": 1200, "hours": 1.0, "source": "Elsewhere"}, "1,200 upvotes on Elsewhere in 1 hour"),
        ({"points": 0, "hours": 70, "source": ""}, "0 upvotes in 3 days"),
    ],
)  # fmt: skip
def test_why_a_paper_is_trending_is_said_from_its_frozen_inputs(inputs: dict, words: str) -> None:
    assert why_trending(inputs) == words


def test_a_paper_without_votes_does_not_claim_to_be_trending() -> None:
    publish(entry(1))
    html = page("/")
    assert "Paper number 1" in html
    assert 'class="why"' not in html


def test_a_long_abstract_is_folded_and_can_be_unfolded_without_a_script() -> None:
    publish(entry(1, abstract=LONG), entry(2, abstract="Short."))
    html = page("/")
    assert LONG.strip() in html
    assert html.count('<details class="more">') == 1
    assert '<p class="abstract" dir="auto">Short.</p>' in html


def test_before_the_first_edition_the_page_says_so() -> None:
    assert "No edition yet" in page("/")


def test_an_edition_without_papers_says_so() -> None:
    publish()
    assert "There are no new papers for this day." in page("/")


def test_papers_come_by_the_page_and_no_number_breaks_it() -> None:
    publish(*(entry(number) for number in range(1, 61)))
    pages = {number: headings(page(f"/?page={number}")) for number in (1, 2, 3)}
    assert [len(found) for found in pages.values()] == [25, 25, 10]
    assert len({title for found in pages.values() for title in found}) == 60
    assert 'start="26"' in page("/?page=2")
    assert headings(page("/")) == headings(page("/?page=x\0")) == headings(page("/?page=" + "9" * 5000)) == pages[1]
    assert headings(page("/?page=99")) == headings(page("/?page=-1")) == pages[3]


def test_hidden_embargoed_and_withdrawn_papers_are_not_shown() -> None:
    edition = publish(*(entry(number) for number in range(1, 5)))
    hidden, embargoed, withdrawn, _ = Paper.objects.order_by("pk")
    CuratorPick.objects.create(paper=hidden, edition_date=edition.date, verdict="hide")
    later = datetime.now(UTC) + timedelta(days=1)
    CuratorPick.objects.create(paper=embargoed, edition_date=edition.date, verdict="pick", embargo_until=later)
    Paper.objects.filter(pk=withdrawn.pk).update(withdrawn_at=NOON)
    for path in ("/", f"/{edition.date}", "/papers/?q=measurement"):
        assert headings(page(path)) == ["Paper number 4 on careful measurement"]


def test_markup_and_unprintable_characters_in_a_paper_show_as_text() -> None:
    evil = "<script>alert(1)</script>\u202e\x01 {{ 7*7 }} ]]> \" onmouseover=x '"
    publish(entry(1))
    Paper.objects.update(abstract=evil * 20, categories=[evil, "x" * 10_000], title=evil)
    index(list(Paper.objects.all()))
    Edition.objects.get().candidates.update(
        card={**Edition.objects.get().candidates.get().card, "title": "<b>Bold</b>"}
    )
    for path in ("/", "/papers/?q=alert"):
        html = page(path)
        assert "<script>alert" not in html
        assert "<b>" not in html
        assert not re.search("[\x01\u202e]", html)
        assert headings(html) == ["&lt;b&gt;Bold&lt;/b&gt;"]


def test_a_link_that_is_no_web_address_is_left_out() -> None:
    publish(entry(1, url="javascript:alert(1)"))
    assert "javascript:" not in page("/")


# Days


def test_an_older_day_leads_to_those_around_it() -> None:
    for days in range(3):
        publish(entry(days + 1), at=NOON + timedelta(days=days))
    html = page("/2026-03-03")
    assert headings(html) == ["Paper number 2 on careful measurement"]
    assert 'rel="prev" href="/2026-03-02"' in html
    assert 'rel="next" href="/2026-03-04"' in html


def test_a_day_without_an_edition_says_so_and_leads_to_those_around_it() -> None:
    publish(entry(1))
    html = page("/2026-02-28", status=404)
    assert "No edition on 28 February 2026" in html
    assert 'href="/2026-03-02"' in html


@pytest.mark.parametrize(
    "path", ["/2026-02-31", "/0000-00-00", "/9999-12-31", "/0001-01-01", "/2026-3-2", "/٢٠٢٦-٠٣-٠٢"]
)
def test_no_date_breaks_the_page(path: str) -> None:
    page(path, status=404)


# Search


def test_a_search_shows_cards_with_their_day() -> None:
    publish(entry(1, title="Knitting robots"), entry(2))
    html = page("/papers/?q=ROBOTS")
    assert headings(html) == ["Knitting robots"]
    assert 'href="/2026-03-02"' in html
    assert 'value="ROBOTS"' in html


def test_a_search_keeps_its_words_on_the_next_page() -> None:
    publish(*(entry(number, title=f"R&D {number} = gain") for number in range(1, 61)))
    html = page("/papers/?q=R%26D+gain+%3D")
    assert 'href="?q=R%26D+gain+%3D&amp;page=2"' in html
    assert len(headings(page("/papers/?q=R%26D%20gain%20%3D&page=2"))) == 25


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/papers/", "Enter words"),
        ("/papers/?q=+%00+", "Enter words"),
        ("/papers/?q=zebra", "No paper was found"),
        ("/papers/?q=%FF%FE", "Enter words"),
        ("/papers/?q=" + "x" * 3000, "No paper was found"),
        ("/papers/?q=%3Cscript%3Ealert%281%29%3C%2Fscript%3E", "No paper has all the words"),
    ],
)
def test_an_empty_or_hostile_search_gets_a_kind_page(path: str, words: str) -> None:
    publish(entry(1))
    html = page(path)
    assert words in html
    assert "<script>alert" not in html


# The letter of the day


@pytest.mark.parametrize("path", ["/", "/2026-03-02"])
def test_the_letter_of_the_day_stands_above_the_papers(path: str) -> None:
    publish(entry(1, title="Tides"))
    text = "# Hello\n\nRead *it* <b> [here](https://a.example/?b&c)."
    EditionLetter.objects.create(edition_date=NOON.date(), text=text)
    EditionLetter.objects.create(edition_date=NOON.date() + timedelta(days=1), text="Of tomorrow")
    html = page(path)
    assert "A letter from the editors" in html
    assert 'Read <em>it</em> &lt;b&gt; <a href="https://a.example/?b&amp;c" rel="nofollow">here</a>.' in html
    assert html.index("A letter from the editors") < html.index('<ol class="papers"')
    assert "Of tomorrow" not in html
    assert "A letter from the editors" not in page("/2026-03")


# All of them


@pytest.mark.parametrize("path", ["/", "/2026-03-02", "/2026-03-01", "/papers/?q=tides", "/health"])
def test_looking_changes_nothing_and_begins_no_session(path: str) -> None:
    publish(entry(1, title="Tides"))
    before = list(every_row())
    for method in ("get", "head", "options"):
        answer = getattr(Client(), method)(path)
        assert answer.status_code in (200, 404, 405, 503)
        assert {name for name in answer.cookies if "csrf" not in name} == set()
    assert list(every_row()) == before
    assert Client().post(path).status_code in (403, 405)


@pytest.mark.parametrize(
    ("path", "queries"),
    [("/", 13), ("/2026-03-02", 13), ("/2026-W10", 12), ("/2026-03", 12), ("/papers/?q=measurement", 12)],
)
def test_a_page_takes_the_same_queries_for_fifty_papers_as_for_one(
    path: str, queries: int, django_assert_num_queries: Any
) -> None:
    publish(*(entry(number) for number in range(1, 61)))
    with django_assert_num_queries(queries):
        page(path)
