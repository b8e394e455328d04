"""Feeds in the forms of RSS, Atom and JSON Feed, stored as an operator's files are."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from digest.ingest import parsers, store
from digest.models import Paper
from tests.support.factories import NOON

ATOM = (
    'xmlns="http://www.w3.org/2005/Atom" xmlns:dc="http://purl.org/dc/elements/1.1/" '
    'xmlns:prism="http://prismstandard.org/namespaces/basic/2.0/"'
)
RSS = (
    'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:content="http://purl.org/rss/1.0/modules/content/" '
    'xmlns:prism="http://prismstandard.org/namespaces/basic/2.0/"'
)


def show(body: str | bytes, *, days: int = 0) -> store.Reading:
    feed = parsers.read(body.encode() if isinstance(body, str) else body)
    return store.store(store.source_named_in(feed, "file.xml"), feed, now=NOON + timedelta(days=days))


def atom(*entries: str, name: str = "Notes") -> str:
    wrapped = "".join(f"<entry>{entry}</entry>" for entry in entries)
    return f'<feed {ATOM}><title>{name}</title><link href="https://n.example.org/"/>{wrapped}</feed>'


def rss(*items: str, name: str = "Journal of Bees") -> str:
    wrapped = "".join(f"<item>{item}</item>" for item in items)
    return f'<rss version="2.0" {RSS}><channel><title>{name}</title><link>https://n.example.org/</link>{wrapped}</channel></rss>'


def json_feed(*items: dict[str, Any], **head: Any) -> str:
    return json.dumps({"version": "https://jsonfeed.org/version/1.1", "title": "Notes", "items": list(items)} | head)


def cdata(element: str, text: str) -> str:
    return f"<{element}><![CDATA[{text}]]></{element}>"


def counts(*readings: store.Reading) -> list[tuple[int, int]]:
    return [(reading.new, reading.updated) for reading in readings]


def only(item: str) -> Paper:
    show(rss(f"<title>Counting bees at dusk</title><link>https://n.example.org/7</link>{item}"))
    return Paper.objects.get()
