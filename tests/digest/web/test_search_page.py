"""The page that searches papers."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from digest.editions.open_edition import open_edition
from digest.ingest import store
from digest.ingest.entry import Entry
from digest.models import CuratorPick, Paper
from subscriptions import rate_limits
from subscriptions.rate_limits import HOUR, Limit
from tests.support.factories import NOON, entry, feed, topic

pytestmark = pytest.mark.django_db


def publish(*entries: Entry, **values: Any) -> None:
    shown = feed(*entries, **values)
    store.store(store.source_named_in(shown, "file.xml"), shown, now=NOON)
    open_edition(NOON.date(), now=NOON)


def ask(status: int = 200, **parameters: Any) -> str:
    answer = Client().get(f"/papers/?{urlencode(parameters)}")
    assert answer.status_code == status
    return answer.content.decode()


def test_words_that_were_asked_for_are_marked_in_title_names_and_abstract() -> None:
    publish(entry(1, title="Colour & robots", abstract="A robot & its colors.", authors=("Ada Robot",)))
    html = ask(q="color robots")
    assert "<mark>Colour</mark> &amp; <mark>robots</mark>" in html
    assert "A <mark>robot</mark> &amp; its <mark>colors</mark>." in html
    assert "Ada <mark>Robot</mark>" in html


OPENING = "Cloth is soft and folds in many ways, and nobody agrees how many there are. " * 4
LONG = (
    "It has "
    + "many parts that follow one another, " * 12
    + "at last a gripper, "
    + "and more parts, " * 12
    + "an end."
)


@pytest.mark.parametrize(
    ("abstract", "query", "shown"),
    [
        # the sentence with most of the words, and one with the word that it lacks, in their order
        (
            OPENING + "We learn a gripper. Then comes rain. Our gripper folds <b>towels</b> & sheets in seconds.",
            "gripper towels learn",
            "… We <mark>learn</mark> a <mark>gripper</mark>. … Our <mark>gripper</mark> folds <mark>towels</mark> &amp; ",
        ),
        (OPENING + LONG, "gripper", "another, at last a <mark>gripper</mark>, and more parts, "),
        # the start has as many
        (OPENING + "Cloth again.", "cloth", ""),
        (OPENING + "The end.", "paper", ""),
        ("A gripper.", "gripper", ""),
    ],
)
def test_the_sentences_that_have_the_words_are_shown_of_a_long_abstract(abstract: str, query: str, shown: str) -> None:
    publish(entry(1, title="A paper", abstract=abstract))
    html = ask(q=query)
    found = re.findall(r'<p class="excerpt" dir="auto">(.*)</p>', html)
    assert [shown in part for part in found] == [True] * bool(shown)
    assert all(len(re.sub("<[^>]+>", "", part)) < 300 for part in found)
    assert '<p class="abstract" dir="auto">' in html  # the whole abstract, to unfold


def test_an_author_whom_the_line_of_authors_leaves_out_is_shown_if_asked_for() -> None:
    publish(entry(1, authors=("Ada A", "Ben B", "Cora C", "Dev Okafor", "Eve E", "Fay Z")))
    assert "Ada A, Ben B, Cora C … Dev <mark>Okafor</mark> … Fay Z (+1)" in ask(q="author:okafor")
    assert "<mark>Ada</mark> A, Ben B, Cora C … Fay Z (+2)" in ask(q="ada")


def test_a_search_that_only_leaves_out_and_one_that_finds_nothing_say_what_to_do() -> None:
    publish(entry(1))
    assert "a search cannot only leave words out" in ask(q="-robots")
    assert "Check the spelling" in ask(q="xylophone")
    html = ask(q="xylophone", category="cs.RO")
    assert "remove the filters" in html
    assert 'href="?q=xylophone"' in html


def test_an_identifier_or_an_address_leads_to_the_page_of_its_paper() -> None:
    publish(entry(1), entry(2))
    for typed in ("2603.00001", "arXiv:2603.00001v3", "https://arxiv.org/pdf/2603.00001.pdf"):
        answer = Client().get("/papers/", {"q": typed})
        assert (answer.status_code, answer["Location"]) == (302, "/papers/2603.00001")


def test_a_paper_that_is_hidden_is_not_led_to() -> None:
    publish(entry(1))
    CuratorPick.objects.create(paper=Paper.objects.get(), edition_date=NOON.date(), verdict="hide")
    assert "No paper here has this number or address" in ask(q="2603.00001")


def test_corrected_words_and_papers_with_some_of_the_words_are_said() -> None:
    publish(*(entry(number, title=f"Knitting robots {number}") for number in range(1, 4)))
    html = ask(q="kniting robots")
    assert "Showing results for <strong><bdi>knitting robots</bdi></strong>" in html
    assert "q=%22kniting%22+robots" in html
    assert "No paper has all the words; these have some of them." in ask(q='"kniting" robots')
    html = ask(q="knitting robots 3")
    assert "1 paper has all the words." in html
    assert html.index("Papers with some of the words") > html.index("<mark>3</mark>")


def test_the_filters_are_in_the_address_and_in_the_form_and_on_the_next_page() -> None:
    topic("Seas", keywords=["tides"])
    publish(*(entry(number, title=f"Tides {number}", categories=("physics.ao-ph",)) for number in range(1, 31)))
    asked = {"q": "tides", "from": "2026-03-01", "to": "2026-03-09", "topic": "seas", "category": "physics.ao-ph"}
    html = ask(**asked, sort="date")
    assert "30 papers have all the words." in html
    assert 'value="2026-03-01"' in html
    assert '<option value="seas" selected>' in html
    address = urlencode(asked).replace("&", "&amp;")
    assert f'rel="next" href="?{address}&amp;sort=date&amp;page=2"' in html
    assert "No paper was found" in ask(q="tides", to="2026-03-01")
    assert "The newest 30 papers." in ask(topic="seas")


def test_a_query_over_the_limit_is_cut_and_says_so() -> None:
    publish(entry(1))
    html = ask(q="measurement " * 60)
    assert "the rest was left out" in html
    assert "1 paper has all the words." in html


def test_too_many_searches_of_one_network_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(rate_limits.NETWORK, "search", Limit(2, HOUR))
    publish(entry(1))
    for _ in range(2):
        ask(q="measurement")
    assert "Too many requests" in ask(q="measurement", status=429)
    ask()


ADDRESS = st.fixed_dictionaries(
    {},
    optional={
        "q": st.text(max_size=60) | st.sampled_from(['"', "-", "a AND (b", "title:", "NEAR(", "2603.00001", "%", "*"]),
        "page": st.text(max_size=6) | st.integers().map(str),
        "from": st.dates().map(str) | st.text(max_size=12),
        "to": st.dates().map(str) | st.text(max_size=12),
        "topic": st.text(max_size=80),
        "category": st.text(max_size=50) | st.just("cs.LG"),
        "source": st.text(max_size=12) | st.integers().map(str),
        "sort": st.sampled_from(["date", "", "x"]),
    },
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(parameters=ADDRESS)
def test_any_address_gets_the_page(parameters: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(rate_limits.NETWORK, "search", Limit(10**6, HOUR))
    if not Paper.objects.exists():
        publish(entry(1), entry(2))
    encoded = urlencode({name: value.encode("utf-8", "surrogatepass") for name, value in parameters.items()})
    assert Client().get(f"/papers/?{encoded}").status_code in (200, 302)
