"""Read JSON Feed, versions 1 and 1.1, like any other feed of papers."""

from __future__ import annotations

from typing import Any

from digest.ingest.parsers import journal
from digest.ingest.parsers.feed import Feed, Refused, plain
from digest.ingest.parsers.json_items import Items
from digest.ingest.parsers.syndication import Item, Syndicated
from digest.ingest.parsers.xml_repair import Markup


def recognises(found: Items) -> bool:
    return "items" in found.head


def from_items(found: Items) -> Feed:
    """Return the papers of a decoded feed."""
    channel = {
        "title": plain(found.head.get("title")),
        "link": plain(found.head.get("home_page_url")),
        "links": [{"rel": "self", "href": plain(found.head.get("feed_url"))}],
    }
    odd = [number for number, item in enumerate(found.items, start=1) if not isinstance(item, dict)]
    refused = (*found.refused, *(Refused(what=f"item {number}", why="not an item") for number in odd))
    markup = Markup(text="", root="", notes=found.notes, refused=refused, garbled=found.garbled)
    items = [_item(item) for item in found.items if isinstance(item, dict)]
    return journal.from_feed(Syndicated(channel=channel, items=items, markup=markup))


def _item(given: dict[str, Any]) -> Item:
    """Return an item with the names that RSS and Atom have for its parts."""
    identifier = given.get("id")
    people = given.get("authors") or given.get("author")
    people = people if isinstance(people, list) else [people]
    tags = given.get("tags")
    return {
        "id": str(identifier) if isinstance(identifier, int | float) else plain(identifier),
        "title": plain(given.get("title")),
        "link": plain(given.get("url")) or plain(given.get("external_url")),
        "summary": plain(given.get("summary")),
        "content": [{"value": plain(given.get(key))} for key in ("content_html", "content_text")],
        "authors": [_person(one) for one in people if isinstance(one, dict | str)],
        "dc_identifiers": [
            {"value": plain(given.get("external_url"))}
        ],  # the work that an item of a list of links shows
        "tags": [{"term": tag} for tag in tags] if isinstance(tags, list) else [],
        "published": plain(given.get("date_published")),
        "updated": plain(given.get("date_modified")),
    }


def _person(given: dict[str, Any] | str) -> dict[str, Any]:
    return {"name": given} if isinstance(given, str) else given
