"""JSON Feed is read like any other feed."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest

from digest.ingest import parsers
from digest.ingest.parsers import Feed, SourceUnreadable


def feed(*items: Any, **head: Any) -> Feed:
    body = {"version": "https://jsonfeed.org/version/1.1", "title": "Bees", **head, "items": list(items)}
    return parsers.read(json.dumps(body).encode())


def test_an_item_has_all_that_a_feeds_item_has() -> None:
    read = feed(
        {
            "id": "https://doi.org/10.5555/bee.7",
            "url": "https://bees.example/7",
            "title": "Counting bees",
            "content_html": "<p>Bees, EarlyView.</p><p>We count.</p>",
            "authors": [{"name": "Ann Lee"}, {"name": "Bo Chen"}, {"name": "Ann Lee"}, 7],
            "date_published": "2026-08-03T10:00:00Z",
            "tags": ["bees", 7],
        },
        feed_url="https://bees.example/feed.json",
    )
    (paper,) = read.entries
    assert (read.kind, read.name, read.url) == ("journal", "Bees", "https://bees.example/feed.json")
    assert paper.identifiers == ("doi:10.5555/bee.7", "url:bees.example/7")
    assert (paper.title, paper.abstract, paper.authors) == ("Counting bees", "We count.", ("Ann Lee", "Bo Chen"))
    assert (paper.announced_on, paper.categories) == (date(2026, 8, 3), ("bees",))


def test_version_1_has_one_author_and_an_external_link() -> None:
    read = feed(
        {
            "id": 7,
            "external_url": "https://arxiv.org/abs/2601.00042v2",
            "title": "Bees",
            "author": {"name": "Cy Day"},
            "content_text": "We count.",
        },
        version="https://jsonfeed.org/version/1",
    )
    assert [(one.identifiers, one.authors, one.abstract, one.version) for one in read.entries] == [
        (("arxiv:2601.00042",), ("Cy Day",), "We count.", 2)
    ]


def test_odd_items_are_refused_one_by_one() -> None:
    good = {"id": "1", "url": "https://bees.example/1", "title": "Bees"}
    read = feed(good, 7, {}, {"title": ["a"], "tags": 3, "authors": 4}, {"title": "Without a link"})
    assert len(read.entries) == 1
    assert [one.why for one in read.refused] == ["not an item", "no title", "no title", "no link"]
    assert feed().entries == ()


def test_a_cut_feed_gives_its_whole_items() -> None:
    items = [{"id": str(n), "url": f"https://bees.example/{n}", "title": f"Bees {n}"} for n in range(3)]
    body = json.dumps({"version": "https://jsonfeed.org/version/1.1", "title": "Bees", "items": items})
    read = parsers.read(body[:-40].encode())
    assert [entry.title for entry in read.entries] == ["Bees 0", "Bees 1"]
    assert [one.why for one in read.refused] == ["cut in the middle"]


@pytest.mark.parametrize("body", ['{"answer": 42}', '{"version": "https://jsonfeed.org/version/1.1"}', '{"data": {}}'])
def test_json_of_no_known_kind_is_said_to_be_that(body: str) -> None:
    with pytest.raises(SourceUnreadable, match="JSON of no known kind"):
        parsers.read(body.encode())
