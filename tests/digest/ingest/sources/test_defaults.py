from __future__ import annotations

from datetime import date

import pytest

from digest.ingest import parsers
from digest.ingest.parsers.taxonomy import CATEGORIES
from digest.ingest.sources.defaults import SOURCES, DefaultSource, request_urls
from subscriptions.default_topics import TOPICS

TODAY = date(2026, 3, 2)
ALIASES = {"cs.IT": "math.IT", "cs.NA": "math.NA", "cs.SY": "eess.SY"}


def specs() -> set[str]:
    return {name for one in SOURCES if one.kind == "arxiv_rss" for name in one.url.rpartition("/")[2].split("+")}


def is_read(category: str) -> bool:
    name = ALIASES.get(category, category)
    return bool({name, name.partition(".")[0]} & specs())


def arxiv_feed(spec: str) -> bytes:
    """The head of a feed: the service sets a comma between the names of a union."""
    title = f"{spec.replace('+', ', ')} updates on arXiv.org"
    return f"<rss version='2.0'><channel><title>{title}</title><link>http://rss.arxiv.org/rss/{spec}</link></channel></rss>".encode()


def preprint_feed(server: str) -> bytes:
    return (
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/">'
        f'<channel rdf:about="https://{server.lower()}.org"><title>{server} Subject Collection: All</title>'
        f"<link>http://{server.lower()}.org</link></channel></rdf:RDF>"
    ).encode()


def test_there_are_at_most_thirty_each_once_and_of_a_kind_that_can_be_read() -> None:
    assert len(SOURCES) <= 30
    assert len({one.url for one in SOURCES}) == len({one.name for one in SOURCES}) == len(SOURCES)
    assert {one.kind for one in SOURCES} <= set(parsers.KINDS)


def test_every_category_that_is_asked_for_exists() -> None:
    archives = {category.partition(".")[0] for category in CATEGORIES}
    assert specs() <= set(CATEGORIES) | archives


@pytest.mark.parametrize("one", SOURCES, ids=lambda one: one.name)
def test_a_reading_of_a_source_names_the_same_row(one: DefaultSource) -> None:
    if one.kind == "arxiv_rss":
        feed = parsers.read(arxiv_feed(one.url.rpartition("/")[2]))
    elif one.kind == "journal":
        feed = parsers.read(preprint_feed(one.name.partition(":")[0]))
    else:
        feed = parsers.read(b"[]")
    assert DefaultSource(feed.kind, feed.name, feed.url) == one


def test_every_topic_on_offer_with_categories_has_one_that_is_read() -> None:
    unread = [
        topic.name
        for group in TOPICS.values()
        for topic in group
        if topic.categories and not any(map(is_read, topic.categories))
    ]
    # papers of cs.MA come with the feed of cs.AI, where they are cross-listed
    assert unread == ["Agents and planning"]


def test_no_feed_holds_all_of_computer_science() -> None:
    assert "cs" not in specs()


def test_only_sources_of_one_day_are_asked_for_it() -> None:
    by_name = {one.name: one for one in SOURCES}
    learning, votes = by_name["arXiv cs.LG"], by_name["Hugging Face daily papers"]
    assert request_urls(learning.url, learning.kind, TODAY) == ("https://rss.arxiv.org/rss/cs.LG",)
    assert request_urls(votes.url, votes.kind, TODAY) == (
        "https://huggingface.co/api/daily_papers?date=2026-03-01&limit=100",
        "https://huggingface.co/api/daily_papers?date=2026-03-02&limit=100",
    )
    assert request_urls("https://api.biorxiv.org/details/medrxiv", "biorxiv_api", TODAY) == (
        "https://api.biorxiv.org/details/medrxiv/2026-03-01/2026-03-02/0/json",
    )
